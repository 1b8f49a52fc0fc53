"""A run with an index: its curve ends at a scan of all codes, and every byte of ids is counted."""

import pytest

import bench
from bench.report.curves import curves, curves_frame
from bench.report.rows import rows_of

pytestmark = pytest.mark.usefixtures("in_this_process")

N, DIM, LISTS = 3000, 384, 32
DATA = {"name": "squad-sentences-mini", "max_base": N, "max_queries": 100}


def run(results, method="int8", size="4x", **index):
    own = {"lists": LISTS} if index.get("name", "ivf") == "ivf" else {}
    options = {"index": {"name": "ivf", **own, **index}} if index.get("name") != "flat" else {}
    record = bench.run(method, size, DATA, results=str(results), latency_s=0.02, **options)
    assert record.status == "ok", record.reason
    return record


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "budget"), [("int8", "4x"), ("transform_coding", "16x"), ("sign", "32x")])
def test_all_lists_lose_what_the_code_loses(results, method, budget):
    record = run(results, method, budget)
    flat = run(results, method, budget, name="flat")
    points = record.index.points
    assert [point.probes for point in points] == sorted(point.probes for point in points)
    assert points[-1].probes == record.index.lists == LISTS
    assert points[-1].scanned == 1
    assert points[0].scanned < 0.15
    recalls = [point.quality["recall@10"].value for point in points]
    assert recalls[0] < recalls[-1]
    assert recalls[-1] == pytest.approx(flat.quality["recall@10"].value, abs=0.01)  # ties go to other ids
    assert recalls[-1] - record.quality["recall@10"].value <= 0.01
    assert record.quality["recall@10"].value == record.index.at(record.index.probes).quality["recall@10"].value


def test_bytes_of_ids_and_lists_are_counted(results):
    record = run(results, probes=[2], ids="int32")
    assert record.bytes.code == 384
    assert record.bytes.ids == record.index.ids_bytes == 4 * N
    assert record.bytes.parts["index.centroids"] == 4 * LISTS * DIM
    assert record.bytes.parts["index.offsets"] == 8 * (LISTS + 1)
    assert record.ratio.codes == pytest.approx(4 * DIM / (384 + 4))
    assert [point.probes for point in record.index.points] == [2, LISTS]
    assert record.scan_bandwidth is None


def test_a_budget_of_all_leaves_room_for_the_id(results):
    record = run(results, "transform_coding", "48B", probes=[4], budget="all")
    assert record.bytes.code + -(-record.bytes.ids // N) <= 48
    assert record.bytes.code < 48


@pytest.mark.thorough
def test_residuals_are_searched(results):
    plain, residual = (run(results, "pq", "32x", probes=[8], residual=value) for value in (False, True))
    recalls = [record.index.points[-1].quality["recall@10"].value for record in (plain, residual)]
    assert recalls[1] > recalls[0] - 0.02
    assert residual.index.residual


def test_candidates_of_some_lists_are_ranked_anew(results):
    record = bench.run(
        "sign", "32x", DATA, results=str(results), latency_s=0.02, rescore="disk", index={"name": "ivf", "probes": [32]}
    )
    assert record.status == "ok", record.reason
    assert record.index.points[-1].quality["recall@10"].value > 0.8


@pytest.mark.thorough
def test_rows_curves_and_table_say_which_index(results):
    records = [run(results), run(results, name="flat"), run(results, "sign", "32x")]
    labels = {row.label for row in rows_of(records)}
    assert any("index=ivf" in label for label in labels)
    assert any("index" not in label for label in labels)
    frame = curves_frame(records)
    assert frame.groupby("method").lost_by_index.last().tolist() == [0, 0]
    assert (frame.groupby("method").lost_by_index.first() > 0.05).all()
    figure = curves(records)
    assert len(figure.axes) == 2
    assert all(len(axis.lines) == 2 for axis in figure.axes)


@pytest.mark.thorough
def test_a_graph_counts_its_links_and_ends_at_a_scan(results):
    record = run(results, name="hnsw")
    points = record.index.points
    assert [point.probes for point in points] == [16 << step for step in range(len(points) - 1)] + [N]
    assert points[-1].scanned == 1
    assert points[0].scanned < 0.3
    assert record.bytes.links == record.index.links_bytes > 2 * 16 * 4 * N
    assert record.bytes.code_total == 384 * N
    assert record.ratio.codes == pytest.approx(4 * DIM / (384 + record.bytes.links / N))
    assert points[-1].quality["recall@10"].value > 0.99


@pytest.mark.thorough
def test_a_graph_over_opq_ranks_its_candidates_anew(results):
    index = {"name": "hnsw", "ef": [40], "links": 8}
    options = {"results": str(results), "latency_s": 0.02, "rescore": "disk"}
    record = bench.run("opq", "32x", DATA, index=index, **options)
    assert record.status == "ok", record.reason
    assert record.index.points[0].quality["recall@10"].value > 0.9
