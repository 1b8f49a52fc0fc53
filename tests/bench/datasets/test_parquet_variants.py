"""Every form in which libraries keep vectors in Parquet: the right vectors, or one line of why not."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import datasets
from bench.datasets import DatasetError
from bench.datasets.formats import open_vectors
from bench.datasets.sets.formats import open_sets

V = np.random.default_rng(0).integers(0, 100, (57, 6)).astype(np.float32)
FLOATS = pa.array(V.tolist(), pa.list_(pa.float32()))
TEXTS = [str(row) for row in range(57)]
NUMBERS = [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64()]
LISTS = {"list": pa.list_, "large list": pa.large_list, "fixed list": lambda kind: pa.list_(kind, 6)}


class Foreign(pa.ExtensionType):
    """A type of another library, which is not registered where the file is read."""

    def __init__(self, storage, name, said):
        self._said = said if isinstance(said, bytes) else json.dumps(said).encode()
        super().__init__(storage, name)

    def __arrow_ext_serialize__(self):
        return self._said

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, said):
        return cls(storage, "foreign", said)


def foreign(array, name, said):
    return pa.ExtensionArray.from_storage(Foreign(array.type, name, said), array)


def cast(kind):
    values = V.astype(kind.value_type.to_pandas_dtype())
    return pa.array([list(row) for row in values], kind)


def nested(rows, count, inner=None):
    return pa.array(V.reshape(rows, count, -1).tolist(), pa.list_(pa.list_(inner or pa.float32())))


def structs(shapes):
    """Tensors as ray and Daft keep those of different shapes."""
    edges = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    flat = V.ravel()
    rows = [{"data": flat[a:b].tolist(), "shape": [*shape]} for a, b, shape in zip(edges, edges[1:], shapes)]
    kind = pa.struct({"data": pa.large_list(pa.float32()), "shape": pa.list_(pa.int64())})
    return pa.array(rows, kind)


def table(array, **columns):
    return pa.table({"text": TEXTS[: len(array)], **columns, "emb": array})


def written(array, **how):
    return lambda path: pq.write_table(table(array), path, **how)


def pandas(frame, **how):
    return lambda path: frame.to_parquet(path, **how)


def with_empty_groups(path):
    with pq.ParquetWriter(path, table(FLOATS).schema) as writer:
        for start, stop in ((0, 0), (0, 20), (20, 20), (20, 57), (57, 57)):
            writer.write_table(table(FLOATS).slice(start, stop - start), row_group_size=100)


INSIDE = pa.StructArray.from_arrays([pa.array(TEXTS), FLOATS], ["text", "emb"])
DATA = {
    **{f"{name} of {kind}": written(cast(of(kind))) for name, of in LISTS.items() for kind in NUMBERS},
    "list view": written(pa.array(V.tolist(), pa.list_view(pa.float32()))),
    "large list view": written(pa.array(V.tolist(), pa.large_list_view(pa.float64()))),
    "required numbers": written(FLOATS.cast(pa.list_(pa.field("item", pa.float32(), nullable=False)))),
    **{
        f"compressed by {name}": written(FLOATS, compression=name) for name in ("none", "gzip", "zstd", "lz4", "brotli")
    },
    "no dictionary": written(FLOATS, use_dictionary=False),
    "byte stream split": written(FLOATS, use_dictionary=False, use_byte_stream_split=["emb.list.element"]),
    **{f"version {v}": written(FLOATS, version=v) for v in ("1.0", "2.4", "2.6")},
    "data pages 2.0": written(FLOATS, data_page_version="2.0", data_page_size=64),
    **{f"row groups of {size}": written(FLOATS, row_group_size=size) for size in (1, 10, 56, 57, 1000)},
    "empty row groups": with_empty_groups,
    "chunked": lambda path: pq.write_table(pa.concat_tables([table(FLOATS)[:9], table(FLOATS)[9:]]), path),
    "sliced": lambda path: pq.write_table(pa.table({"emb": pa.concat_arrays([FLOATS, FLOATS])}).slice(57), path),
    "no Arrow schema": written(FLOATS, store_schema=False),
    "plain nested names": written(FLOATS, use_compliant_nested_type=False),
    "statistics off": written(FLOATS, write_statistics=False, write_page_index=False),
    "pandas of arrays": pandas(pd.DataFrame({"text": TEXTS, "emb": list(V)})),
    "pandas of halves": pandas(pd.DataFrame({"text": TEXTS, "emb": list(V.astype(np.float16))})),
    "pandas of doubles": pandas(pd.DataFrame({"text": TEXTS, "emb": list(V.astype(float))}, index=TEXTS)),
    "pandas of lists": pandas(pd.DataFrame({"emb": V.tolist(), "n": range(57)})),
    "pandas of tuples": pandas(pd.DataFrame({"emb": [tuple(row) for row in V.tolist()]})),
    "pandas of Arrow": pandas(pd.DataFrame({"emb": pd.Series(V.tolist(), dtype=pd.ArrowDtype(FLOATS.type))})),
    "pandas by a category": pandas(pd.DataFrame({"emb": list(V), "kind": pd.Categorical(["a", "b", "c"] * 19)})),
    "Arrow tensors": written(pa.FixedShapeTensorArray.from_numpy_ndarray(V)),
    "Arrow tensors of halves": written(pa.FixedShapeTensorArray.from_numpy_ndarray(V.astype(np.float16))),
    "Arrow tensors in row groups": written(pa.FixedShapeTensorArray.from_numpy_ndarray(V), row_group_size=10),
    "Arrow tensors of 1 x 6": written(pa.FixedShapeTensorArray.from_numpy_ndarray(V.reshape(57, 1, 6))),
    "Arrow tensors of 6 x 1": written(pa.FixedShapeTensorArray.from_numpy_ndarray(V.reshape(57, 6, 1))),
    "Arrow tensors without schema": written(pa.FixedShapeTensorArray.from_numpy_ndarray(V), store_schema=False),
    "ray tensors": written(foreign(pa.array(V.tolist(), pa.large_list(pa.float32())), "ray.data.arrow_tensor_v2", [6])),
    "ray tensors of old": written(foreign(FLOATS, "ray.data.arrow_tensor", [1, 6])),
    "ray tensors of any shape": written(foreign(structs([(6,)] * 57), "ray.data.arrow_variable_shaped_tensor", 1)),
    "Daft embeddings": written(
        foreign(cast(pa.list_(pa.float32(), 6)), "daft.super_extension", {"datatype": {"Embedding": ["Float32", 6]}})
    ),
    "Daft tensors": written(
        foreign(structs([(1, 6)] * 57), "daft.super_extension", {"datatype": {"Tensor": "Float32"}})
    ),
    "Daft tensors of one shape": written(
        foreign(
            cast(pa.list_(pa.float32(), 6)),
            "daft.super_extension",
            {"datatype": {"FixedShapeTensor": ["Float32", [6]]}, "daft_version": "0"},
        )
    ),
    "datasets arrays": written(
        foreign(nested(57, 1), "datasets.features.features.Array2DExtensionType", [[1, 6], "f"])
    ),
    "lists of one list": written(nested(57, 1)),
    "lists of lists of one": written(nested(57, 6)),
    "inside a struct": lambda path: pq.write_table(pa.table({"doc": INSIDE, "id": range(57)}), path),
    "a dot in the name": lambda path: pq.write_table(pa.table({"doc.emb": FLOATS}), path),
    "a name that is not ASCII": lambda path: pq.write_table(pa.table({"вектор": FLOATS}), path),
    "sets beside vectors": lambda path: pq.write_table(table(FLOATS, tokens=nested(57, 3)), path),
}


@pytest.mark.parametrize("variant", DATA)
def test_a_variant_gives_the_vectors_that_were_written(tmp_path, variant):
    DATA[variant](tmp_path / "v.parquet")
    store = open_vectors(tmp_path / "v.parquet")
    np.testing.assert_array_equal(store.read(0, 99), V)
    rows = np.array([50, 3, 3, 0])
    np.testing.assert_array_equal(store.take(rows), V[rows])
    assert store.read(1, 3).dtype == np.float32


def lists(*rows, kind=None):
    return written(pa.array(rows, kind or FLOATS.type))


REFUSED = {
    "null row": (lists([1.0, 2.0], None), "row 1 is empty (null)"),
    "null row of fixed lists": (lists([1.0, 2.0], None, kind=pa.list_(pa.float32(), 2)), "row 1 is empty (null)"),
    "null row in a later group": (
        lambda path: pq.write_table(table(pa.array([*V.tolist()[:30], None], FLOATS.type)), path, row_group_size=10),
        "row 30 is empty (null)",
    ),
    "null number": (lists([1.0, None]), "missing numbers (null)"),
    "null number of fixed lists": (lists([1.0, None], kind=pa.list_(pa.float32(), 2)), "missing numbers (null)"),
    "null tensor": (
        written(foreign(pa.array([[1.0], None], pa.list_(pa.float32())), "ray.data.arrow_tensor", [1])),
        "row 1 is empty (null)",
    ),
    "null inside a struct": (
        lambda path: pq.write_table(pa.table({"doc": [{"emb": [1.0]}, None, {"emb": None}]}), path),
        "row 1 is empty (null)",
    ),
    "null list of a list": (lists([None], kind=pa.list_(pa.list_(pa.float32()))), "hold empty (null) vectors"),
    "ragged": (lists([1.0, 2.0], [3.0]), "row 1 of 'emb' has 1 numbers, the first has 2"),
    "ragged across row groups": (
        lambda path: pq.write_table(table(pa.array([*V.tolist()[:30], [1.0]], FLOATS.type)), path, row_group_size=10),
        "row 30 of 'emb' has 1 numbers",
    ),
    "empty lists": (lists([], []), "row 0 of 'emb' has no numbers"),
    "no rows": (lists(), "is empty"),
    "sets of vectors": (written(nested(19, 3)), "has 3 vectors of 6 numbers; a row needs one vector (dataset=ragged"),
    "tensors of two axes": (
        written(pa.FixedShapeTensorArray.from_numpy_ndarray(V.reshape(19, 3, 6))),
        "has 3 vectors of 6 numbers",
    ),
    "ray tensors of two axes": (
        written(foreign(pa.array(V.reshape(19, 18).tolist()), "ray.data.arrow_tensor", [3, 6])),
        "has 3 vectors of 6 numbers",
    ),
    "a shape that lies": (written(foreign(FLOATS, "ray.data.arrow_tensor", [7])), "tensors of shape [7], but 57 rows"),
    "a row's shape that lies": (
        written(
            pa.array(
                [{"data": [1.0], "shape": [2]}],
                pa.struct({"data": pa.list_(pa.float32()), "shape": pa.list_(pa.int64())}),
            )
        ),
        "row 0 has 1 numbers but the shape [2]",
    ),
    "columns of single numbers": (pandas(pd.DataFrame(V, columns=[f"f{i}" for i in range(6)])), "f0: float"),
    "bytes": (pandas(pd.DataFrame({"emb": [row.tobytes() for row in V]})), "emb: binary"),
    "texts": (pandas(pd.DataFrame({"emb": [str(row.tolist()) for row in V]})), "write each vector as one list"),
    "truths": (lists([True, False], kind=pa.list_(pa.bool_())), "0 candidate columns"),
    "decimals": (lists([1, 2], kind=pa.list_(pa.decimal128(5, 2))), "0 candidate columns"),
    "maps": (lists([("a", 1.0)], kind=pa.map_(pa.string(), pa.float32())), "0 candidate columns"),
    "lists of nothing": (lists([None], kind=pa.list_(pa.null())), "0 candidate columns"),
    "several": (
        lambda path: pq.write_table(table(FLOATS, ids=FLOATS), path),
        "columns with lists of numbers: ids, emb",
    ),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_a_variant_that_cannot_be_read_is_refused_in_one_line(tmp_path, variant):
    write, fragment = REFUSED[variant]
    path = tmp_path / "v.parquet"
    write(path)
    with pytest.raises(DatasetError) as caught:
        datasets.load("path", base=str(path), queries=str(path))
    assert fragment in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_is_named_by_its_path(tmp_path):
    held = pa.table({"doc": INSIDE, "emb": pa.array((V + 1).tolist(), FLOATS.type), "text": TEXTS})
    pq.write_table(held, tmp_path / "v.parquet")
    np.testing.assert_array_equal(open_vectors(tmp_path / "v.parquet", column="doc.emb").read(0, 99), V)
    np.testing.assert_array_equal(open_vectors(tmp_path / "v.parquet", column="emb").read(0, 99), V + 1)
    with pytest.raises(DatasetError, match=r"'text' is string, no list of numbers; columns .*: doc.emb, emb"):
        open_vectors(tmp_path / "v.parquet", column="text")
    with pytest.raises(DatasetError, match=r"no column 'doc\.text'"):
        open_vectors(tmp_path / "v.parquet", column="doc.text")


SETS = V.reshape(19, 3, 6)
OF_SETS = {
    "lists of lists": written(nested(19, 3)),
    "lists of lists of halves": written(nested(19, 3, pa.float16())),
    "fixed lists of fixed lists": written(pa.array(SETS.tolist(), pa.list_(pa.list_(pa.float32(), 6), 3))),
    "lists of tensors' storage": written(
        foreign(pa.array(SETS.tolist()), "datasets.features.features.Array2DExtensionType", [[None, 6], "float32"])
    ),
    "Arrow tensors": written(pa.FixedShapeTensorArray.from_numpy_ndarray(SETS)),
    "Arrow tensors, columns first": written(
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.float32(), [6, 3], permutation=[1, 0]),
            pa.array(SETS.transpose(0, 2, 1).reshape(19, 18).tolist(), pa.list_(pa.float32(), 18)),
        )
    ),
    "ray tensors": written(foreign(pa.array(SETS.reshape(19, 18).tolist()), "ray.data.arrow_tensor_v2", [3, 6])),
    "tensors of any shape": written(structs([(3, 6)] * 19)),
    "row groups": written(nested(19, 3), row_group_size=4),
    "beside vectors": lambda path: pq.write_table(table(nested(19, 3), one=pa.array(V[:19].tolist())), path),
}


@pytest.mark.parametrize("variant", OF_SETS)
def test_a_variant_gives_the_sets_that_were_written(tmp_path, variant):
    OF_SETS[variant](tmp_path / "v.parquet")
    found = open_sets(tmp_path / "v.parquet")
    np.testing.assert_array_equal(found.vectors, V)
    np.testing.assert_array_equal(found.offsets, np.arange(0, 58, 3))


def test_sets_of_different_sizes_are_read_from_tensors(tmp_path):
    written(structs([(2, 6), (5, 6), (50, 6)]))(tmp_path / "v.parquet")
    found = open_sets(tmp_path / "v.parquet")
    np.testing.assert_array_equal(found.vectors, V)
    np.testing.assert_array_equal(found.offsets, [0, 2, 7, 57])


REFUSED_SETS = {
    "single vectors": (written(FLOATS), "no list of lists|0 candidate columns"),
    "vectors of two lengths in a set": (
        lists([[1.0, 2.0], [1.0]], kind=pa.list_(pa.list_(pa.float32()))),
        "row 0 is ragged",
    ),
    "vectors of two lengths": (lists([[1.0, 2.0]], [[1.0]], kind=pa.list_(pa.list_(pa.float32()))), "is ragged"),
    "an empty set": (lists([[1.0]], [], [[1.0]], kind=pa.list_(pa.list_(pa.float32()))), "set 1 of .* is empty"),
    "a null set": (lists([[1.0]], None, kind=pa.list_(pa.list_(pa.float32()))), "row 1 is empty"),
    "a null vector": (lists([[1.0], None], kind=pa.list_(pa.list_(pa.float32()))), "empty .null. vectors"),
    "several": (lambda path: pq.write_table(table(nested(19, 3), b=nested(19, 3)), path), "2 candidate columns"),
}


@pytest.mark.parametrize("variant", REFUSED_SETS)
def test_sets_that_cannot_be_read_are_refused_in_one_line(tmp_path, variant):
    write, fragment = REFUSED_SETS[variant]
    write(tmp_path / "v.parquet")
    with pytest.raises(DatasetError, match=fragment) as caught:
        open_sets(tmp_path / "v.parquet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [">f4", ">f8", ">f2", "f8", "g", ">i8", "u1"])
@pytest.mark.parametrize("folder", [False, True])
def test_token_arrays_of_any_byte_order_are_read(tmp_path, kind, folder):
    arrays = {"vectors": V.astype(kind), "offsets": np.arange(0, 58, 3).astype(">i8")}
    if folder:
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
    else:
        np.savez(tmp_path / "v.npz", **arrays)
    found = open_sets(tmp_path if folder else tmp_path / "v.npz")
    np.testing.assert_array_equal(found.vectors, V)
    assert found.vectors.dtype == (np.float16 if kind == ">f2" else np.float32)
    np.testing.assert_array_equal(found.offsets, np.arange(0, 58, 3))
