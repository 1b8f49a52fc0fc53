"""``python -m bench.engines``: lists, tells, and refuses in one line."""

import json

import pytest

from bench import engines
from bench.engines.__main__ import main


@pytest.fixture
def command(command_line):
    """Runs the command: exit status, lines of output, lines of errors."""
    run = command_line("bench.engines", main)

    def lines_of(*arguments):
        status, out, err = run(*arguments)
        return status, out.splitlines(), err.splitlines()

    return lines_of


def test_engines_are_listed_one_a_line(command):
    status, lines, errors = command()
    assert (status, errors) == (0, [])
    assert [line.split()[0] for line in lines] == list(engines.names())


def test_an_engine_shows_its_schemes_filled_in(command):
    status, lines, _ = command("show", "qdrant", "--dim", "768", "--metric", "l2", "--n", "10M")
    text = "\n".join(lines)
    assert status == 0
    assert "scalar: nearest to int8_global, since 1.1" in lines
    assert (
        "  bytes     772 (768 + 4 of factors), 4.0x; 10,000,000 vectors: codes 7.72 GB, with ids 7.93 GB, "
        "originals on disk 30.7 GB" in lines
    )
    assert '"vectors": {"size": 768, "distance": "Euclid", "on_disk": true}' in text
    assert "  bytes     108 (96 + 12 of factors), 28.4x" in text
    assert "128 levels (7 bits) in one range" in text
    assert '"rescore": true, "oversampling": 3.0' in text


def test_schemes_that_do_not_take_the_dimension_say_why(command):
    status, lines, _ = command("show", "sqlite-vec", "--dim", "100")
    assert status == 0
    assert "  bit: takes dimensions that are multiples of 8, not 100" in lines


def test_a_method_shows_where_it_can_be_had(command):
    status, lines, _ = command("for", "rabitq", "--dim", "768")
    titles = [line.partition(":")[0] for line in lines if line and line[0] not in " -" and ": " in line]
    assert status == 0
    assert titles.index("Milvus IVF_RABITQ") < titles.index("Weaviate RQ 1")  # equal ones first
    assert "  differs   no centroid, the query keeps 5 bits, at least 256 dimensions" in lines


def test_a_method_that_no_engine_has_is_said_to_have_none(command):
    assert command("for", "trellis") == (0, ["no engine of the catalogue has trellis for such vectors"], [])


def test_a_budget_keeps_what_fits(command):
    _, lines, _ = command("show", "faiss", "--dim", "384", "--budget", "32x", "--json")
    listed = json.loads("\n".join(lines))
    assert {"PQ", "RQ", "SQtqmse"} <= {each["scheme"] for each in listed}
    assert all(each["bytes"] <= 48 for each in listed)


def test_json_has_totals_and_numbers(command):
    _, lines, _ = command("show", "pgvector", "binary_quantize", "--dim", "384", "--n", "1M", "--json")
    (offer,) = json.loads("\n".join(lines))
    assert offer["totals"] == {"codes": 56_000_000, "memory": 352_000_000, "disk": 1_536_000_000}
    assert (offer["method"], offer["equals"], offer["params"]) == ("sign", True, {"threshold": "zero"})
    assert "bit(384)" in offer["rescoring"]["typed"]
    assert offer["sources"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "qdrnt"), "no engine is called 'qdrnt'; did you mean qdrant?"),
        (("show", "zzz"), "no engine is called 'zzz'; use one of astra, azure"),
        (("show", "qdrant", "scaler"), "no scheme of qdrant is called 'scaler'; did you mean scalar?"),
        (("show", "pgvector", "vector", "--dim", "4000"), "pgvector vector: takes at most 2,000 dimensions, not 4,000"),
        (("show", "turbovec", "--dim", "99999"), "turbovec: takes at most 16,384 dimensions, not 99,999"),
        (("show", "sqlite-vec", "bit", "--dim", "100"), "takes dimensions that are multiples of 8, not 100"),
        (("show", "elasticsearch", "bbq_hnsw", "--dim", "32"), "takes at least 64 dimensions, not 32"),
        (("show", "sqlite-vec", "--metric", "ip"), "sqlite-vec: compares by cosine, l2, not ip"),
        (("show", "qdrant", "--metric", "hamming"), "metric='hamming' is unknown"),
        (("show", "qdrant", "--dim", "0"), "--dim 0 is out of range; use at least 1"),
        (("show", "qdrant", "--dim", "many"), "argument --dim: invalid int value: 'many'"),
        (("show", "qdrant", "--n", "ten"), "ten is not a number of vectors; write 250000, 250k"),
        (("show", "qdrant", "--n", "0"), "--n 0 is out of range; use at least 1"),
        (("show", "qdrant", "--budget", "16"), "budget=16 is not a budget; use a ratio"),
        (("show", "qdrant", "--budget", "1B"), "--budget 1B is 1 B, and the smallest code takes 48 B"),
        (("show",), "the following arguments are required: ENGINE"),
        (("for", "rabitk"), "no method is called 'rabitk'; did you mean rabitq?"),
        (("for", "rabitq", "--budget", "48B", "--dim", "384"), "the smallest code takes 52 B"),
        (("shaw", "qdrant"), "invalid choice: 'shaw'"),
    ],
)
def test_wrong_input_is_one_line_and_status_two(command, arguments, message):
    status, lines, errors = command(*arguments)
    assert (status, lines, len(errors)) == (2, [], 1)
    assert errors[0].startswith("bench.engines: ")
    assert message in errors[0]


def test_schemes_within_a_budget_come_with_the_largest_codes_first():
    listed = engines.schemes_within("pgvector", 384, 400, "cosine")
    assert [offer.bytes for offer in listed] == [392, 200, 56]
    assert engines.schemes_within("pgvector", 384, 10) == []


def test_where_puts_equal_schemes_first_and_knows_every_track():
    listed = engines.where("sign", 384)
    equal = [offer.scheme.equals for offer in listed]
    assert equal == sorted(equal, reverse=True)
    assert {"pgvector", "qdrant", "sqlite-vec"} <= {offer.engine.name for offer in listed}
    assert {offer.engine.name for offer in engines.where("muvera", 128)} == {"milvus", "weaviate"}
    assert engines.where("robe", 128) == []


def test_offers_know_the_budget_of_the_like_method():
    (offer,) = engines.offers("elasticsearch", 384, scheme="bbq_hnsw")
    assert (offer.bytes, offer.method_bytes, offer.params) == (62, 54, {"bits": 1, "query_bits": 4})
