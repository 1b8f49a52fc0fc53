"""Methods of the table track: ways to shrink a trainable embedding table inside a click model."""

from methods.tables.base import TableArtifact, TableBudgetError, TableMethod
from methods.tables.state import Fields, Stage, State

__all__ = ["Fields", "Stage", "State", "TableArtifact", "TableBudgetError", "TableMethod"]
