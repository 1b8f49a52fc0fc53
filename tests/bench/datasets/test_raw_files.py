"""Files of rows, .fvecs and .fbin and their kin: read right, or refused in one line with status 2."""

import struct

import numpy as np
import pytest

from .probing import V, check_read, check_refused, npy, put


def vecs(array, how="<i"):
    return b"".join(struct.pack(how, len(row)) + row.tobytes() for row in array)


def bins(rows, dim, *parts, how="<II"):
    return struct.pack(how, rows, dim) + b"".join(parts)


VECS = {".fvecs": V, ".bvecs": V.astype("u1"), ".ivecs": V.astype("i4")}
BINS = {".fbin": V, ".u8bin": V.astype("u1"), ".i8bin": V.astype("i1"), ".ibin": V.astype("i4")}
LARGEST = {".bvecs": 255, ".ivecs": 2**31 - 1, ".u8bin": 255, ".i8bin": -128, ".ibin": -(2**31)}
READ = {
    **{f"{s} one row": (s, vecs(a[:1]), V[:1]) for s, a in VECS.items()},
    **{f"{s} one column": (s, vecs(a[:, :1]), V[:, :1]) for s, a in VECS.items()},
    **{f"{s} whole rows cut off": (s, vecs(a)[: -(4 + 6 * a.itemsize)], V[:-1]) for s, a in VECS.items()},
    **{f"{s} one row": (s, bins(1, 6, a[0].tobytes()), V[:1]) for s, a in BINS.items()},
    **{f"{s} one column": (s, bins(342, 1, a.tobytes()), V.reshape(-1, 1)) for s, a in BINS.items()},
    **{f"{s} rows and dimension swapped": (s, bins(6, 57, a.tobytes()), V.reshape(6, 57)) for s, a in BINS.items()},
    **{
        f"{s} largest": (
            s,
            (vecs if s in VECS else lambda a: bins(*a.shape, a.tobytes()))(
                np.full((3, 2), value, ({**VECS, **BINS})[s].dtype)
            ),
            np.full((3, 2), value, np.float32),
        )
        for s, value in LARGEST.items()
    },
}


@pytest.mark.parametrize("variant", READ)
def test_a_file_of_rows_gives_what_was_written(tmp_path, variant):
    suffix, content, expected = READ[variant]
    check_read(put(tmp_path, suffix, content), expected)


def of_vecs(suffix, array):
    """Variants of a TEXMEX file, and what the message has to say."""
    good, wide = vecs(array), 4 + 6 * array.itemsize
    longer = struct.pack("<i", 5) + array[2, :5].tobytes()
    return {
        "one byte more": (good + b"\0", "no whole number of rows"),
        "a line feed more": (good + b"\n", "no whole number of rows"),
        "zeros for a row more": (good + bytes(wide), "row 57 says dimension 0"),
        "one byte less": (good[:-1], "no whole number of rows"),
        "half": (good[: len(good) // 2], "no whole number of rows"),
        "three bytes": (good[:3], "truncated"),
        "a dimension alone": (good[:4], "no whole number of rows"),
        "big-endian dimensions": (vecs(array, ">i"), "says dimension 100663296"),
        "dimensions of 64 bits": (vecs(array, "<q"), ""),
        "dimensions of 16 bits": (vecs(array, "<h"), ""),
        "dimensions as floats": (vecs(array, "<f"), "says dimension 1086324736"),
        "zeros": (bytes(400), "says dimension 0"),
        "many zeros": (bytes(4000), "zeros where its header should be"),
        "dimension -1": (struct.pack("<i", -1) * 9, "says dimension -1"),
        "a shorter row": (vecs(array[:5]) + longer, "no whole number of rows"),
        "another dimension in the same space": (
            vecs(array[:2]) + struct.pack("<i", 5) + array[2].tobytes(),
            "row 2 says dimension 5",
        ),
        "without the first dimension": (good[4:], ""),
        "rows alone": (array.tobytes(), ""),
        "a header of bigann": (bins(57, 6, array.tobytes()), "no whole number of rows"),
        "a NumPy file": (npy(array), "it is a NumPy array; call it .npy"),
        "nothing": (b"", "is empty"),
    }


def of_bins(suffix, array):
    """Variants of a big-ann-benchmarks file, and what the message has to say."""
    rows, good = array.tobytes(), bins(57, 6, array.tobytes())
    many = f"{suffix} has {{}} bytes too many"
    return {
        "one byte more": (good + b"\0", many.format(1)),
        "line feeds more": (good + b"\n" * 4, many.format(4)),
        "one byte less": (good[:-1], "truncated"),
        "a header alone": (good[:8], "truncated"),
        "half a header": (good[:4], "the header alone has 8"),
        "no rows": (bins(0, 6), "shape is (0, 6)"),
        "no columns": (bins(57, 0), "shape is (57, 0)"),
        "no shape": (bins(0, 0), "is empty"),
        "no shape before rows": (bins(0, 0, rows), "header (0 x 0) promises 8"),
        "a row too few in the header": (bins(56, 6, rows), many.format(6 * array.itemsize)),
        "a row too many in the header": (bins(58, 6, rows), "truncated"),
        "a column too many in the header": (bins(57, 7, rows), "truncated"),
        "minus one row": (bins(-1, 6, rows, how="<ii"), "4294967295 x 6"),
        "a negative dimension": (bins(57, -6, rows, how="<ii"), "57 x 4294967290"),
        "the largest header": (bins(2**32 - 1, 2**32 - 1, rows), "4294967295 x 4294967295"),
        "a header of three numbers": (struct.pack("<III", 57, 6, 4) + rows, many.format(4)),
        "a header of one number": (struct.pack("<I", 6) + rows, "promises"),
        "rows alone": (rows, "promises"),
        "components of 2 bytes": (bins(57, 6, V.astype("f2").tobytes()), "each component has 2 bytes"),
        "components of 8 bytes": (bins(57, 6, V.astype("f8").tobytes()), "8 bytes"),
        "a TEXMEX file": (vecs(array), "promises"),
        "a NumPy file": (npy(array), "it is a NumPy array; call it .npy"),
        "zeros": (bytes(2000), "zeros where its header should be"),
        "nothing": (b"", "is empty (0 bytes)"),
    }


REFUSED = {
    **{f"{s} {name}": (s, *case) for s, a in VECS.items() for name, case in of_vecs(s, a).items()},
    **{f"{s} {name}": (s, *case) for s, a in BINS.items() for name, case in of_bins(s, a).items()},
    ".fvecs NaN": (".fvecs", vecs(np.where(V > 98, np.nan, V).astype("f4")), "NaN or infinity"),
    ".fbin infinity": (".fbin", bins(57, 6, np.where(V > 98, np.inf, V).astype("f4").tobytes()), "NaN or infinity"),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_a_file_of_rows_that_cannot_be_read_is_refused(tmp_path, variant):
    suffix, content, fragment = REFUSED[variant]
    check_refused(put(tmp_path, suffix, content), fragment)
