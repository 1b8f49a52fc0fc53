"""What a record says of a run whose codes stood beside postings (``scenario=hybrid``)."""

from __future__ import annotations

from dataclasses import dataclass

from bench.measure.statistics import Interval

DENSE, CODE, POSTINGS, LINEAR, RRF = "dense", "code", "postings", "linear", "rrf"
SETTINGS = {
    DENSE: "code of the whole budget, alone",
    CODE: "code beside the postings, alone",
    POSTINGS: "postings alone",
    LINEAR: "both, scores averaged",
    RRF: "both, reciprocal ranks",
}


@dataclass(frozen=True)
class HybridInfo:
    """A code and postings that share a budget; the record's own latency and quality are those of ``fusion``.

    Attributes
    ----------
    fusion : str
        ``linear`` or ``rrf``.
    weight : float
        Of the sparse scores in ``linear``.
    tuned, judged : int
        Queries that the weight was chosen on; queries that the measures here and nDCG@10, MRR@10, P@10 and R@10 of the
        record are of, none of which is among the former.
    texts_sha256 : str
        Of the texts of documents and queries.
    postings_bytes, vocabulary_bytes : int
        Postings with their vocabulary; of these, the table by which a term's bucket is found.
    postings, all_postings, terms : int
        Postings that are kept; before the least were left out; terms of all documents.
    code_bytes : int
        Of a document's code beside the postings.
    dense_bytes : int
        Of a document's code where it has the whole budget.
    measures : dict
        Of each of :data:`SETTINGS` ``MRR@10``, ``nDCG@10``, ``R@10`` and ``R@100``: means with 95% intervals.
    gained : dict
        Of each setting but ``dense`` the same less that of ``dense``, over the same queries.
    p : dict
        Of the paired randomization test of each difference in ``gained``.
    latency_ms : dict
        p50, p95, p99 and mean of single queries of ``postings``, ``code`` and ``dense``.
    """

    fusion: str
    weight: float
    tuned: int
    judged: int
    texts_sha256: str
    postings_bytes: int
    vocabulary_bytes: int
    postings: int
    all_postings: int
    terms: int
    code_bytes: int
    dense_bytes: int
    measures: dict[str, dict[str, Interval]]
    gained: dict[str, dict[str, Interval]]
    p: dict[str, dict[str, float]]
    latency_ms: dict[str, dict[str, float]]
