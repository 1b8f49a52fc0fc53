"""Files of NumPy, .npy and .npz, as people really have them: read right, or refused in one line with status 2."""

import io
import lzma
import pickle
import zipfile

import numpy as np
import pytest

from .probing import HEADER, V, check_read, check_refused, npy, npy_of, put

BIG = 2**62
READ = {
    "one column": (npy(V[:, :1]), V[:, :1]),
    "one row": (npy(V[:1]), V[:1]),
    "masked": (npy(np.ma.array(V, mask=V > 50)), V),
    "every second row": (npy(V[::2, ::-1]), V[::2, ::-1]),
    "largest integers": (npy(np.full((3, 2), 2**64 - 1, "u8")), np.full((3, 2), 2**64, np.float32)),
    "below float32": (npy(np.full((3, 2), 1e-300)), np.zeros((3, 2), np.float32)),
    "subnormal": (npy(V * np.float32(1e-43)), V * np.float32(1e-43)),
    "negative zero": (npy(-V * 0), -V * 0),
    "all zero": (npy(V * 0), V * 0),
    "of Python 2": (npy_of(HEADER.replace("57", "57L")), V),
    "no padding": (npy_of(HEADER), V),
    "version 2": (npy_of(HEADER, version=(2, 0)), V),
    "other order of keys": (npy_of("{'shape': (57, 6), 'fortran_order': False, 'descr': '<f4'}"), V),
    "double quotes": (npy_of(HEADER.replace("'", '"')), V),
    "native order": (npy_of(HEADER.replace("<f4", "=f4")), V),
    "long name of type": (npy_of(HEADER.replace("<f4", "float32")), V),
    "zeros after it": (npy(V) + bytes(512), V),
}


@pytest.mark.parametrize("variant", READ)
def test_a_npy_file_gives_what_was_written(tmp_path, variant, recwarn):
    content, expected = READ[variant]
    check_read(put(tmp_path, ".npy", content), expected)
    assert not recwarn.list


NAN, OVER = np.where(V > 98, np.nan, V), V.astype(float) * 1e300
ROW = int(np.flatnonzero((V > 98).any(axis=1))[0])
REFUSED = {
    **{
        f"header {name}": (npy_of(header), "bad header")
        for name, header in {
            "open bracket": "{'descr': (",
            "open text": "'''x",
            "one quote": "'",
            "deep": "(" * 300 + ")" * 300,
            "without keys": "{}",
            "of a list": "[1]",
            "of zeros": "\0\0",
            "not ASCII": "{'descr': 'ÿ'}",
            "indented": "  x\n y",
            "with another key": HEADER.replace("'shape'", "'more': 1, 'shape'"),
            "with a shape in a list": HEADER.replace("(57, 6)", "[57, 6]"),
            "with a shape of text": HEADER.replace("(57, 6)", "'57'"),
            "with a fraction": HEADER.replace("57,", "57.0,"),
            "with no type": HEADER.replace("'<f4'", "None"),
            "with a type of three bytes": HEADER.replace("<f4", "<f3"),
            "with an unknown type": HEADER.replace("<f4", "zz9"),
            "with an order of text": HEADER.replace("False", "'x'"),
        }.items()
    },
    "negative shape": (npy_of(HEADER.replace("57", "-57")), "promises the shape (-57, 6)"),
    "huge shape": (npy_of(HEADER.replace("57", str(BIG))), "truncated"),
    "huger shape": (npy_of(HEADER.replace("57, 6", f"{BIG}, {BIG}")), "truncated"),
    "subarrays": (npy_of(HEADER.replace("'<f4'", "('<f4', (6,))")), "save it as float32"),
    "records": (npy_of(HEADER.replace("'<f4'", "[('x', '<f4')]")), "save it as float32"),
    "version and no more": (b"\x93NUMPY\x01\x00", "bad header"),
    "magic and no more": (b"\x93NUMPY", "bad header"),
    "half of the header": (npy(V)[:60], "bad header"),
    "header and no more": (npy(V)[:128], "truncated"),
    "one byte short": (npy(V)[:-1], "copy it again"),
    "Fortran order, one byte short": (npy(np.asfortranarray(V))[:-1], "truncated"),
    "no axes": (npy(np.float32(3)), "has shape ()"),
    "one axis": (npy(V[0]), "has shape (6,)"),
    "one axis of none": (npy(V[0, :0]), "two axes"),
    "three axes": (npy(V[None]), "has shape (1, 57, 6)"),
    "no rows": (npy(V[:0]), "shape is (0, 6)"),
    "no columns": (npy(V[:, :0]), "shape is (57, 0)"),
    "nothing": (npy(V[:0, :0]), "at least one vector"),
    "objects": (npy(V.astype(object)), "never unpickled"),
    "ragged objects": (npy(np.array([V[0], V[1, :2]], object)), "never unpickled"),
    "NaN": (npy(NAN), f"in row {ROW}"),
    "infinity": (npy(np.where(V > 98, -np.inf, V)), f"in row {ROW}"),
    "beyond float32": (npy(OVER), "exceeds float32"),
    "float16 that overflowed": (npy(np.full((20, 2), np.inf, "f2")), "NaN or infinity"),
    "a pickle": (pickle.dumps(V), "is a pickle, which is never loaded"),
    "an old pickle": (pickle.dumps({"a": [1]}, 2), "is a pickle, which is never loaded"),
    **{f"bytes {n}": (npy(V)[:n], "not a .npy file") for n in (1, 5, 7, 9, 11)},
}


