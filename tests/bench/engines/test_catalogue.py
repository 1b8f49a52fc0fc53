"""Files of the catalogue: all are read, name methods that exist, and give the bytes that were measured."""

import re

import faiss
import pytest

import methods
from bench import engines
from bench.engines.scheme import PLACEHOLDER
from methods import registry
from methods.errors import UnsupportedMetric

DIMENSIONS = (384, 768, 100)
METRICS = ("cosine", "ip", "l2")


def schemes():
    return [(name, scheme) for name in engines.names() for scheme in engines.entry(name).schemes]


def offers_of(name, scheme, dim, metric):
    """Nothing where the scheme does not take such vectors."""
    try:
        return engines.offers(name, dim, metric, scheme.name)
    except engines.UsageError:
        return []


def test_every_file_is_read_and_every_scheme_has_an_offer():
    assert len(engines.names()) >= 30
    for name, scheme in schemes():
        listed = [offer for dim in DIMENSIONS for offer in offers_of(name, scheme, dim, next(iter(scheme.metrics)))]
        assert listed, f"{name} {scheme.name}"
        assert all("{" + word + "}" not in offer.typed for offer in listed for word in ("dim", "bytes", "metric"))


@pytest.mark.parametrize("dim", [1, 7, 1536, 100_000])
def test_no_dimension_breaks_a_formula_or_leaves_a_placeholder(dim):
    for name, scheme in schemes():
        for metric in METRICS:
            for offer in offers_of(name, scheme, dim, metric):
                assert offer.bytes is None or 0 < offer.bytes <= 4 * dim + 80, f"{name} {scheme.name}"
                assert not PLACEHOLDER.search(offer.typed + offer.rescoring), f"{name} {scheme.name}"


def test_no_registry_and_no_path_is_named():
    for name in engines.names():
        text = (engines.CATALOGUE / f"{name}.yaml").read_text()
        assert not re.search(r"pypi|npmjs|crates\.io|/work|/tmp|/root|/home", text), name


@pytest.mark.parametrize("name", engines.names())
def test_methods_named_exist_and_take_their_parameters(name):
    for scheme in engines.entry(name).schemes:
        if scheme.method is not None:
            assert set(scheme.params) <= set(registry.parameters(scheme.method)), scheme.name


@pytest.mark.parametrize("name", engines.names())
def test_equal_schemes_have_the_method_s_bytes_and_stated_extra(name):
    for scheme in engines.entry(name).schemes:
        if not scheme.equals or registry.get(scheme.method, None).track != registry.DENSE:
            continue
        for offer in [o for dim in DIMENSIONS for metric in METRICS for o in offers_of(name, scheme, dim, metric)]:
            if offer.bytes is None:
                continue
            try:
                codec = methods.create(scheme.method, offer.dim, offer.method_bytes, offer.metric, **offer.params)
            except UnsupportedMetric:  # the engine compares bits by l2 as well
                assert offer.metric != "cosine"
                continue
            assert codec.code_size == offer.method_bytes, f"{scheme.name} at {offer.dim}"
            assert offer.bytes == offer.method_bytes or scheme.over_because


def one(name, scheme, dim, metric="cosine", **settings):
    wanted = {key: str(value) for key, value in settings.items()}
    (offer,) = [o for o in engines.offers(name, dim, metric, scheme) if wanted.items() <= o.settings.items()]
    return offer


@pytest.mark.parametrize(
    ("scheme", "dim", "settings", "measured"),
    [
        ("scalar", 100, {}, 116),
        ("scalar", 384, {}, 388),
        ("product", 384, {"ratio": "x16"}, 96),
        ("binary", 100, {}, 16),
        ("binary", 384, {}, 48),
        ("binary 1.5 and 2 bits", 100, {"bits": "one_and_half_bits"}, 32),
        ("binary 1.5 and 2 bits", 100, {"bits": "two_bits"}, 32),
        ("binary 1.5 and 2 bits", 384, {"bits": "one_and_half_bits"}, 80),
        ("binary 1.5 and 2 bits", 384, {"bits": "two_bits"}, 96),
        ("turbo", 384, {"bits": "bits1"}, 56),
        ("turbo", 384, {"bits": "bits1_5"}, 80),
        ("turbo", 384, {"bits": "bits2"}, 104),
        ("turbo 4 bits", 384, {}, 200),
        ("turbo 4 bits", 384, {"metric": "l2"}, 204),
        ("datatype float16", 384, {}, 768),
        ("datatype turbo4", 384, {}, 196),
        ("datatype turbo8 and turbo16", 384, {"bits": "8"}, 388),
        ("datatype turbo8 and turbo16", 384, {"bits": "16"}, 772),
    ],
)
def test_qdrant_s_bytes_are_those_measured(scheme, dim, settings, measured):
    assert one("qdrant", scheme, dim, **settings).bytes == measured


