"""``--engine``: what engines have races at its own bytes, and the answer says what staying with them costs."""

import dataclasses
import json

import numpy as np
import pytest

from bench import engines, records
from bench.errors import UsageError
from bench.measure.statistics import Interval
from bench.recommend import pick
from bench.recommend.__main__ import _answered
from bench.recommend.answer import Answer
from bench.recommend.engine_words import commands
from bench.recommend.entries import elsewhere, entries
from bench.recommend.export import document
from bench.recommend.offer import Limits, Offer
from bench.recommend.places import places_of
from bench.recommend.question import Question
from bench.recommend.race import Racer
from bench.recommend.rounds import Race
from bench.recommend.words import lines
from methods import create

DIM, N = 384, 1_000_000
METHODS = ("pq", "sign", "opq", "trellis")


def racing(*names, budget="48B", methods=METHODS, metric="cosine", **question):
    asked = Question("x.npy", budget, engines=names, **question)
    return entries(asked, methods, DIM, metric, int(budget[:-1]))


def by_name(listed):
    return {entry.name: [f"{each.engine.name} {each.scheme.name}" for each in entry.schemes] for entry in listed}


def test_without_engines_methods_race_as_they_are():
    assert by_name(racing().listed) == {name: [] for name in METHODS}


def test_what_engines_have_races_first_and_equal_codes_race_once():
    listed = racing("qdrant", "lancedb").listed
    assert by_name(listed) == {
        "sign threshold=zero at 48 bytes": ["qdrant binary"],
        "pq bits=4 at 48 bytes": ["lancedb IvfPq 4 bits"],
        "pq": ["lancedb IvfPq", "qdrant product", "lancedb HnswPq"],  # the one with the smallest rows first
        **{name: [] for name in METHODS if name != "pq"},
    }
    assert [bool(entry.schemes) for entry in listed] == [True] * 3 + [False] * 3
    assert next(entry for entry in listed if entry.name == "pq").budget == "48B"


def test_a_scheme_races_at_its_method_s_bytes_and_is_shown_with_its_own():
    (entry,) = [one for one in racing("pgvector", budget="96B").listed if one.schemes]
    assert (entry.method, entry.budget, entry.options) == ("sign", "48B", {"threshold": "zero"})
    assert entry.schemes[0].bytes == 56


def test_of_settings_the_largest_code_within_the_budget_races():
    (entry,) = [
        one for one in racing("qdrant", methods=("pq",), budget="100B", **{}).listed if "product" in str(by_name([one]))
    ]
    assert entry.schemes[0].settings == {"ratio": "x16"}


