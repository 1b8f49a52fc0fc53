"""Vectors of the user's own are called by their file, also in records of versions that called all of them ``path``."""

import dataclasses

from bench import own_files, records
from bench.report.compare import compare_sets
from bench.report.lines import of_one_dataset
from bench.report.names import shown_name
from bench.report.rows import rows_of, to_frame
from bench.report.tables import print_best, print_record

from .conftest import make, printed


def test_the_user_s_own_vectors_are_called_by_their_file():
    def of(file, name="path", checksum="a"):
        record = make("pq", "product", 8, 0.5)
        data = dataclasses.replace(record.dataset, name=name, checksum=checksum)
        config = {**record.config, "dataset": {"name": "path", "base": f"folder/{file}"}, "results": "results"}
        return dataclasses.replace(record, dataset=data, config=config, key=checksum)

    first, second = of("mine.npy"), of("yours.npy", checksum="b")
    text = printed(print_best, rows_of([first, second]))
    assert "mine (ip)" in text
    assert "yours (ip)" in text
    assert "path (ip)" not in text
    assert "pq on mine (" in printed(print_record, dataclasses.replace(first, throughput=None, scan_bandwidth=None))
    assert "mine+cone.5 (ip)" in printed(print_best, rows_of([of("mine.npy", "path+cone.5")]))


def test_two_files_of_one_name_and_size_are_two_data_sets():
    def of(folder):
        record = make("pq", "product", 8, 0.5)
        data = dataclasses.replace(record.dataset, name="mine", checksum=folder)
        config = {**record.config, "dataset": {"name": "path", "base": f"{folder}/mine.npy"}}
        return dataclasses.replace(record, dataset=data, config=config, key=folder)

    rows = rows_of([of("a"), of("b")])
    assert len({row.group for row in rows}) == 2
    text = printed(print_best, rows)
    assert "mine (ip), a/mine.npy" in text
    assert "mine (ip), b/mine.npy" in text


def test_records_under_the_earlier_name_compete_with_later_ones():
    record = make("pq", "product", 8, 0.5)
    config = {**record.config, "dataset": {"name": "path", "base": "some/mine.npy"}}
    earlier = dataclasses.replace(record, dataset=dataclasses.replace(record.dataset, name="path"), config=config)
    later = dataclasses.replace(make("opq", "product", 8, 0.6), config={**config, "method": {"name": "opq"}})
    later = dataclasses.replace(later, dataset=dataclasses.replace(earlier.dataset, name="mine"))
    assert {shown_name(record) for record in (earlier, later)} == {"mine"}
    assert len({row.group for row in rows_of([earlier, later])}) == 1
    assert set(to_frame(rows_of([earlier, later]))["dataset"]) == {"mine"}


def of_file(file, name, method="pq", recall=0.5, **data):
    """A record of some vectors, whatever their file is called."""
    record = make(method, "product", 8, recall)
    config = {**record.config, "dataset": {"name": "path", "base": file, **data}}
    return dataclasses.replace(record, dataset=dataclasses.replace(record.dataset, name=name), config=config, key=file)


def test_the_same_vectors_under_two_file_names_are_one_data_set():
    first, second = of_file("mine.npy", "mine"), of_file("copy.npy", "copy")
    rival = of_file("copy.npy", "copy", "opq", 0.6)
    assert len({row.group for row in rows_of([first, rival])}) == 1
    (pair,), _ = compare_sets([(first, None)], [(second, None)])
    assert pair.before.record.config["dataset"]["base"] == "mine.npy"
    assert of_one_dataset([first, rival], "recall@10") == [first, rival]
    newer = dataclasses.replace(second.method, version="2")
    later = dataclasses.replace(second, method=newer, environment={**second.environment, "date": "2026-02-02"})
    assert records.newest_versions([(first, None), (later, None)]) == [(later, None)]


def test_a_file_s_name_is_not_taken_for_that_of_another_data_set():
    squad = {"name": "path", "base": "some/squad-sentences.npy"}
    assert own_files.shown("path", squad) == "squad-sentences.npy"
    assert own_files.shown("path+cone.5", squad) == "squad-sentences.npy+cone.5"
    own = {"name": "path", "base": "path+v2.npy"}
    assert own_files.shown("path+v2", own) == "path+v2"
    assert own_files.folder_of("path+v2", own, "0123456789") == "path+v2-01234567"
    assert own_files.key_of("a+cone.5+cone.75", {**own, "cone": 0.75}) == "path+cone.75"
    assert own_files.key_of("squad-sentences", {"name": "squad-sentences"}) == "squad-sentences"
