"""What a rule is."""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]


class Rule(NamedTuple):
    """`formula` says when the rule fires, and where its limit comes from; empty if the title says it all."""

    severity: Severity
    title: str
    advice: str
    formula: str = ""
