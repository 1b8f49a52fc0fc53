"""Runs and sweeps from Python: the options of ``python -m bench`` as arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import composition
from bench.arguments import overrides_of
from bench.execution import runner
from bench.records import Record

Choice = str | Mapping[str, Any]


def run(
    method: Choice | None = None, budget: str | int | None = None, dataset: Choice | None = None, **options: Any
) -> Record:
    """Measure one method in a process of its own, as ``python -m bench`` does.

    Parameters
    ----------
    method : str or mapping
        A name, or ``{"name": "pq", "bits": 4}``: a name and the method's parameters.
    budget : str or int
        ``"8x"`` (float32 bytes / 8), ``"48B"`` (bytes a vector), ``"2bit"`` (bits a dimension), or bytes.
    dataset : str or mapping
        A name, or ``{"name": "path", "base": "my.npy"}``: a name and the data set's options.
    **options
        Every other key of the command line: ``k``, ``seed``, ``threads``, ``rescore``, ``latency_s``, ``results``,
        ``limits={"time_s": 60}``, ... Dotted keys do too: ``**{"dataset.max_base": 2000}``.

    Returns
    -------
    Record
        Of status ``ok``, ``failed``, ``timeout``, ...; read from the folder ``results`` if the same run was finished
        there before (``rerun=True`` measures it again).

    Raises
    ------
    UsageError, DatasetError, MethodError
        For what cannot work, before any long work. They are ``ValueError`` with the one line that the command line
        prints.

    Examples
    --------
    >>> bench.run("opq", "32x", "squad-sentences-mini", seed=1).quality["recall@10"].value
    0.694
    """
    return runner.run(composition.plan_of(overrides_of(_given(method, budget, dataset, options))))


def sweep(
    method: Choice | Sequence[str] | None = None,
    budget: str | int | Sequence[str | int] | None = None,
    dataset: Choice | Sequence[str] | None = None,
    **options: Any,
) -> list[Record]:
    """Measure every combination of the values that are lists, each in a process of its own; ``python -m bench -m``.

    All runs are checked before the first begins. Finished runs are read from the folder ``results``, so that a sweep
    that was interrupted resumes where it stopped. Progress is shown on stderr.

    Parameters
    ----------
    method, budget, dataset, **options
        As of :func:`run`; any of them may be a list of values. ``method="glob(*)"`` is every method, and
        ``experiment="quick"`` a prepared sweep.

    Returns
    -------
    list of Record
        One a run, whatever its end: what a method cannot do at a budget has the status ``skipped``. Methods of
        another track than the data set are left out.

    Raises
    ------
    UsageError, DatasetError, MethodError
        As of :func:`run`.
    """
    done = composition.run_sweep(overrides_of(_given(method, budget, dataset, options), several=True))
    return [record for one in done for record in one.records]


def _given(*named_and_options: Any) -> dict[str, Any]:
    *named, options = named_and_options
    given = zip(("method", "budget", "dataset"), named)
    return {name: value for name, value in given if value is not None} | dict(options)
