"""docs/frontier.md, "Using the codes elsewhere", word for word: a decoder in NumPy from that text alone."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from methods import for_budget
from methods.encoding.gaussian_levels import levels as gaussian_levels

FIXED = {"gamma": 1.25, "scale": "least_squares"}


def scalar_levels(run, bits):
    """Levels (n, 8) of a scalar group's bytes (n, bits): planes of 4, 2 and 1 bits, highest first."""
    symbols, first = np.zeros((len(run), 8), np.int64), 0
    for plane in (4, 4, 2, 1):
        if plane <= bits - first:
            for d in range(8):
                value = run[:, first + d % plane] >> (plane * (d // plane)) & (2**plane - 1)
                symbols[:, d] = symbols[:, d] << plane | value
            first += plane
    assert first == bits
    return gaussian_levels(bits)[symbols]


def path_levels(stream, steps, state_bits):
    """Levels (n, steps) of a circular path's bytes: a step's state is the last bits of the stream up to its own."""
    tables = np.load(resources.files("methods.transform.trellis") / "codebooks.npz", allow_pickle=False)
    shifts, found = tables[f"shifts_{state_bits}"].astype(np.int64), tables[f"levels_{state_bits}"]
    stream, levels, end = np.unpackbits(stream, axis=1).astype(np.int64), [], 0
    for k in steps:
        end += k
        state = stream[:, np.arange(end - state_bits, end) % stream.shape[1]] @ (1 << np.arange(state_bits)[::-1])
        levels.append(found[k - 1, (state % 256 + shifts[k - 1, state // 256]) % 256])
    return np.stack(levels, axis=1)


def factors(b, parts):
    if "factor_levels" in parts:
        known = parts["factor_levels"]
        return known[b % len(known) if "level_sizes" in parts else b // 21]
    low, high, middle, width = parts["factor_scale"].astype(np.float64)
    ends = np.arcsinh(np.log(np.array([low, high]) / middle) / width)
    return np.where(
        b == 0, 0, middle * np.exp(width * np.sinh(ends[0] + (b.astype(float) - 1) / 254 * (ends[1] - ends[0])))
    )


def decoded(name, codes, parts, metric):
    bits, stages = parts["bits"].astype(int), len(parts.get("codebooks", ()))
    symbols, after = codes[:, stages : stages + bits.sum()], codes[:, stages + bits.sum() :]
    starts = np.cumsum(bits) - bits
    path = [g for g in range(len(bits)) if 1 <= bits[g] <= 6]
    state_bits, shortest = parts["path"].tolist() if "path" in parts else (0, 255)
    if bits[path].sum() < shortest:
        path = []
    levels = np.zeros((len(codes), len(bits), 8))
    for g in set(np.flatnonzero(bits)) - set(path):
        levels[:, g] = scalar_levels(symbols[:, starts[g] : starts[g] + bits[g]], bits[g])
    if path:
        stream = np.concatenate([symbols[:, starts[g] : starts[g] + bits[g]] for g in path], axis=1)
        levels[:, path] = path_levels(stream, np.repeat(bits[path], 8), state_bits).reshape(len(codes), len(path), 8)
    offset = np.zeros((len(codes), 1))
    if "direction" in parts:
        if len(parts["offset_range"]) == 2:
            low_offset, high_offset = parts["offset_range"].astype(np.float64)
            place = after[:, 0].astype(np.float64) * 256 + after[:, 1]
            offset, after = (low_offset + (high_offset - low_offset) * place / 65535)[:, None], after[:, 2:]
        else:
            center, unit, reach = parts["offset_range"].astype(np.float64)
            offset, after = center + unit * np.sinh((after[:, :1] / 127.5 - 1) * reach), after[:, 1:]
    apart = offset * parts.get("direction", 0)
    factor = factors(after[:, 0], parts)[:, None]
    along = (levels * parts["spreads"][:, None]).reshape(len(codes), -1) @ parts["matrix"].T
    if name != "rq_trellis":
        return factor * along + parts["mean"] + apart
    centroids = sum(parts["codebooks"][stage][codes[:, stage]] for stage in range(stages))
    if metric == "l2":
        return factor * along + centroids + parts["mean"]
    size = 1
    if "level_sizes" in parts:
        place = after[:, 0] // len(parts["factor_levels"]) if "factor_levels" in parts else after[:, 1]
        size = (parts["size_gain"] * parts["level_sizes"][place])[:, None]
    return factor * (centroids + size * along) + parts["mean"] + apart


@pytest.mark.thorough
@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("transform_coding", {}),
        ("trellis", {}),
        ("trellis", {"state_bits": 12}),
        ("rq_trellis", {"stages": 1}),
        ("rq_trellis", {"stages": 2}),
        ("rq_trellis", {"stages": 2, "state_bits": 10}),
    ],
)
@pytest.mark.parametrize("code_bytes", [8, 20, 33, 90])
@pytest.mark.parametrize("offset", [False, True])
def test_the_documented_layout_decodes_to_the_same_vectors(name, params, metric, code_bytes, offset):
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((2200, 40)) / np.arange(1, 41) ** 1.5 + 0.1).astype(np.float32)
    few = code_bytes == 20  # too few for sizes of levels
    codec = for_budget(name, 40, code_bytes, metric, **FIXED, **params, offset=offset).fit(
        vectors[: 1000 if few else 2000]
    )
    codes, parts = codec.encode(vectors[2000:]), codec.parts()
    assert ("direction" in parts) == (offset and metric != "l2")
    if name == "rq_trellis" and not offset and code_bytes > 20 and metric != "l2":
        shape = parts.get("level_sizes", np.empty(0)).shape
        assert shape in {"cosine": {(12,)}, "ip": {(0,), (5,), (256,)}}[metric]  # lengths vary under ip
    wanted = codec.decode(codes)
    found = decoded(name, codes, parts, metric)
    np.testing.assert_allclose(found, wanted, atol=2e-6 * np.abs(wanted).max())
    if name == "rq_trellis" and metric == "l2":
        stages = len(parts["codebooks"])
        centroids = sum(parts["codebooks"][stage][codes[:, stage]] for stage in range(stages))
        factor = factors(codes[:, stages + parts["bits"].astype(int).sum()], parts)
        product = ((wanted - parts["mean"] - centroids) * centroids).sum(axis=1)  # of centroid and factor times levels
        levels = parts["product_levels"]
        if "factor_levels" in parts:
            read = levels[codes[:, -1] % 21]
        elif levels.ndim == 1:
            read = levels[codes[:, -1]]
        else:
            read = levels[0, codes[:, -2]] + levels[1, codes[:, -1]]
        said = factor * np.linalg.norm(centroids, axis=1) * read
        assert np.corrcoef(said, product)[0, 1] > (0.98 if "factor_levels" in parts else 0.999)