@pytest.mark.parametrize(
    ("name", "scheme", "settings", "code", "row"),
    [
        ("pgvector", "vector", {}, 1544, 2052),
        ("pgvector", "halfvec", {}, 776, 1176),
        ("pgvector", "binary_quantize", {}, 56, 352),
        ("pgvectorscale", "SBQ 1 bit", {}, 48, 520),
        ("pgvectorscale", "SBQ 2 bits", {}, 96, 557),
        ("clickhouse", "vector_similarity bf16", {}, 768, 917),
        ("clickhouse", "vector_similarity i8", {}, 384, 533),
        ("clickhouse", "vector_similarity b1", {}, 48, 197),
        ("clickhouse", "Quantized rabitq", {}, 52, 52),
        ("clickhouse", "Quantized turboquant", {}, 100, 100),
        ("clickhouse", "Quantized int8", {}, 388, 388),
        ("clickhouse", "Quantized prefix", {"leading": 96}, 100, 100),
        ("clickhouse", "Quantized product", {"m": 48}, 48, 48),
        ("sqlite-vec", "float", {}, 1536, 1612),
        ("sqlite-vec", "int8", {}, 384, 432),
        ("sqlite-vec", "bit", {}, 48, 88),
    ],
)
def test_bytes_of_a_row_are_those_measured_at_384(name, scheme, settings, code, row):
    offer = one(name, scheme, 384, **settings)
    assert (offer.bytes, offer.memory_bytes) == (code, row)


@pytest.mark.parametrize(
    ("name", "scheme", "rows"),
    [
        ("usearch", "f16", {104: 356.8, 384: 916.8}),
        ("usearch", "bf16", {104: 356.8, 384: 916.8}),
        ("usearch", "i8", {104: 252.8, 384: 532.8}),
        ("usearch", "e5m2", {384: 532.8}),
        ("usearch", "b1", {104: 161.8, 384: 196.8}),
        ("voyager", "E4M3", {104: 220.7, 384: 500.7}),
        ("voyager", "Float8", {104: 220.7, 384: 500.7}),
    ],
)
def test_rows_of_graphs_are_those_measured(name, scheme, rows):
    assert {dim: one(name, scheme, dim).memory_bytes for dim in rows} == pytest.approx(rows, abs=0.4)


@pytest.mark.parametrize(
    ("scheme", "bits", "rows"),
    [
        ("TurboQuantIndex", 2, {104: 30.24, 384: 100.8}),
        ("TurboQuantIndex", 3, {104: 56.45, 384: 197.57}),
        ("TurboQuantIndex", 4, {104: 56.45, 384: 197.57}),
        ("IdMapIndex", 4, {104: 64.51, 384: 205.63}),
    ],
)
def test_turbovec_s_files_are_those_measured_but_for_their_last_block(scheme, bits, rows):
    assert {dim: one("turbovec", scheme, dim, bits=bits).memory_bytes for dim in rows} == pytest.approx(rows, rel=0.01)


@pytest.mark.parametrize(("scheme", "row"), [("rescore bit", 2142), ("rescore int8", 2486)])
def test_rows_with_originals_are_those_measured_at_384(scheme, row):
    offer = one("sqlite-vec", scheme, 384)
    assert offer.memory_bytes + offer.disk_bytes == row


@pytest.mark.parametrize(
    ("scheme", "settings", "in_file", "codebook"),
    [
        ("IvfPq", {"m": 48}, 180.9, 256 * 4 * 384 / 3000),
        ("IvfPq 4 bits", {"m": 48}, 34.0, 16 * 4 * 384 / 3000),
        ("IvfSq", {}, 385.7, 0),
        ("IvfRq 1 bit", {}, 62.0, 0),
        ("IvfRq 4 bits", {}, 214.5, 0),
    ],
)
def test_lancedb_s_files_have_the_code_and_a_compressed_id(scheme, settings, in_file, codebook):
    offer = one("lancedb", scheme, 384, **settings)
    assert offer.bytes <= in_file - codebook <= offer.bytes + offer.ids


def test_one_bit_takes_other_bytes_in_every_engine():
    names = {
        "clickhouse": "Quantized rabitq",
        "milvus": "IVF_RABITQ",
        "lancedb": "IvfRq 1 bit",
        "vectorchord": "vchordrq",
    }
    assert [one(name, scheme, 384).bytes for name, scheme in names.items()] == [52, 56, 60, 64]


@pytest.mark.parametrize("dim", DIMENSIONS)
@pytest.mark.parametrize("metric", METRICS)
def test_what_is_typed_for_faiss_makes_codes_of_these_bytes(dim, metric):
    listed = [offer for offer in engines.offers("faiss", dim, metric) if "SVS" not in offer.typed]
    assert len({offer.scheme.name for offer in listed}) >= 16
    for offer in listed:
        call = re.fullmatch(r'faiss\.index_factory\((\d+), "([^"]+)", faiss\.(\w+)\)', offer.typed)
        index = faiss.index_factory(int(call[1]), call[2], getattr(faiss, call[3]))
        assert index.sa_code_size() == offer.bytes, offer.typed
