"""The root of the command line."""

from typing import Any

import click

from scripts.cli import archive, audit, container, formats, measure, models, predict, rollout, serve
from scripts.common.errors import reported


class CommandGroup(click.Group):
    """A group whose commands report errors that the user can fix in one sentence, with exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        with reported():
            return super().invoke(ctx)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands in the order of registration, which is the order in which a newcomer needs them."""
        return list(self.commands)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Build, serve, manage and measure an image classifier."""


for command in (
    serve.demo,
    serve.serve,
    archive.archive,
    archive.show,
    models.models,
    rollout.rollout,
    predict.predict,
    formats.formats,
    measure.bench,
    measure.tune,
    measure.soak,
    measure.fuzz,
    audit.audit,
    container.container,
):
    main.add_command(command)
