"""What ``recommend --engine`` prints runs as printed in the engine, and there keeps the recall that it says."""

import ast
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from bench import datasets

K, N = 10, 2_000


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """The embedded set, its first 2,000 vectors in a file, and the exact neighbors among them."""
    folder = tmp_path_factory.mktemp("embedded")
    user = datasets.load("squad-sentences-mini")
    base, queries = user.base.read(0, N), user.queries[:200]
    np.save(folder / "my.npy", base)
    np.save(folder / "queries.npy", queries)
    unit = base / np.linalg.norm(base, axis=1, keepdims=True)
    return folder, unit, queries, np.argsort(-queries @ unit.T, axis=1)[:, :K]


@pytest.fixture
def printed(embedded, bench_env):
    """``printed(engine, budget, methods)``: what is typed, bytes of a code and recall, as recommend prints them."""

    def run(engine, budget, methods):
        arguments = ["--data", "my.npy", "--queries", "queries.npy", "--budget", budget, "--time", "60"]
        done = subprocess.run(
            [sys.executable, "-m", "bench.recommend", *arguments, "--engine", engine, "--methods", methods],
            cwd=embedded[0],
            env=bench_env,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        (size,) = re.findall(rf"^take {engine} .* at (\d+) bytes a vector$", done.stdout, re.MULTILINE)
        (recall,) = re.findall(r"^  keeps +recall@10 (\S+) ", done.stdout, re.MULTILINE)
        (typed,) = re.findall(r"^  type +(.*)$", done.stdout, re.MULTILINE)
        return typed, int(size), float(recall)

    return run


def recall_of(ids, truth):
    return np.mean([len(set(row) & set(true)) / K for row, true in zip(ids, truth, strict=True)])


@pytest.mark.integration
@pytest.mark.slow  # 24 seconds, of faiss's own training
def test_what_is_typed_for_faiss(printed, embedded):
    import faiss

    typed, size, recall = printed("faiss", "32x", "pq")
    _, base, queries, truth = embedded
    index = eval(typed, {"faiss": faiss})
    index.train(base)
    index.add(base)
    assert index.sa_code_size() == size <= 48
    _, ids = index.search(queries, K)
    assert recall_of(ids, truth) == pytest.approx(recall, abs=0.05)


@pytest.mark.integration
def test_what_is_typed_for_qdrant(printed, embedded, tmp_path):
    edge = pytest.importorskip("qdrant_edge")
    typed, size, recall = printed("qdrant", "32x", "pq")
    _, base, queries, truth = embedded
    config = json.loads(f"{{{typed}}}")  # fields of a collection, as a server takes them
    options = config["quantization_config"]["product"]
    assert size == 48
    quantization = edge.ProductQuantizationConfig(
        getattr(edge.CompressionRatio, options["compression"].upper()), always_ram=options["always_ram"]
    )
    vectors = edge.EdgeVectorParams(
        config["vectors"]["size"],
        getattr(edge.Distance, config["vectors"]["distance"]),
        on_disk=config["vectors"]["on_disk"],
    )
    shard = edge.EdgeShard.create(
        str(tmp_path),
        edge.EdgeConfig(
            vectors=vectors,
            quantization_config=quantization,
            hnsw_config=edge.HnswIndexConfig(0, 4, 1),
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, max_segment_size=1 << 32, indexing_threshold=1
            ),
        ),
    )
    for start in range(0, N, 500):
        points = [edge.Point(start + row, vector) for row, vector in enumerate(base[start : start + 500].tolist())]
        shard.update(edge.UpdateOperation.upsert_points(points))
    while shard.optimize():
        pass
    params = edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=False))
    requests = [edge.QueryRequest(K, query=edge.Query.Nearest(query), params=params) for query in queries.tolist()]
    ids = [[point.id for point in points] for points in shard.query_batch(edge.QueryBatchRequest(requests))]
    files = [file.stat().st_size for file in tmp_path.rglob("quantized.data")]
    assert max(files) / N == pytest.approx(size, rel=0.02)
    assert recall_of(ids, truth) == pytest.approx(recall, abs=0.05)
    shard.close()


@pytest.mark.integration
def test_what_is_typed_for_lancedb(printed, embedded, tmp_path):
    lancedb, pyarrow = pytest.importorskip("lancedb"), pytest.importorskip("pyarrow")
    config = pytest.importorskip("lancedb.index")

    typed, size, recall = printed("lancedb", "32x", "pq")
    _, base, queries, truth = embedded
    assert size == 48
    assert isinstance(ast.parse(typed, mode="eval").body, ast.Call)
    column = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(base.ravel()), base.shape[1])
    rows = pyarrow.table({"id": np.arange(N), "vector": column})
    table = lancedb.connect(str(tmp_path)).create_table("t", rows)
    eval(typed, {"table": table, **vars(config)})
    (index,) = table.list_indices()
    assert table.index_stats(index.name).num_indexed_rows == N
    ids = [
        table.search(q).distance_type("cosine").nprobes(1_000).limit(K).to_arrow()["id"].to_pylist() for q in queries
    ]
    assert recall_of(ids, truth) == pytest.approx(recall, abs=0.08)


@pytest.mark.integration
def test_what_is_typed_for_pgvector(printed, embedded, tmp_path):
    pytest.importorskip("pgserver"), pytest.importorskip("psycopg")
    from bench.engines.adaptors.postgres_server import Server

    typed, size, recall = printed("pgvector", "24x", "sign")
    _, base, queries, truth = embedded
    assert size == 56
    server = Server(tmp_path, {"max_parallel_workers_per_gather": "0"})
    try:
        server.create()
        with server.start() as connection:
            connection.execute("create extension vector")
            connection.execute(f"create table t (id integer, e vector({base.shape[1]}))")
            with connection.cursor() as cursor:
                cursor.executemany("insert into t values (%s, %s)", [(i, str(v.tolist())) for i, v in enumerate(base)])
            connection.execute(typed)
            connection.execute("set enable_seqscan = off")
            connection.execute("set hnsw.ef_search = 200")
            code = "binary_quantize(e)::bit(384) <~> binary_quantize(%s::vector)"
            search = f"select id from t order by {code} limit {K}"
            plan = " ".join(line for (line,) in connection.execute(f"explain {search}", [str(queries[0].tolist())]))
            assert "Index Scan" in plan
            ids = [[row for (row,) in connection.execute(search, [str(query.tolist())])] for query in queries]
    finally:
        server.stop(keep=False)
    assert recall_of(ids, truth) == pytest.approx(recall, abs=0.05)
