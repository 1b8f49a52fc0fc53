"""What the probes of the readers share: the vectors, raw ``.npy`` files, and the command that a file is given to."""

import contextlib
import io
import struct

import numpy as np

from bench.datasets.__main__ import main
from bench.datasets.formats import open_vectors

V = np.random.default_rng(0).integers(0, 100, (57, 6)).astype(np.float32)
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (57, 6), }"
WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n" * 9
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 99\n"


def npy(array):
    """The bytes that numpy.save writes; Python objects are pickled, as a careless user would."""
    held = io.BytesIO()
    np.save(held, array, allow_pickle=True)
    return held.getvalue()


def npy_of(header, version=(1, 0)):
    """A ``.npy`` file with any text as its header."""
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + V.tobytes()


def put(folder, suffix, content):
    """A file of the given bytes, or as the given function writes it."""
    path = folder / f"v{suffix}"
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    return path


def check_read(path, expected=V):
    """The file holds the expected numbers, read in blocks and in rows."""
    store = open_vectors(path)
    np.testing.assert_array_equal(store.read(0, 10**6), expected)
    rows = np.array([len(expected) - 1, 0, 0])
    np.testing.assert_array_equal(store.take(rows), expected[rows])


def check_refused(path, fragment, *options):
    """The command says why in one line that names the file and has ``fragment``, and exits with status 2."""
    said, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        status = main(["info", "--vectors", str(path), *options])
    message = said.getvalue()
    assert status == 2, printed.getvalue()
    assert message.count("\n") == 1, message
    assert fragment in message
    assert path.name in message
    assert len(message) < 700
    assert not printed.getvalue()
