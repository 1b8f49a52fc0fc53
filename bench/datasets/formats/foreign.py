"""What a file is instead, where it cannot be read as what its suffix says, and how to make a readable one of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.datasets.base import DatasetError

__all__ = ["check_plain", "explained", "how_to_convert", "listed"]

_SHOWN, _LONGEST = 8, 60  # names that a message lists, and letters of each
_UNPACK = "unpack it first"
_HDF5 = (b"\x89HDF\r\n\x1a\n", "an HDF5 file; call it .hdf5", (".hdf5", ".h5"))
_LONGEST_BLOCK = 1 << 16  # that a user may keep before HDF5 begins, as far as it is looked for
# First bytes, what has them, which suffixes that is right for.
_STARTS: tuple[tuple[bytes, str, tuple[str, ...]], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`", ()),
    (b"\x1f\x8b\x08", f"compressed by gzip; {_UNPACK}", ()),
    (b"BZh", f"compressed by bzip2; {_UNPACK}", ()),
    (b"\xfd7zXZ\0", f"compressed by xz; {_UNPACK}", ()),
    (b"\x28\xb5\x2f\xfd", f"compressed by zstd; {_UNPACK}", ()),
    (b"\x04\x22\x4d\x18", f"compressed by lz4; {_UNPACK}", ()),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive; {_UNPACK}", ()),
    (b"PK\x03\x04", f"a zip archive; {_UNPACK}, or call it .npz if it holds .npy files", (".npz",)),
    (b"\x93NUMPY", "a NumPy array; call it .npy", (".npy",)),
    _HDF5,
    (b"PARE", "an encrypted Parquet file; write it without encryption", ()),
    (b"PAR1", "a Parquet file; call it .parquet", (".parquet", ".pq")),
    (b"ARROW1\0", "an Arrow IPC (Feather) file; write it with pyarrow.parquet.write_table", ()),
    (b"FEA1", "a Feather file; write it with pyarrow.parquet.write_table", ()),
    *(
        (bytes([128, protocol, code]), "a pickle, which is never loaded; save the array with numpy.save", ())
        for protocol in (2, 3, 4, 5)
        for code in b"\x95}](cX"
    ),
)
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")
_LEAST_TEXT, _LOOK = 16, 512  # bytes from which on printable ones are no accident, and that are looked at
_TENSOR = "numpy.save('v.npy', TENSOR.float().numpy())"
_CONVERSIONS = {
    **dict.fromkeys(
        (".csv", ".tsv", ".txt"), "save its numbers: numpy.save('v.npy', numpy.loadtxt(FILE, 'f4', delimiter=','))"
    ),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "save its numbers: numpy.save('v.npy', array)"),
    **dict.fromkeys(
        (".arrow", ".feather", ".ipc", ".orc", ".lance", ".avro"),
        "write its table as Parquet: pyarrow.parquet.write_table(TABLE, 'v.parquet')",
    ),
    **dict.fromkeys((".pt", ".pth", ".safetensors"), f"save its tensor: {_TENSOR}"),
    **dict.fromkeys((".pkl", ".pickle"), "pickles are never loaded; save the array: numpy.save('v.npy', array)"),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".tar", ".tgz", ".7z"), _UNPACK),
    **dict.fromkeys((".mat", ".h5ad", ".bin", ".dat", ".memmap"), "save its array: numpy.save('v.npy', array)"),
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Where reading ``path`` fails inside the block and it is some other kind of file, the error says which."""
    try:
        yield
    except DatasetError:
        other = _what_else(path)
        if other is None:
            raise
        raise DatasetError(f"{path} is not a {path.suffix.lower()} file: it is {other}") from None


def check_plain(path: Path, unpacked: tuple[str, ...]) -> None:
    """ValueError for a text file that is some other file; compressed ones pass if their suffix is in ``unpacked``."""
    with path.open("rb") as handle:
        start = handle.read(_LOOK)
    other = _by_start(start)
    if other is not None and not (_UNPACK in other and path.suffix.lower() in unpacked):
        raise ValueError(f"it is {other}")


def how_to_convert(suffix: str) -> str | None:
    """What to do with a file of a suffix that no reader has; None if nothing is known of it."""
    return _CONVERSIONS.get(suffix)


def listed(names: Iterable[str]) -> str:
    """Names for a message of one line: the first few, shortened."""
    every = [" ".join(str(name).split()) for name in names]
    shown = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..." for name in every[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(every) - len(shown)} more" if len(every) > len(shown) else "")


def _what_else(path: Path) -> str | None:
    """What the first bytes of a file say that it is, if not what its suffix says."""
    try:
        with path.open("rb") as handle:
            start, after = handle.read(_LOOK), handle.read(_LONGEST_BLOCK)
    except OSError:
        return None
    if path.suffix.lower() in _HDF5[2] and _HDF5[0] in after:  # behind a block of the user's
        return None
    if not start:
        return "empty (0 bytes); copy it again"
    if any(start.startswith(magic) and path.suffix.lower() in suffixes for magic, _, suffixes in _STARTS):
        return None
    if (other := _by_start(start)) is not None:
        return other
    if len(start) >= _LEAST_TEXT and _is_text(start):
        return "text; save its numbers with numpy.save"
    if len(start) == _LOOK and not any(start):
        return "zeros where its header should be, as an interrupted download leaves; copy it again"
    return None


def _by_start(start: bytes) -> str | None:
    for magic, what, _ in _STARTS:
        if start.startswith(magic):
            return what
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_MARKUP):
        return "a web page or XML, perhaps an error instead of a download; open it to see, and download again"
    return None


def _is_text(start: bytes) -> bool:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    return all(byte >= 32 or byte in b"\t\r\n" for byte in start) and all(byte < 127 for byte in start)
