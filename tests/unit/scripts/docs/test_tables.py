"""The tables generated from the code and the configuration."""

import re
from collections.abc import Callable
from functools import partial

import pytest
import yaml

from handler.errors import TABLE
from handler.metrics import DECLARED
from scripts.common.paths import CONFIG
from scripts.docs import tables


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize(
    "table",
    [
        tables.errors,
        partial(tables.settings, "model-config.yaml"),
        partial(tables.settings, "config.properties"),
        tables.metrics,
        tables.torchserve_metrics,
        tables.status_metrics,
        tables.targets,
        tables.commands,
        tables.eda_rules,
    ],
)
def test_every_row_has_a_description(table: Callable[[], str]) -> None:
    rows = cells(table())
    assert rows
    assert all(all(row) for row in rows), rows
    assert len({len(row) for row in rows}) == 1


def test_errors_keep_their_order() -> None:
    assert [row[1] for row in cells(tables.errors())] == [f"`{problem.slug}`" for problem in TABLE]


def test_every_key_of_the_model_config_is_listed() -> None:
    document = yaml.safe_load((CONFIG / "model-config.yaml").read_text(encoding="utf-8"))
    handler = document.pop("handler")
    listed = {row[0].strip("`"): row[1].strip("`") for row in cells(tables.settings("model-config.yaml"))}
    expected = document | {f"handler.{key}": value for key, value in handler.items()}
    assert listed == {key: str(value) for key, value in expected.items()}


def test_every_property_is_listed() -> None:
    text = (CONFIG / "config.properties").read_text(encoding="utf-8")
    keys = re.findall(r"^(\w+)=", text, re.MULTILINE)
    assert [row[0].strip("`") for row in cells(tables.settings("config.properties"))] == keys


def test_every_metric_of_the_handler_is_listed() -> None:
    assert [row[0].strip("`") for row in cells(tables.metrics())] == list(DECLARED)


def test_a_comment_describes_the_key_below_it() -> None:
    text = (
        "# About the file.\n\n# One.\n# And more.\none: 1\ntwo: 2\nsection:\n  # Three.\n  three: 3\n# Four.\nfour: 4\n"
    )
    assert list(tables.documented_keys(text)) == [
        ("one", "1", "One. And more."),
        ("two", "2", ""),
        ("section.three", "3", "Three."),
        ("four", "4", "Four."),
    ]


def test_commands_are_listed_with_their_groups() -> None:
    names = [row[0] for row in cells(tables.commands())]
    assert {"`serve`", "`models register`", "`rollout back`", "`bench`", "`bench precision`"} <= set(names)
    assert "`models`" not in names
    assert "`java`" not in names  # hidden
