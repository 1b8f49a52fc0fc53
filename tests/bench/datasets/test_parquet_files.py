"""Parquet files with names, types and states that are seldom: read right, or refused in one line with status 2."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.datasets import DatasetError
from bench.datasets.sets.formats import open_sets

from .probing import V, check_read, check_refused, put

LISTS, IDS = pa.array(V.tolist(), pa.list_(pa.float32())), pa.array(range(57))
FIXED = pa.array(V.tolist(), pa.list_(pa.float32(), 6))
SETS = pa.array(V.reshape(19, 3, 6).tolist())


def of(table, **how):
    held = io.BytesIO()
    pq.write_table(table, held, **how)
    return held.getvalue()


def columns(*arrays, names, **how):
    return of(pa.table([*arrays], names=names), **how)


def emb(rows, kind=None):
    return of(pa.table({"emb": pa.array(rows, kind)}))


def tensors(shape, kind=None):
    of_rows = pa.struct({"data": pa.list_(pa.float32()), "shape": pa.list_(kind or pa.int64())})
    return of(pa.table({"d": pa.array([{"data": row, "shape": shape} for row in V.tolist()], of_rows)}))


def extension(metadata, array=LISTS, name=b"x"):
    said = {b"ARROW:extension:name": name, b"ARROW:extension:metadata": metadata}
    return of(pa.table([array], schema=pa.schema([pa.field("emb", array.type, metadata=said)])))


DICTIONARY = pa.ListArray.from_arrays(pa.array(range(0, 343, 6), pa.int32()), pa.array(V.ravel()).dictionary_encode())
READ = {
    "other columns of one name": columns(IDS, LISTS, IDS, names=["a", "emb", "a"]),
    "no name": columns(LISTS, names=[""]),
    "a line feed in the name": columns(LISTS, names=["a\nb"]),
    "a dot in the name and a struct": columns(LISTS, pa.array([{"b": "x"}] * 57), names=["a.b", "a"]),
    "numbers from a dictionary": of(pa.table({"emb": DICTIONARY})),
    "a dictionary beside it": of(pa.table({"t": pa.array(["a"] * 57).dictionary_encode(), "emb": LISTS})),
    "maps beside it": of(
        pa.table({"m": pa.array([[("a", 1.0)]] * 57, pa.map_(pa.string(), pa.float32())), "e": LISTS})
    ),
    "lists of structs beside it": of(pa.table({"c": pa.array([[{"v": [1.0]}]] * 57), "emb": LISTS})),
    "nothing beside it": of(pa.table({"n": pa.nulls(57), "emb": LISTS})),
    "deep lists of one": emb(V.reshape(57, 1, 1, 6).tolist()),
    "structs in structs": of(pa.table({"a": pa.array([{"b": {"c": row}} for row in V.tolist()])})),
    "tensors of small integers": tensors([6], pa.uint8()),
    "broken metadata of pandas": of(pa.table({"emb": LISTS}).replace_schema_metadata({b"pandas": b"{broken"})),
    "an extension that is not UTF-8": extension(b"\xff\xfe"),
    "an extension that is too deep": extension(b"[" * 5000 + b"]" * 5000),
    "an extension that says nothing": extension(b""),
    "the shape of an extension": extension(b'{"shape": [6]}', FIXED),
    **{
        f"fixed lists of {kind} by {codec}": of(
            pa.table({"emb": FIXED.cast(pa.list_(kind, 6))}), compression=codec, row_group_size=20
        )
        for kind in (pa.float64(), pa.int16(), pa.uint8())
        for codec in ("snappy", "zstd", "gzip")
    },
}


@pytest.mark.parametrize("variant", READ)
def test_a_parquet_file_gives_what_was_written(tmp_path, variant):
    check_read(put(tmp_path, ".parquet", READ[variant]))


BIG = np.array([[2**60 + 1, -(2**62)], [3, 4]])
GOOD = of(pa.table({"emb": LISTS}))


def test_large_integers_are_rounded_as_numpy_does(tmp_path):
    check_read(put(tmp_path, ".parquet", emb(BIG.tolist())), BIG.astype(np.float32))


REFUSED = {
    "two columns of vectors of one name": (columns(LISTS, LISTS, names=["emb", "emb"]), "several columns called emb"),
    "another column of its name": (columns(LISTS, IDS, names=["emb", "emb"]), "several columns called emb"),
    "another column of its name before it": (columns(IDS, LISTS, names=["emb", "emb"]), "several columns called emb"),
    "a path that is a name too": (
        columns(LISTS, pa.StructArray.from_arrays([LISTS], ["b"]), names=["a.b", "a"]),
        "several columns called a.b",
    ),
    "line feeds in names": (columns(LISTS, LISTS, names=["a\nb", "c"]), "(columns with lists of numbers: a b, c)"),
    "a line feed in another name": (columns(IDS, names=["a\nb"]), "it has a b: int64"),
    "many columns": (of(pa.table({f"f{i}": IDS for i in range(300)})), "f7: int64 and 292 more"),
    "many columns of vectors": (of(pa.table({f"f{i}": LISTS for i in range(100)})), "f7 and 92 more"),
    "a struct of many fields": (of(pa.table({"a": [{f"k{i}": 1 for i in range(200)}]})), "..."),
    "no columns": (of(pa.table({})), "it has no columns"),
    "lists of structs": (of(pa.table({"c": [[{"emb": row}] for row in V.tolist()]})), "0 candidate columns"),
    "maps": (emb([[("a", 1.0)]], pa.map_(pa.string(), pa.float32())), "0 candidate columns"),
    "dates": (emb([[1, 2]], pa.list_(pa.date32())), "0 candidate columns"),
    "durations": (emb([[1, 2]], pa.list_(pa.duration("s"))), "0 candidate columns"),
    "decimals": (emb([[1, 2]], pa.list_(pa.decimal128(5, 2))), "0 candidate columns"),
    "only nulls": (of(pa.table({"emb": pa.nulls(5)})), "0 candidate columns"),
    "null rows": (emb([None] * 5, pa.list_(pa.float32())), "row 0 is empty (null)"),
    "a null row at the end": (emb([*V.tolist(), None], pa.list_(pa.float32())), "row 57 is empty (null)"),
    "a null fixed list": (emb([*V.tolist(), None], pa.list_(pa.float32(), 6)), "row 57 is empty (null)"),
    "null numbers": (emb([*V.tolist(), [None] * 6], pa.list_(pa.float32())), "missing numbers"),
    "a null struct": (of(pa.table({"d": [*({"emb": row} for row in V.tolist()), None]})), "row 57 is empty (null)"),
    "no rows": (of(pa.table({"emb": LISTS[:0]})), "is empty"),
    "fixed lists of nothing": (emb([[]] * 5, pa.list_(pa.float32(), 0)), "vectors of 0 numbers"),
    "NaN": (emb(np.where(V > 98, np.nan, V).tolist()), "NaN or infinity"),
    "beyond float32": (emb((V.astype(float) * 1e300).tolist()), "exceeds float32"),
    "a shape too large": (tensors([2**62, 4]), "but the shape [4611686018427387904, 4]"),
    "a negative shape": (tensors([-6]), "but the shape [-6]"),
    "a shape of two negatives": (tensors([-1, -6]), "but the shape [-1, -6]"),
    "no shape": (tensors(None), "empty (null)"),
    "a type that Arrow cannot read": (extension(b"{}", FIXED, b"arrow.fixed_shape_tensor"), "pyarrow says 'Invalid"),
    "an extension too large": (extension(b"[4611686018427387904, 4]"), "tensors of shape [4611686018427387904, 4]"),
    "an extension far too large": (extension(b"[99999999999999999999999]"), "tensors of shape [999"),
    "an encrypted footer": (b"PARE" + GOOD[4:-4] + b"PARE", "an encrypted Parquet file"),
    "the beginning lost": (GOOD[10:], "corrupt in row group 0"),
    "more after it": (GOOD + b"x", "not a Parquet file, or truncated"),
    "the end lost": (GOOD[:-4], "not a Parquet file, or truncated"),
    "a footer of nothing": (GOOD[:-8] + bytes(4) + b"PAR1", "is corrupt, pyarrow says"),
    "magic alone": (b"PAR1", "is corrupt, pyarrow says"),
    "magic twice": (b"PAR1PAR1", "is corrupt, pyarrow says"),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_a_parquet_file_that_cannot_be_read_is_refused(tmp_path, variant):
    content, fragment = REFUSED[variant]
    check_refused(put(tmp_path, ".parquet", content), fragment)


@pytest.mark.parametrize(
    ("names", "column", "fragment"),
    [
        (["Emb", "id"], "emb", "no column 'emb'"),
        (["emb", "id"], "id", "no list of numbers"),
        (["emb", "emb"], "emb", "several columns called emb"),
    ],
)
def test_a_column_that_cannot_be_meant_is_refused(tmp_path, names, column, fragment):
    path = put(tmp_path, ".parquet", columns(LISTS, IDS, names=names))
    check_refused(path, fragment, f"column={column}")


def test_sets_in_columns_of_one_name_are_refused(tmp_path):
    path = put(tmp_path, ".parquet", columns(SETS, SETS, names=["e", "e"]))
    with pytest.raises(DatasetError, match="several columns called e; give each a name of its own"):
        open_sets(path)


def test_a_damaged_parquet_file_is_never_a_traceback(tmp_path):
    """Bytes changed anywhere: the file is read or refused, in one line."""
    rng, refused = np.random.default_rng(0), []
    for _ in range(150):
        damaged = bytearray(GOOD)
        place = int(rng.integers(len(GOOD)))
        damaged[place : place + 4] = rng.bytes(4)
        path = put(tmp_path, ".parquet", bytes(damaged))
        try:
            check_read(path)
        except DatasetError as error:
            refused.append(str(error))
        except AssertionError:  # other numbers: Parquet has no checksum of its pages unless it is written with one
            pass
    assert len(refused) > 20
    assert not any("\n" in message for message in refused)
