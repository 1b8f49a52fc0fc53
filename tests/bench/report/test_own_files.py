"""Vectors of the user's own are called by their file, also in records of versions that called all of them ``path``."""

import dataclasses

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
    assert {row.group[0] for row in rows_of([earlier, later])} == {"mine"}
    assert len({row.group for row in rows_of([earlier, later])}) == 1
    assert set(to_frame(rows_of([earlier, later]))["dataset"]) == {"mine"}
