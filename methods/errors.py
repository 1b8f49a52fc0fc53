"""Errors for people: what was wrong, with which value, and what would be right."""

from __future__ import annotations


class MethodError(ValueError):
    """A method cannot do what it was asked to; the message says what would be right."""


class BudgetError(MethodError):
    """The byte budget is below the smallest code of a method.

    Attributes
    ----------
    smallest : int
        Bytes of the smallest code that the method can make at this dimension with these parameters.
    """

    def __init__(self, method: str, code_bytes: int, smallest: int) -> None:
        self.method, self.code_bytes, self.smallest = method, code_bytes, smallest
        super().__init__(
            f"{method} cannot go down to {code_bytes} bytes a vector; its smallest code is {smallest} B "
            "(`python -m methods` lists those of others)"
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.method, self.code_bytes, self.smallest)


class NotDecodable(MethodError):
    """The codes hold no approximation of the vectors (hash codes)."""


class NotFitted(MethodError):
    """The codec was used before ``fit``."""


class UnsupportedMetric(MethodError):
    """The method does not support this metric."""


class MissingDependency(MethodError):
    """An optional distribution that the method needs is not installed; the message names the extra."""


class NeedsQueries(MethodError):
    """The method learns from queries, and there are none that it may learn from."""


class NotMeasuredSo(MethodError):
    """The method cannot take part in what a run measures; the message says what to leave out."""


class WrongTrack(MethodError):
    """The method belongs to another track than the data set; the message names those that fit."""


class NotMapped(MethodError):
    """A searcher of the method lays codes out anew: those in a mapped file would be copied into memory."""


class NotInFaiss(MethodError):
    """faiss has no index that searches these codes as the method does."""


class NoSuccessor(MethodError):
    """The method has no codec for a new encoder that is compatible with the codes of an old one."""


class UnknownMethod(MethodError):
    """No method has this name; the message suggests the nearest."""


class SavedCodecError(MethodError):
    """A codec cannot be saved, or a file holds none that can be loaded here."""
