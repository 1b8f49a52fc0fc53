"""The dense track with ``engine=ray``: one base in shards on several nodes, of which a search scans all codes.

The codec is fitted here, on what one machine fits it on. Ids and scores are those of one machine's scan.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bench.cluster.ray_connection import connect
from bench.cluster.shards import Shards
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.datasets.exact import merged
from bench.datasets.parts import truth_path
from bench.datasets.truth import keep
from bench.measure import quality
from bench.measure.at_rest import codes_at_rest, sampled_rows
from bench.measure.statistics import bootstrap_means
from bench.tracks import dense
from bench.tracks.measurement import (
    TRUTH_K,
    JudgedSample,
    Measurement,
    check_budget,
    judged_neighbors,
    measure_search,
    ratios,
)


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run.

    Parameters
    ----------
    config : RunConfig
    dataset : Dataset
        The nodes read its files too.
    code_bytes : int
        The budget of a code.
    work : Path
        Folder for the fitted codec, which the nodes read.

    Raises
    ------
    UsageError
        No cluster answers, or it has too few processors.
    """
    n = dataset.base.shape[0]
    codec, _, size = dense.configure(config, dataset, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, code_bytes, "a code")
    ray = connect("engine=ray", config.engine.get("address"))
    try:
        with run.timed("load"):
            train = dense.training_vectors(dataset, config.train_size, config.seed)
        with run.timed("fit"):
            dense.fit(config, codec, train, dataset)
        del train
        with run.timed("build"):
            shards = Shards(ray, config, codec, codec.save(work / "codec"), n)
        if not truth_path(dataset).exists():
            with run.timed("truth"):
                keep(merged(shards.truth(min(TRUTH_K, n)), min(TRUTH_K, n), dataset.metric), dataset)
        with run.timed("encode"):
            shards.encode()
        run.throughput = {"encode_vectors_per_s": n / max(run.seconds["encode"], 1e-9)}
        neighbors = judged_neighbors(dataset)
        sample = JudgedSample(neighbors, codec.searcher(shards.codes(neighbors)))
        run.at_rest = codes_at_rest(shards.codes(sampled_rows(n, codec.code_size, config.seed)))
        with run.timed("build"):
            searcher = shards.searcher()
        counted = dense.count_bytes(codec, None, searcher, dataset, None)
        copies = {name: config.shards * size for name, size in counted.parts.items()}  # each shard has its own
        run.bytes = dataclasses.replace(counted, parts=copies, parts_total=sum(copies.values()))
        dense.check_resident(run.bytes, n, code_bytes, config.shards)
        run.ratio = ratios(n, 4 * dataset.dim, run.bytes.code, run.bytes.parts_total)
        measure_search(config, dataset, searcher, sample, dense.recall_judge, run)
        run.shards = shards.about()
        if codec.decodable:
            rows = dense.judged_rows(n, config.seed)
            errors = quality.reconstruction_error(codec, shards.codes(rows), dataset.base.take(rows))
            run.quality |= bootstrap_means({"reconstruction_error": errors}, config.seed)
    finally:
        ray.shutdown()
    return run
