"""Each method's lookup against a few lines of NumPy over its stored arrays."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.tables import bits, hashing
from methods.tables.base import TableArtifact
from methods.tables.checks import DIM, ROWS, every_id, fields
from methods.tables.hash import proportional
from methods.tables.tt_rec import dim_factors, row_factors

OFFSETS = np.concatenate([[0], np.cumsum(ROWS)[:-1]])


def untrained(name, ratio, **params):
    """The artifact of the table before training, which is as good as any for a lookup."""
    cls = registry.get(name, "table")
    method = registry.configured(cls, fields(), DIM, fields().nbytes(DIM) // ratio, **params)
    return method, method.export(method.initialize(fields(), np.random.default_rng(3)))


def rows_of(ids):
    return ids + OFFSETS


def test_hash_is_modulo_in_a_table_of_each_field():
    method, artifact = untrained("hash", 10)
    ids, starts = every_id()[::7], np.concatenate([[0], np.cumsum(method.kept)])
    expected = [[artifact.arrays["table"][starts[f] + i % method.kept[f]] for f, i in enumerate(one)] for one in ids]
    np.testing.assert_array_equal(artifact.lookup(ids), expected)
    assert 0.98 < sum(method.kept) * 10 / sum(ROWS) <= 1


def test_hash_shares_rows_in_proportion_and_none_goes_without():
    assert proportional([100, 100], 50) == [25, 25]
    assert min(proportional([10**6, 1, 2, 3], 5)) == 1
    assert sum(proportional([10**6, 10**5, 2, 3], 999)) <= 999
    assert proportional([5, 5], 100) == [5, 5]


def test_low_dim_is_a_row_times_the_projection():
    method, artifact = untrained("low_dim", 4)
    assert method.width == 3
    ids = every_id()[::7]
    expected = artifact.arrays["table"][rows_of(ids)] @ artifact.arrays["projection"]
    np.testing.assert_allclose(artifact.lookup(ids), expected, rtol=1e-6)


def test_compositional_is_quotient_row_times_remainder_row():
    method, artifact = untrained("compositional", 10)
    c, start, table = method.collisions, 0, artifact.arrays["table"]
    for f, count in enumerate(ROWS):
        quotients = -(-count // c)
        ids = np.zeros((count, len(ROWS)), np.int64)
        ids[:, f] = i = np.arange(count)
        if quotients + c < count:
            expected = table[start + i // c] * table[start + quotients + i % c]
            start += quotients + c
        else:
            expected = table[start + i]
            start += count
        np.testing.assert_array_equal(artifact.lookup(ids)[:, f], expected)
    assert start == len(table)


def test_tensor_train_is_the_contraction_of_three_cores():
    method, artifact = untrained("tt_rec", 20)
    (n1, n2, n3), (d1, d2, d3) = row_factors(sum(ROWS)), dim_factors(DIM)
    r = method.rank
    one, two, three = (artifact.arrays[f"core{i}"] for i in (1, 2, 3))
    whole = np.einsum(
        "iap,jpbq,kqc->kjiabc", one.reshape(n1, d1, r), two.reshape(n2, r, d2, r), three.reshape(n3, r, d3)
    ).reshape(n1 * n2 * n3, DIM)
    ids = every_id()
    np.testing.assert_allclose(artifact.lookup(ids), whole[rows_of(ids)], rtol=1e-4, atol=1e-7)


def test_factors_of_a_table():
    assert dim_factors(16) == (2, 2, 4)
    assert dim_factors(7) == (1, 1, 7)
    for total in (1, 2, 9, 1000, 359_045):
        assert total <= np.prod(row_factors(total)) < 1.2 * total + 8


def test_robe_is_a_signed_block_of_the_array_wrapped_around():
    _, artifact = untrained("robe", 100)
    array, ((a, a2), (b, b2)) = artifact.arrays["array"], artifact.arrays["functions"].tolist()
    ids = every_id()[::5]
    for one, found in zip(ids, artifact.lookup(ids)):
        for x, row in zip(rows_of(one).tolist(), found):
            start = (a * x + b) % hashing.PRIME % len(array)
            sign = 1 - 2 * ((a2 * x + b2) % hashing.PRIME % 2)
            np.testing.assert_array_equal(row, sign * array[[(start + i) % len(array) for i in range(DIM)]])


def test_feature_multiplexing_concatenates_salted_lookups_of_one_table():
    _, artifact = untrained("feature_multiplexing", 50, lookups=4)
    table, (a, b) = artifact.arrays["table"], artifact.arrays["functions"].tolist()
    ids = every_id()[::5]
    for one, found in zip(ids.tolist(), artifact.lookup(ids)):
        for f, x in enumerate(one):
            chunks = [table[(a[f][j] * x + b[f][j]) % hashing.PRIME % len(table)] for j in range(4)]
            np.testing.assert_array_equal(found[f], np.concatenate(chunks))


def test_dhe_hashes_in_64_bits_and_runs_the_perceptron():
    _, artifact = untrained("dhe", 4, hashes=32)
    arrays, ids = artifact.arrays, every_id()[::31]
    (a, b) = arrays["functions"].tolist()
    for one, found in zip(rows_of(ids).tolist(), artifact.lookup(ids)):
        for x, row in zip(one, found):
            hashed = [(a[i] * x + b[i]) % (2**31 - 1) % 10**6 for i in range(32)]  # integers of any size
            values = np.array(hashed) / (10**6 - 1) * 2 - 1
            for layer in range(2):
                values = values @ arrays[f"weight{layer}"] + arrays[f"bias{layer}"]
                values = values * np.tanh(np.log1p(np.exp(values)))
            np.testing.assert_allclose(row, values @ arrays["weight2"] + arrays["bias2"], rtol=2e-3, atol=1e-5)


def test_hashes_of_the_largest_numbers_do_not_overflow():
    functions = np.full((2, 1), hashing.PRIME - 1, np.int64)
    largest = 2**31 - 1
    expected = ((hashing.PRIME - 1) * largest + hashing.PRIME - 1) % hashing.PRIME % 1000
    assert hashing.buckets(functions, np.array([largest]), 1000).tolist() == [expected]


def test_adapt_emb_gives_frequent_rows_their_own():
    method, artifact = untrained("adapt_emb", 4)
    table, ids = artifact.arrays["table"], every_id()
    hot = np.flatnonzero(np.unpackbits(artifact.arrays["hot"].view(np.uint8), bitorder="little"))
    assert fields().frequencies[hot].min() >= np.delete(fields().frequencies, hot).max()
    for one, found in zip(rows_of(ids[::9]).tolist(), artifact.lookup(ids[::9])):
        places = [np.searchsorted(hot, x) if x in hot else method.hot + x % method.shared for x in one]
        np.testing.assert_array_equal(found, table[places])
    assert artifact.nbytes - table.nbytes < 0.2 * sum(ROWS)  # 1.5 bits a row
    assert len(hot) == method.hot


def test_dedup_reads_the_distinct_block_of_a_row():
    method = registry.configured(registry.get("dedup", "table"), fields(), DIM, fields().nbytes(DIM) // 10)
    rng = np.random.default_rng(0)
    which = rng.integers(0, method.distinct, -(-sum(ROWS) // method.block))
    arrays = {
        "table": rng.random((method.distinct * method.block, DIM), np.float32),
        "which": which.astype(np.uint16),
    }
    blocks = arrays["table"].reshape(method.distinct, method.block, DIM)
    rows = rows_of(every_id())
    expected = blocks[which[rows // method.block], rows % method.block]
    np.testing.assert_array_equal(TableArtifact(method, arrays).lookup(every_id()), expected)


def test_dedup_merges_equal_blocks_and_no_more_than_it_has_to():
    cls = registry.get("dedup", "table")
    method = cls((64,), DIM, 4, 8)
    rng = np.random.default_rng(0)
    kinds = rng.standard_normal((8, 4 * DIM)).astype(np.float32)
    which = method._merge(kinds[np.arange(16) % 8], rng)
    assert len(set(which)) == 8
    assert (which[:8] == which[8:]).all()


@pytest.mark.parametrize("distinct", [1, 2, 3, 5, 17, 100])
def test_dedup_keeps_nearly_as_many_blocks_as_fit(distinct):
    method = registry.get("dedup", "table")((4000,), DIM, 4, distinct)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        blocks = rng.standard_normal((1000, 4 * DIM)).astype(np.float32)
        assert 0.8 * distinct <= len(set(method._merge(blocks, rng))) <= distinct


@pytest.mark.parametrize("name", ["dpq", "mgqe"])
def test_quantized_rows_are_their_centroids(name):
    method = registry.configured(registry.get(name, "table"), fields(), DIM, fields().nbytes(DIM) // 4)
    state = method.initialize(fields(), np.random.default_rng(3))
    stage = method.stages()[-1]
    assigned = method.begin_stage(stage, state, fields(), np.random.default_rng(0), lambda state: 0.0)
    rows, codebooks = state.weights["rows"], state.weights["codebooks"]
    width = DIM // method.parts
    hot = state.constants.get("hot", np.ones(len(rows), bool))
    expected = np.empty_like(rows)
    for x, row in enumerate(rows):
        for p in range(method.parts):
            usable = codebooks[p] if hot[x] else codebooks[p, :64]
            distance = ((usable - row[p * width : (p + 1) * width]) ** 2).sum(1)
            expected[x, p * width : (p + 1) * width] = usable[distance.argmin()]
    found = method.export(assigned).lookup(every_id())
    np.testing.assert_allclose(found, expected[rows_of(every_id())], atol=1e-6)


@pytest.mark.parametrize("width", range(1, 9))
def test_packed_codes_are_read_at_any_place(width):
    codes = np.random.default_rng(width).integers(0, 1 << width, 1001)
    packed = bits.pack(codes, width)
    assert packed.nbytes == bits.packed_bytes(1001, width)
    places = np.random.default_rng(0).permutation(1001)
    np.testing.assert_array_equal(bits.unpack(packed, places, width), codes[places])


def test_ranks_count_the_flags_before():
    flags = np.random.default_rng(0).random(1000) < 0.3
    words, before = bits.bitmap(flags)
    assert words.nbytes + before.nbytes == bits.bitmap_bytes(1000)
    found, rank = bits.ranks(words, before, np.arange(1000))
    np.testing.assert_array_equal(found, flags)
    np.testing.assert_array_equal(rank, np.cumsum(flags) - flags)
