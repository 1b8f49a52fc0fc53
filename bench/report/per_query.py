"""Recall of every single query of a finished run, from what it left behind: what paired tests compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bench import records
from bench.config import RunConfig
from bench.datasets import AnyDataset, ClickDataset, ground_truth
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.execution.data import load_dataset
from bench.measure import click
from bench.measure.repeats import groups_of
from bench.measure.statistics import once
from bench.records import Record
from bench.tracks import track_of

_TRUTH_K = 100
_SAME = 5e-4  # recall of the first k of 100 returned may differ so much from that of a search for k
_PACKED_K = 10


class RecallOfQueries:
    """Looks up the true neighbors of one data set for the runs on it.

    Parameters
    ----------
    dataset : Dataset or RaggedDataset
    """

    def __init__(self, dataset: AnyDataset) -> None:
        self.dataset = dataset
        self._groups = None if isinstance(dataset, ClickDataset) else groups_of(dataset.queries, dataset.metric)
        self._judge = track_of(dataset).recall_judge(dataset, ground_truth(dataset, _TRUTH_K))

    @classmethod
    def of(cls, record: Record) -> RecallOfQueries:
        """For the data set of ``record``; :class:`UsageError` or DatasetError if it is not to be had as it was."""
        return cls(_dataset_of(record))

    def values(self, record: Record, folder: Path, k: int = 10) -> np.ndarray:
        """Recall@k of the run whose arrays lie in ``folder``, a value for each distinct query (with the run's mean).

        The run judged its search for k itself and left that behind. A run that did not (by an older version, or for
        another k) is judged by the first k that its search for 100 returned; of a re-ranked run, these are others than
        those of a search for k, the mean is then not the record's, and that is an error.

        Raises
        ------
        UsageError
            If the arrays are missing or of another attempt, of another data set, or do not give the record's recall.
        """
        if record.dataset.checksum != self.dataset.checksum:
            raise UsageError(f"{folder} was measured on other vectors or queries than those that it is compared on")
        arrays = records.read_queries(folder)
        recall = arrays.get(f"recall@{k}")
        if recall is None:
            recall = self._judge.recall(arrays["ids"][:, :k], k)
        known = record.quality.get(f"recall@{k}")
        if known is not None and abs(recall.mean() - known.value) > _SAME:
            raise UsageError(f"{folder} does not hold what a search for {k} returned; its queries cannot be paired")
        return once(recall, self._groups)


class AucOfExamples:
    """AUC of click models on the same test examples, as a mean over groups of them."""

    def __init__(self, dataset: ClickDataset) -> None:
        self.dataset = dataset

    def values(self, record: Record, folder: Path, k: int = 10) -> np.ndarray:
        """Values (groups,) whose mean is the run's AUC; as :meth:`RecallOfQueries.values`, of which ``k`` is left."""
        if record.dataset.checksum != self.dataset.checksum:
            raise UsageError(f"{folder} was measured on other examples than those that it is compared on")
        logits = records.read_queries(folder)["logits"]
        return click.influences(logits, np.asarray(self.dataset.test.labels))


def packed_values(record: Record, k: int = 10) -> np.ndarray | None:
    """What :meth:`RecallOfQueries.values` gave when ``record`` was packed; None if that was not kept, or not for k."""
    return np.array(record.recalls) if record.recalls is not None and k == _PACKED_K else None


class Judges:
    """The headline measure of each query or example of runs on any data sets; each of these is looked up once."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], RecallOfQueries | AucOfExamples | UsageError | DatasetError] = {}

    def values(self, record: Record, folder: Path, k: int = 10) -> np.ndarray:
        """As :meth:`RecallOfQueries.values`; raises what :func:`judge_of` does, for each run on such a data set."""
        of = record.dataset.checksum, record.dataset.metric  # the same vectors have other neighbors by another metric
        if of not in self._of:
            try:
                self._of[of] = judge_of(record)
            except (UsageError, DatasetError) as error:
                self._of[of] = error
        if isinstance(judge := self._of[of], Exception):
            raise judge
        return judge.values(record, folder, k)


def with_values(located: Iterable[tuple[Record, Path | None]], judges: Judges) -> Iterator[Record]:
    """The records, to be packed: those of searches keep recall@10 of every query, on data sets that are to be had."""
    for record, folder in located:
        if folder is None or record.status != "ok" or record.dataset.metric == "auc":
            yield record
            continue
        try:
            values = judges.values(record, folder, _PACKED_K)
        except (UsageError, DatasetError):
            yield record
        else:
            yield dataclasses.replace(record, recalls=np.round(values, 6).tolist())


def judge_of(record: Record) -> RecallOfQueries | AucOfExamples:
    """What gives the headline measure of each query or example of runs on the data set of ``record``.

    Raises
    ------
    UsageError, DatasetError
        If the data set is not to be had as it was.
    """
    dataset = _dataset_of(record)
    return AucOfExamples(dataset) if isinstance(dataset, ClickDataset) else RecallOfQueries(dataset)


def _dataset_of(record: Record) -> AnyDataset:
    dataset = load_dataset(RunConfig.from_dict(record.config))
    if dataset.checksum != record.dataset.checksum:
        raise UsageError(f"the data set {record.dataset.name} has changed since it was measured; measure again")
    return dataset
