"""Generates the tables of README.md and docs/ from the code and the configuration (`make docs`).

Each description is written once, next to the code or the key that it describes.
"""

import re
from collections.abc import Iterator

import click
import yaml

from eda.check import RULES, Rule
from handler import errors as handler_errors
from handler.metrics import DECLARED
from scripts.cli.main import main
from scripts.client.management import Management
from scripts.common.paths import CONFIG, PROJECT
from scripts.container.queue_metrics import ServingMetrics
from scripts.container.readiness import Readiness
from scripts.docs.markdown import table

METRIC = ("metric", "type", "meaning")


def errors() -> str:
    """Return the handler's errors, described in the docstring of `handler.errors`."""
    meanings = dict(re.findall(r"^\d{3}\s+([a-z0-9-]+)\s+(.+)$", str(handler_errors.__doc__), re.MULTILINE))
    rows = [(problem.status, f"`{problem.slug}`", meanings[problem.slug]) for problem in handler_errors.TABLE]
    return table(("status", "type", "when"), rows)


def settings(file: str) -> str:
    """Return the keys of a file in config/, described by the comment above each.

    Args:
        file: its name: a .properties file, or YAML with at most one level of nesting.
    """
    keys = documented_keys((CONFIG / file).read_text(encoding="utf-8"))
    return table(("setting", "value", "meaning"), ((f"`{key}`", f"`{value}`", meaning) for key, value, meaning in keys))


def documented_keys(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (key, value, the comment above it) of each key in a configuration file; a nested key is `section.key`."""
    section, comment = "", ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment = f"{comment} {line.lstrip(' #')}".lstrip()
            continue
        if found := re.fullmatch(r"( *)(?:- )?(\w+)(?:=|: ?)(.*)", line):
            indent, key, value = found.groups()
            if not indent:
                section = "" if value else f"{key}."
            if value:
                yield (section if indent else "") + key, value, comment
        comment = ""


def metrics() -> str:
    """Return the handler's metrics, described by the comments in config/metrics.yaml."""
    meanings = _meanings()
    return table(METRIC, ((f"`{name}`", kind.value, meanings[name]) for name, (kind, *_) in DECLARED.items()))


def torchserve_metrics() -> str:
    """Return TorchServe's own metrics, described likewise."""
    sections = yaml.safe_load((CONFIG / "metrics.yaml").read_text(encoding="utf-8"))
    kinds = {
        metric["name"]: kind
        for section in ("ts_metrics", "model_metrics")
        for kind, metrics in sections[section].items()
        for metric in metrics
    }
    meanings = _meanings()
    return table(METRIC, ((f"`{name}`", kind, meanings[name]) for name, kind in kinds.items() if name not in DECLARED))


def status_metrics() -> str:
    """Return the status service's metrics, described by their HELP."""
    families = ServingMetrics(Readiness(Management(), "")).collect()
    ends = {"counter": "_total"}
    return table(
        METRIC, ((f"`{each.name}{ends.get(each.type, '')}`", each.type, each.documentation) for each in families)
    )


def _meanings() -> dict[str, str]:
    keys = documented_keys((CONFIG / "metrics.yaml").read_text(encoding="utf-8"))
    return {value: meaning for _, value, meaning in keys}


def targets() -> str:
    """Return the Makefile's targets."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z0-9-]+):.*?## (.+)$", makefile, re.MULTILINE)
    return table(("target", "does"), ((f"`make {name}`", meaning) for name, meaning in found))


def commands() -> str:
    """Return the commands of `python -m scripts`."""
    rows = [(f"`{name}`", meaning.replace("<", r"\<")) for name, meaning in _commands(main)]
    return table(("command", "does"), rows)


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield prefix + name, command.get_short_help_str(limit=200)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")


def eda_rules() -> str:
    """Return the rules of eda, with the formulas of those that have one."""
    rows = [(f"`{name}`", rule.severity, describe(rule)) for name, rule in RULES.items()]
    return table(("rule", "severity", "looks for"), rows)


def describe(rule: Rule) -> str:
    return f"{rule.title}: {rule.formula}" if rule.formula else rule.title
