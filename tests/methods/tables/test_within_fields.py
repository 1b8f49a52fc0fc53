"""Lookups of methods that shrink rows, prune them or compress a finished table, against a few lines of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.base import Metric
from methods.errors import BudgetError, MethodError
from methods.tables import post_training
from methods.tables.base import Fields, State
from methods.tables.checks import DIM, ROWS, every_id, fields
from methods.tables.mixed_dim import MDE, mixed_bytes
from methods.tables.opt_embed import OptEmbed
from methods.tables.pruning import coo_bytes, csr_bytes, most_kept, sparse_arrays, sparse_rows
from methods.tables.tt_rec import dim_factors, row_factors

OFFSETS = np.concatenate([[0], np.cumsum(ROWS)[:-1]])
N, RAW = sum(ROWS), fields().nbytes(DIM)
NUMBERS = every_id() + OFFSETS


def configured(name, ratio, **params):
    return registry.configured(registry.get(name, "table"), fields(), DIM, int(RAW / ratio), **params)


def table(seed=0, decay=True):
    """A finished table in which rows differ in norm."""
    rng = np.random.default_rng(seed)
    scale = rng.permutation(1 / np.arange(1, N + 1) ** 0.5)[:, None] if decay else 1.0
    return (rng.standard_normal((N, DIM)) * scale).astype(np.float32)


def stage(method, name, state, judge=lambda state: 0.0):
    chosen = next(one for one in method.stages() if one.name == name)
    return method.begin_stage(chosen, state, fields(), np.random.default_rng(1), judge)


@pytest.mark.parametrize(("name", "bits", "ratio"), [("int8_table", 8, 4), ("int16_table", 16, 2)])
def test_integers_times_the_scale(name, bits, ratio):
    method = configured(name, ratio)
    artifact = method.export(method.initialize(fields(), np.random.default_rng(0)))
    codes, scale = artifact.arrays["codes"], np.float32(method.reach / (2 ** (bits - 1) - 1))
    assert codes.dtype.itemsize * 8 == bits
    assert np.abs(codes).max() * scale <= 0.0202
    np.testing.assert_array_equal(artifact.lookup(every_id()), codes[NUMBERS].astype(np.float32) * scale)


def test_stochastic_rounding_is_unbiased_in_every_element():
    import torch

    method = configured("int8_table", 4)
    scale = method.scale
    values = np.full((N, DIM), 2.3 * scale, np.float32)
    t = {"table": torch.from_numpy(values.copy())}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        method.after_step(t, torch.arange(1000).view(-1, 4), 1, method.stages()[0])
    found = np.round(t["table"].numpy()[:1000] / scale).astype(int)
    assert set(found.ravel()) == {2, 3}
    assert found.mean() == pytest.approx(2.3, abs=0.02)
    assert (found.min(1) < found.max(1)).mean() > 0.9
    np.testing.assert_array_equal(t["table"].numpy()[1000:], values[1000:])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_alpt_is_codes_times_the_step_of_the_row(bits):
    method = configured("alpt", 2.5, bits=bits)
    rng = np.random.default_rng(0)
    logs = rng.normal(-5, 1, (N, 1)).astype(np.float32)
    largest = 2 ** (bits - 1) - 1
    codes = rng.integers(-largest, largest + 1, (N, DIM))
    state = State({"table": (codes * np.exp(logs)).astype(np.float32), "log_steps": logs})
    artifact = method.export(state)
    assert artifact.nbytes == N * DIM * bits // 8 + 1 + 4 * N
    np.testing.assert_allclose(artifact.lookup(every_id()), (codes * np.exp(logs))[NUMBERS], rtol=1e-5, atol=1e-9)


def test_mde_widens_each_field_by_its_projection():
    method = configured("mde", 6)
    assert method.widths == sorted(method.widths)  # fields get smaller, rows wider
    assert method.widths[-1] == DIM
    artifact = method.export(method.initialize(fields(), np.random.default_rng(0)))
    start = 0
    for f, width in enumerate(method.widths):
        expected = artifact.arrays[f"table{f}"]
        if width < DIM:
            expected = expected @ artifact.arrays["projections"][start : start + width]
            start += width
        np.testing.assert_allclose(artifact.lookup(every_id())[:, f], expected[every_id()[:, f]], atol=1e-7)
    assert artifact.nbytes == mixed_bytes(ROWS, method.widths, DIM) == method.planned_bytes


def test_auto_dim_widens_the_fields_whose_gates_ask_for_it():
    method = configured("auto_dim", 4)
    gates = np.zeros((4, 5))
    assert mixed_bytes(ROWS, method.choose(gates), DIM) <= method.budget
    gates[1, 4] = 8  # the second field wants all 16
    gates[0, 0] = 8
    widths = method.choose(gates)
    assert widths[1] > widths[0]
    assert all(width in (1, 2, 4, 8, 16) for width in widths)
    with pytest.raises(BudgetError):
        configured("auto_dim", 20)


def test_mde_goes_as_low_as_one_number_a_row():
    equal = Fields((500, 500, 500), np.ones(1500, np.int64))
    with pytest.raises(BudgetError) as error:
        MDE.for_budget(equal, DIM, 0)
    assert error.value.smallest == 4 * (1500 + 3 * DIM)
    for ratio in (1, 2, 4, 8, 14):
        method = MDE.for_budget(equal, DIM, equal.nbytes(DIM) // ratio)
        assert method.planned_bytes <= equal.nbytes(DIM) // ratio
        assert method.widths == [{1: 16, 2: 4, 4: 2, 8: 1, 14: 1}[ratio]] * 3


def test_opt_embed_stores_prefixes_of_kept_rows():
    method = configured("opt_embed", 10)
    kept = np.random.default_rng(0).random(N) < 0.1
    widths = np.array([3, 16, 1, 8])
    state = State({"table": table()}, {"kept": kept, "widths": widths})
    expected = table() * kept[:, None] * (np.arange(DIM) < np.repeat(widths, ROWS)[:, None])
    artifact = method.export(state)
    np.testing.assert_array_equal(artifact.lookup(every_id()), expected[NUMBERS])
    assert artifact.nbytes == 4 + kept.sum() * 4 + 4 * (kept * np.repeat(widths, ROWS)).sum()


@pytest.mark.parametrize("dim", [255, 256, 300])
def test_opt_embed_reads_all_columns_of_a_wide_table(dim):
    few = Fields((40, 9), np.arange(49))
    method = OptEmbed.for_budget(few, dim, few.nbytes(dim) // 2)
    whole = np.random.default_rng(0).random((49, dim), np.float32)
    widths = np.array([dim, dim - 1])
    kept = method._fitting(widths, np.arange(49))
    artifact = method.export(State({"table": whole}, {"kept": kept, "widths": widths}))
    found = artifact.lookup(np.stack([np.arange(40), np.arange(40) % 9], axis=1))
    assert 20 <= kept.sum() <= 25
    np.testing.assert_array_equal(found[:, 0], whole[:40] * kept[:40, None])
    assert artifact.nbytes <= method.planned_bytes
    least = OptEmbed.for_budget(few, dim, 2 * (1 if dim < 256 else 2) + 4 + 4 * dim)
    assert least._fitting(widths, np.arange(49)).sum() == 1


def test_opt_embed_evolves_within_the_budget_towards_what_is_judged_best():
    method = configured("opt_embed", 10)
    state = method.initialize(fields(), np.random.default_rng(0))
    seen = []

    def judge(candidate):
        seen.append(method.export(candidate).nbytes)
        return -float(np.abs(candidate.constants["widths"] - 5).sum())

    found = stage(method, "retrain", state, judge)
    assert max(seen) <= method.budget
    assert np.abs(found.constants["widths"] - 5).sum() <= 8
    assert method.export(found).nbytes > 0.98 * method.budget


@pytest.mark.parametrize(("share", "format"), [(0.02, "places"), (0.5, "starts")])
def test_pruned_tables_are_stored_in_the_smaller_format(share, format):
    whole = table() * (np.random.default_rng(2).random((N, DIM)) < share)
    arrays = sparse_arrays(whole)
    assert format in arrays
    kept = np.count_nonzero(whole)
    assert sum(a.nbytes for a in arrays.values()) == min(csr_bytes(N, kept), coo_bytes(kept))
    np.testing.assert_array_equal(sparse_rows(arrays, NUMBERS, DIM), whole[NUMBERS])


def test_as_many_values_are_kept_as_fit():
    for budget in (8, 1000, RAW // 10, RAW // 2, RAW):
        kept = most_kept(N, DIM, budget)
        assert min(csr_bytes(N, kept), coo_bytes(kept)) <= budget
        assert kept == N * DIM or min(csr_bytes(N, kept + 1), coo_bytes(kept + 1)) > budget


def test_deep_light_keeps_the_largest_values():
    method = configured("deep_light", 10)
    whole = table()
    pruned = stage(method, "fine-tune", State({"table": whole}))
    smallest = np.sort(np.abs(whole).ravel())[-method.kept]
    np.testing.assert_array_equal(pruned.weights["table"], np.where(np.abs(whole) >= smallest, whole, 0))
    np.testing.assert_array_equal(method.export(pruned).lookup(every_id()), pruned.weights["table"][NUMBERS])


def test_pep_keeps_what_is_furthest_above_its_threshold_and_starts_afresh():
    method = configured("pep", 10)
    state = method.initialize(fields(), np.random.default_rng(0))
    whole, thresholds = table(), np.random.default_rng(1).normal(-3, 1, (N, 1)).astype(np.float32)
    found = stage(method, "retrain", State({"table": whole, "thresholds": thresholds}, state.constants))
    excess = np.abs(whole) - 1 / (1 + np.exp(-thresholds))
    mask = excess >= np.sort(excess.ravel())[-method.kept]
    np.testing.assert_array_equal(found.weights["table"], state.weights["table"] * mask)


def test_auto_srh_keeps_the_largest_gated_values_and_groups_by_frequency():
    method = configured("auto_srh", 10)
    state = method.initialize(fields(), np.random.default_rng(0))
    group = state.constants["group"]
    frequencies = fields().frequencies
    assert all(frequencies[group == g].min() >= frequencies[group == g + 1].max() for g in range(7))
    gates = np.random.default_rng(1).random((8, DIM)).astype(np.float32)
    found = stage(method, "fine-tune", State({"table": table(), "gates": gates}, state.constants))
    gated = table() * gates[group]
    largest = np.abs(gated) >= np.sort(np.abs(gated).ravel())[-method.kept]
    np.testing.assert_array_equal(found.weights["table"], gated * largest)


def compressed(name, ratio, whole, **params):
    method = configured(name, ratio, **params)
    state = stage(method, "compress", State({"table": whole}))
    artifact = method.export(state)
    np.testing.assert_array_equal(artifact.lookup(every_id()), state.constants["rows"][NUMBERS])
    assert artifact.nbytes <= method.planned_bytes <= RAW / ratio
    return method, artifact


def test_svd_is_the_best_product_of_its_rank():
    method, artifact = compressed("svd", 4, table())
    left, values, right = np.linalg.svd(table(), full_matrices=False)
    r = method.rank
    best = (left[:, :r] * values[:r]) @ right[:r]
    np.testing.assert_allclose(artifact.lookup(every_id()), best[NUMBERS], atol=1e-4)


def test_tt_svd_of_full_rank_is_the_table():
    _, exact = compressed("tt_svd", 0.2, table(), max_rank=64)
    np.testing.assert_allclose(exact.lookup(every_id()), table()[NUMBERS], atol=1e-4)
    method, artifact = compressed("tt_svd", 2, table())
    (n1, n2, n3), (d1, d2, d3), r = row_factors(N), dim_factors(DIM), method.rank
    one, two, three = (artifact.arrays[f"core{i}"] for i in (1, 2, 3))
    cores = one.reshape(n1, d1, r), two.reshape(n2, r, d2, r), three.reshape(n3, r, d3)
    whole = np.einsum("iap,jpbq,kqc->kjiabc", *cores).reshape(-1, DIM)
    np.testing.assert_allclose(artifact.lookup(every_id()), whole[NUMBERS], atol=1e-5)


def test_magnitude_svd_gives_rows_of_large_norm_more_rank():
    method, artifact = compressed("magnitude_svd", 4, table())
    arrays, edges = artifact.arrays, method._edges
    ranks = [arrays[f"left{g}"].shape[1] for g in range(4)]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[-1]
    order = np.argsort(-np.linalg.norm(table(), axis=1), kind="stable")
    expected = np.empty((N, DIM))
    for g in range(4):
        expected[order[edges[g] : edges[g + 1]]] = arrays[f"left{g}"] @ arrays[f"right{g}"]
    np.testing.assert_allclose(artifact.lookup(every_id()), expected[NUMBERS], atol=1e-6)


def test_magnitude_pq_gives_rows_of_large_norm_longer_codes():
    method, artifact = compressed("magnitude_pq", 1, table())
    assert method.code_bytes == sorted(method.code_bytes, reverse=True)
    order = np.argsort(-np.linalg.norm(table(), axis=1), kind="stable")
    sizes = [artifact.arrays[f"codes{g}"].shape for g in range(4) if method.code_bytes[g]]
    assert sizes[0] == (N // 20, method.code_bytes[0])
    found = np.empty((N, DIM), np.float32)
    found[NUMBERS] = artifact.lookup(every_id())
    error = np.linalg.norm(found - table(), axis=1) / np.linalg.norm(table(), axis=1)
    assert error[order[: N // 20]].mean() < error[order[N // 2 :]].mean()


def test_post_training_is_the_codec_of_the_registry():
    _, artifact = compressed("post_training", 3, table(), codec="int8")
    codec = registry.for_budget("int8", DIM, 16, Metric.L2)
    expected = codec.fit(table(), 0).decode(codec.encode(table()))
    np.testing.assert_allclose(artifact.lookup(every_id()), expected[NUMBERS], atol=1e-6)


@pytest.mark.parametrize(("codec", "fits"), [("pq", 2), ("rq", 7)])
def test_post_training_finds_the_longest_code_in_few_fits(codec, fits, monkeypatch):
    tried = []

    def part_bytes(made):
        tried.append(made.code_size)
        return 4 * 256 * 256 * (made.code_size if codec == "rq" else 1)

    monkeypatch.setattr(post_training, "_part_bytes", part_bytes)
    wide = Fields((60_000, 50), np.ones(60_050, np.int64))
    method = registry.configured(registry.get("post_training", "table"), wide, 256, wide.nbytes(256) // 8, codec=codec)
    code = method._fresh_codec().code_size
    assert len(tried) <= fits + 4
    assert method.planned_bytes <= wide.nbytes(256) // 8
    if codec == "rq":
        assert code == wide.nbytes(256) // 8 // (wide.total + 4 * 256 * 256)


@pytest.mark.thorough
@pytest.mark.parametrize(("codec", "budget", "code"), [("prq", 62_500, 8), ("prq", 97_500, 16), ("opq", 42_500, 6)])
def test_post_training_finds_codes_of_smaller_parts_than_shorter_ones(codec, budget, code):
    fields = Fields((3_000, 500), np.ones(3_500, np.int64))
    method = registry.configured(registry.get("post_training", "table"), fields, 16, budget, codec=codec)
    assert method._fresh_codec().code_size == code
    assert method.planned_bytes <= budget


def test_post_training_takes_a_codec_that_decodes_and_names_the_least():
    with pytest.raises(MethodError, match="do not decode"):
        configured("post_training", 4, codec="simhash")
    with pytest.raises(MethodError, match="did you mean"):
        configured("post_training", 4, codec="pqq")
    with pytest.raises(BudgetError) as error:
        configured("post_training", 1000)
    assert configured("post_training", RAW / error.value.smallest).planned_bytes == error.value.smallest
