"""The faults of detection data, one rule each; nothing is repaired."""

from eda.check.findings import check
from eda.check.rule import Rule
from eda.check.rules import RULES

__all__ = ["RULES", "Rule", "check"]
