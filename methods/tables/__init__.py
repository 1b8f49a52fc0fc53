"""Methods of the table track: ways to shrink a trainable embedding table inside a click model."""

from methods.tables.base import Fields, Stage, State, TableArtifact, TableBudgetError, TableMethod

__all__ = ["Fields", "Stage", "State", "TableArtifact", "TableBudgetError", "TableMethod"]
