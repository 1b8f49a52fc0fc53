"""``--prices``: the user's prices turn bytes into money; a wrong file is one line that says what is right."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.recommend import Prices, read_prices
from bench.recommend.export import document
from bench.recommend.prices import monthly
from bench.recommend.words import lines
from tests.bench.recommend.test_engines import answered, racers  # noqa: F401

EUR = Prices("EUR", memory=4.0, disk=0.5)


def written(tmp_path, text):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    return str(path)


def test_memory_and_disk_are_priced_apart():
    money = monthly(EUR, 2_000_000_000, 30_000_000_000)
    assert (money.memory, money.disk, money.total) == (8.0, 15.0, 23.0)
    assert str(money) == "EUR 23.00 a month (8.00 for memory, 15.00 for disk)"
    assert str(monthly(EUR, 1_000_000, 0)) == "EUR 0.004 a month (0.004 for memory, 0.00 for disk)"
    assert monthly(None, 1, 1) is None


def test_the_file_of_the_page_is_read(tmp_path):
    page = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert read_prices(written(tmp_path, text.replace("\n  ", "\n").strip())) == Prices("EUR", 3.5, 0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no fields"),
        ("[1, 2]", "has no fields"),
        ("currency: [", "is not YAML"),
        ("currency: EUR\nmemory: 1", "lacks disk"),
        ("currency: EUR\nmemory: 1\ndisk: -1", "disk -1 is no price"),
        ("currency: EUR\nmemory: yes\ndisk: 1", "memory True is no price"),
        ("currency: EUR\nmemory: '1'\ndisk: 1", "memory '1' is no price"),
        ("currency: EUR\nmemory: .nan\ndisk: 1", "memory nan is no price"),
        ("currency: 3\nmemory: 1\ndisk: 1", "currency 3 is no name of a currency"),
        ("currency: EUR\nram: 1\ndisk: 1", "has the field 'ram', which means nothing"),
    ],
)
def test_a_wrong_file_is_one_line_with_what_is_right(tmp_path, text, message):
    with pytest.raises(UsageError) as wrong:
        read_prices(written(tmp_path, text))
    assert message in str(wrong.value)
    assert "write `currency: EUR`, `memory: 3.5` and `disk: 0.1`" in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yaml cannot be read: No such file"):
        read_prices(str(tmp_path / "none.yaml"))


def priced(answer):
    answer.question = dataclasses.replace(answer.question, prices=EUR)
    return answer, "\n".join(lines(answer))


def test_the_answer_of_an_engine_has_money(racers):  # noqa: F811
    answer, text = priced(answered(racers, "qdrant", "pgvector"))
    assert "float32 in memory costs EUR 6.14 a month" in text
    assert "  costs    EUR 1.04 a month (0.276 for memory, 0.768 for disk)" in text
    assert "runner-up: pgvector binary_quantize (equals sign threshold=zero) at 56 bytes" in text
    assert re.search(r"runner-up: .*, EUR 2.18 a month \(1.41 for memory, 0.768 for disk\)", text)
    assert "trellis at 48, EUR 0.192 a month (0.192 for memory, 0.00 for disk) keeps 0.800" in text
    values = json.loads(json.dumps(document(answer), allow_nan=False))
    assert values["take"]["monthly"]["total"] == pytest.approx(1.044004)
    assert values["take"]["schemes"][1]["monthly"]["memory"] == pytest.approx(0.224)
    assert values["float32"]["monthly"]["memory"] == pytest.approx(6.144)
    assert values["question"]["prices"] == {"currency": "EUR", "memory": 4.0, "disk": 0.5}


def test_places_have_money_and_without_prices_there_is_none(racers):  # noqa: F811
    _, text = priced(answered(racers))
    assert re.search(r"  faiss PQ: .*, EUR 0.192 a month", text)
    answer = answered(racers)
    assert "a month" not in "\n".join(lines(answer))
    assert document(answer)["take"]["monthly"] is None