@pytest.mark.parametrize("variant", REFUSED)
def test_a_npy_file_that_cannot_be_read_is_refused(tmp_path, variant):
    content, fragment = REFUSED[variant]
    check_refused(put(tmp_path, ".npy", content), fragment)


def archive(how=zipfile.ZIP_STORED, **members):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as opened:
        for name, content in members.items():
            opened.writestr(name.replace("_npy", ".npy"), content)
    return held.getvalue()


def arrays(compressed=False, **named):
    held = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(held, **named)
    return held.getvalue()


def changed(content, *places):
    """Bits of the entry in the archive's directory and before the member."""
    content, entry = bytearray(content), content.rfind(b"PK\x01\x02")
    for before, inside, value in places:
        content[before] = content[entry + inside] = value
    return bytes(content)


NOISE = np.random.default_rng(0).random((57, 6))
WAYS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def damaged(how):
    content = bytearray(archive(how, base_npy=npy(NOISE)))
    content[300:600] = bytes(300)
    return bytes(content)


READ_NPZ = {
    **{f"{name}, more after it": archive(how, base_npy=npy(V)) + b"more" for name, how in WAYS.items()},
    **{f"{name}, named vectors": archive(how, vectors_npy=npy(V), ids_npy=npy(V[:, :2])) for name, how in WAYS.items()},
    "an empty member": archive(a_npy=b"", b_npy=npy(V)),
    "a folder": archive(**{"d/": b"", "b_npy": npy(V)}),
    "files of macOS": archive(**{"__MACOSX/._b_npy": b"\0\5\26\7more", "b_npy": npy(V)}),
    "a broken header beside it": archive(a_npy=npy_of("{'descr': ("), b_npy=npy(V)),
    "a scalar beside it": arrays(emb=V, dim=np.array(6)),
    "texts and times beside it": arrays(True, emb=V, t=np.array(["a"]), when=np.array([0], "M8[s]")),
    "truths beside it": arrays(emb=V, mask=V > 3),
    "base and vectors": arrays(base=V, vectors=V + 1),
    **{f"{kind}": arrays(True, base=V.astype(kind)) for kind in (">f2", ">f8", "i1", "u2", ">u4", "g")},
}