def test_methods_narrow_what_engines_have():
    asked = Question("x.npy", "48B", engines=("qdrant",), methods=("pq", "opq"))
    assert by_name(entries(asked, ["pq", "opq"], DIM, "cosine", 48).listed) == {"pq": ["qdrant product"], "opq": []}


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        (
            "pgvector",
            {},
            "pgvector has no code within 48 bytes at 384 dimensions: its smallest is binary_quantize with 56",
        ),
        ("redis", {"metric": "l2"}, "redis has no code within 48 bytes at 384 dimensions: its smallest is"),
        ("mariadb", {"metric": "ip"}, "mariadb: compares by cosine, l2, not ip"),
        ("sqlite-vec", {"rescore": "disk", "budget": "47B"}, "sqlite-vec has no code within 47 bytes"),
        ("faiss", {"rescore": "disk"}, "--rescore disk: faiss has nothing within 48 bytes that it orders by originals"),
    ],
)
def test_an_engine_with_nothing_there_is_refused_with_what_it_has(engine, options, message):
    with pytest.raises(UsageError) as refused:
        racing(engine, **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_scheme_whose_package_is_missing_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.setattr("bench.recommend.entries.registry.missing_dependencies", lambda name: ["x"] * (name == "sign"))
    made = racing("qdrant")
    assert "sign threshold=zero at 48 bytes" not in by_name(made.listed)
    assert made.left_out == {"qdrant binary": "sign needs x; install it with pip"}


def test_memory_counts_ids_and_links():
    limits = Limits(max_memory_bytes=N * 60)
    asked = Question("x.npy", "56B", engines=("lancedb",), limits=limits)
    names = by_name(entries(asked, METHODS, DIM, "cosine", 56).listed)
    assert names["pq at 48 bytes"] == ["lancedb IvfPq"]  # HnswPq has 191 bytes of links
    with pytest.raises(UsageError, match="pgvector has nothing within 100 bytes a vector of --memory"):
        entries(dataclasses.replace(asked, engines=("pgvector",)), METHODS, DIM, "cosine", 100)


def test_at_other_budgets_only_what_is_new_races():
    asked = Question("x.npy", "56B", engines=("pgvector",))
    assert elsewhere(asked, DIM, "cosine", 112, ["sign threshold=zero at 48 bytes"]) == []
    assert elsewhere(asked, DIM, "cosine", 28, []) == []
    (new,) = elsewhere(asked, DIM, "cosine", 200, ["sign threshold=zero at 48 bytes"])
    assert by_name([new]) == {"truncation codec=float32 out_dim=48 at 192 bytes": ["pgvector subvector"]}


def offer(method="pq", recall=0.7, schemes=(), label="", n=5_000, size=48, **options):
    """A method measured by hand on 5,000 vectors."""
    record = records.Record(
        schema=records.SCHEMA,
        key="k",
        status="ok",
        reason="",
        method=records.MethodInfo(
            method, "x", "1", {"name": method, **options}, create(method, DIM, f"{size}B", "cosine", **options).params()
        ),
        dataset=records.DatasetInfo("path", n, DIM, 1_000, "cosine", "00", "train", 5_000),
        budget=records.BudgetInfo(f"{size}B", size, 0),
        config={"k": 10, "threads": 1},
        environment={"memory_bandwidth_bytes_per_s": 1e10},
        bytes=records.Bytes(size, size * n, {}, 1_000, size * n, 0, 0, 0),
        quality={"recall@10": Interval(recall, recall - 0.01, recall + 0.01)},
        latency_ms={"p50": 1.0},
        throughput={"encode_vectors_per_s": 1e3, "queries_per_s": 1e3},
        seconds={"fit": 5.0, "process": 10.0},
    )
    return Offer(record, N, 10, schemes=tuple(schemes), label=label)


def racer(method, recall, **fields):
    per_query = np.random.default_rng(0).integers(6, 10, 400) / 10
    return Racer(offer(method, recall, **fields), per_query - per_query.mean() + recall)


def scheme(engine, name, budget=48):
    return next(each for each in engines.schemes_within(engine, DIM, budget) if each.scheme.name == name)


@pytest.fixture
def racers():
    return [
        racer("trellis", 0.80),
        racer("pq", 0.70, schemes=[scheme("qdrant", "product"), scheme("lancedb", "IvfPq")]),
        racer("sign", 0.55, schemes=[scheme("pgvector", "binary_quantize", 96)], label="sign at 48", threshold="zero"),
    ]


def answered(racers, *names):
    answer = Answer(Question("x.npy", "48B", engines=names), DIM, N, 48, 20_000)
    if names:
        pick.choose(answer, [one for one in racers if one.offer.schemes])
        answer.staying = pick.staying(answer.chosen, [[], racers])
    else:
        pick.choose(answer, racers)
        answer.places = places_of(answer.chosen, [racers], 48)
    return answer


def test_the_answer_is_of_the_engine_and_says_what_staying_costs(racers):
    answer = answered(racers, "qdrant", "lancedb")
    text = "\n".join(lines(answer))
    assert "take qdrant product x32 (equals pq) at 48 bytes a vector" in text
    assert "memory   69 MB for codes and parts with ids, 1.54 GB of originals on disk" in text
    assert '"quantization_config": {"product": {"compression": "x32", "always_ram": true}}' in text
    assert 'rescores on request; "params": {"quantization": {"rescore": true' in text
    assert "or       lancedb IvfPq m=48 (equals pq): 48 bytes, 56 MB for codes with ids, 1.54 GB of originals" in text
    assert (
        "staying with qdrant and lancedb costs 0.100 [0.100, 0.100] (p = 0.0001) of recall@10 within 48 bytes" in text
    )
    assert "trellis at 48 keeps 0.800 where this keeps 0.700, on 5,000 vectors" in text
    values = document(answer)
    assert values["staying"]["best"]["method"] == "trellis"
    assert values["staying"]["difference"]["value"] == pytest.approx(0.1)
    assert [each["engine"] for each in values["take"]["schemes"]] == ["qdrant", "lancedb"]
    assert values["where"] is None


def test_an_engine_that_has_the_best_costs_nothing(racers):
    text = "\n".join(lines(answered(racers[1:], "qdrant")))
    assert "staying with qdrant costs no recall" in text


def test_bytes_of_an_offer_are_the_engine_s():
    own = offer("sign", schemes=[scheme("pgvector", "binary_quantize", 96)], threshold="zero")
    assert own.code == 56
    assert own.memory_bytes == N * (56 + 296) + 1_000
    assert own.disk_bytes == N * 4 * DIM
    assert own.title == "pgvector binary_quantize (equals sign threshold=zero)"
    assert offer("sign").code == 48
    near = offer("turboquant", size=56, schemes=[scheme("qdrant", "turbo", 60)])
    text = "\n".join(lines(Answer(Question("x", "60B", engines=("qdrant",)), DIM, N, 60, 20_000, chosen=near)))
    assert "take qdrant turbo bits1 (near turboquant) at 56 bytes" in text
    assert "differs  turboquant at 56 bytes raced in its place, but a learned shift and scale" in text


def test_a_method_that_no_engine_has_brings_the_nearest_that_can_be_had(racers):
    text = "\n".join(lines(answered(racers)))
    assert "no engine of the catalogue has trellis\n  nearest that can be had: pq at 48 bytes" in text
    assert "recall@10 0.700, 0.100 [0.100, 0.100] (p = 0.0001) less than trellis on 5,000 vectors" in text
    assert "faiss PQ: 48 bytes, 48 MB for codes, nothing on disk" in text
    assert "all, with what to type: python -m bench engines for pq --dim 384 --metric cosine --n 1000000" in text


def test_engines_that_have_the_method_are_a_few_lines_and_all_in_json(racers):
    answer = answered(racers[1:])
    text = "\n".join(lines(answer))
    assert "where pq at 48 bytes can be had:" in text
    places = document(answer)["where"]
    equal = {(each["engine"], each["scheme"]) for each in places["equal"]}
    assert {("qdrant", "product"), ("lancedb", "IvfPq"), ("faiss", "PQ")} <= equal
    assert ("lancedb", "IvfPq 4 bits") not in equal
    assert {each["bytes"] for each in places["equal"]} == {48}
    assert f"  and {len(equal) - 3} more" in text
    assert places["substitute"] is None


def test_equal_codes_beyond_the_budget_are_not_said_to_fit():
    places = places_of(offer("sign", threshold="mean"), [], 40)
    assert places.equal
    assert not places.within


def test_the_first_of_engines_and_the_best_of_all_go_on(racers, tmp_path):
    race = Race(Question("x.npy", "48B", engines=("qdrant",)), N, str(tmp_path), 0.0)
    assert [one.name for one in race._going_on(racers, 1, 0.0, [])] == ["pq", "trellis", "sign at 48"]
    assert racers[1].entry.schemes == racers[1].offer.schemes
    assert racers[2].entry.options == {"threshold": "zero"}


@pytest.mark.parametrize("names", [(), ("qdrant", "pgvector")])
def test_commands_that_list_engines_run_as_printed(racers, names, command_line):
    from bench.engines.__main__ import main

    answer = answered(racers, *names)
    answer.question = dataclasses.replace(answer.question, budget="64B")
    listed = commands(answer)
    assert len(listed) == max(1, len(names))
    for one in listed:
        words = one.split()
        assert words[:4] == ["python", "-m", "bench", "engines"]
        status, printed, errors = command_line("bench.engines", main)(*words[4:])
        assert (status, errors) == (0, "")
        assert "1,000,000 vectors" in printed


def test_an_interrupted_save_does_not_lose_the_answer(racers, monkeypatch, capsys):
    answer = answered(racers, "qdrant")
    answer.question = dataclasses.replace(answer.question, save="kept")

    def interrupted(question, tell):
        tell(answer)
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.recommend.choice.recommend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _answered(answer.question, as_json=False)
    printed = capsys.readouterr().out
    assert "take qdrant product" in printed
    assert "saved" not in printed
    with pytest.raises(KeyboardInterrupt):
        _answered(answer.question, as_json=True)
    values = json.loads(capsys.readouterr().out)
    assert values["take"]["method"] == "pq"
    assert values["saved"]["problem"] == "interrupted"