@pytest.mark.parametrize("variant", READ_NPZ)
def test_a_npz_file_gives_what_was_written(tmp_path, variant):
    check_read(put(tmp_path, ".npz", READ_NPZ[variant]))


HUGE = npy_of(HEADER.replace("57", str(2**45)))
REFUSED_NPZ = {
    **{f"{name}, damaged": (damaged(how), "not a whole .npz") for name, how in WAYS.items()},
    **{f"{name}, cut": (archive(how, base_npy=npy(V))[:-30], "not a whole .npz") for name, how in WAYS.items()},
    "bytes before it": (b"\0\1" + archive(base_npy=npy(V)), "an archive begins with PK"),
    "text alone": (archive(readme=b"text"), "readme is no array"),
    "text called vectors": (archive(vectors=b"text", x_npy=npy(V)), "vectors is no array"),
    "text called base.npy": (archive(base_npy=b"text"), "base.npy is no array"),
    "an open bracket in the header": (archive(base_npy=npy_of("{'descr': (")), "is no array"),
    "a member cut off": (archive(a_npy=npy(V)[:-9]), "1487 bytes of 1496"),
    "a member of terabytes": (archive(a_npy=HUGE), "is corrupt: a.npy"),
    "a member of more": (archive(a_npy=npy_of(HEADER.replace("57", str(BIG)))), "is corrupt: a.npy"),
    "a negative shape": (archive(a_npy=npy_of(HEADER.replace("57", "-57"))), "is corrupt: a.npy"),
    "encrypted": (changed(archive(a_npy=npy(V)), (6, 8, 1)), "not a whole .npz"),
    "compressed in an unknown way": (changed(archive(a_npy=npy(V)), (8, 10, 99)), "not a whole .npz"),
    "many arrays": (arrays(**{f"a{i}": V for i in range(100)}), "a7 and 92 more"),
    "train and test": (arrays(train=V, test=V[:3]), "holds train, test"),
    "no axes": (arrays(base=np.array(3.0)), "has shape ()"),
    "one axis": (arrays(base=V[0]), "has shape (6,)"),
    "three axes": (arrays(base=V[None]), "has shape (1, 57, 6)"),
    "no rows": (arrays(base=V[:0]), "is empty"),
    "no columns": (arrays(base=V[:, :0]), "is empty"),
    "truths": (arrays(base=V > 3), "has dtype bool"),
    "texts": (arrays(base=np.array([["a"]])), "save it as float32"),
    "objects": (arrays(base=V.astype(object)), "holds Python objects"),
    "complex": (arrays(base=V.astype("c8")), "has dtype complex64"),
    "bfloat16": (arrays(base=np.zeros((57, 6), "V2")), "as bfloat16 is saved"),
    "records": (arrays(base=np.zeros(5, "f4, f4")), "save it as float32"),
    "times": (arrays(base=np.zeros((5, 2), "M8[s]")), "datetime64"),
    "NaN": (arrays(True, emb=NAN), f"in row {ROW}"),
    "beyond float32": (arrays(emb=OVER), "exceeds float32"),
    "a pickle": (pickle.dumps(V), "is a pickle, which is never loaded"),
    "compressed by xz": (lzma.compress(npy(V)), "compressed by xz; unpack it first"),
    "nothing": (b"", "is empty (0 bytes)"),
}


@pytest.mark.parametrize("variant", REFUSED_NPZ)
def test_a_npz_file_that_cannot_be_read_is_refused(tmp_path, variant):
    content, fragment = REFUSED_NPZ[variant]
    check_refused(put(tmp_path, ".npz", content), fragment)


@pytest.mark.parametrize("column", ["c", "b.npy", ""])
def test_an_array_that_is_not_there_is_refused(tmp_path, column):
    path = put(tmp_path, ".npz", arrays(a=V, b=V))
    check_refused(path, f"no array {column!r}; it holds a, b", f"column={column}")
