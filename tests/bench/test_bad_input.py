"""Bad input gets one line that says what would be right, and exit status 2, before any long work."""

import os
import struct
import subprocess
import sys

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra

from bench import commands


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Good and broken files of every format."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    good = rng.standard_normal((200, 16), np.float32)
    np.save(folder / "good.npy", good)
    np.save(folder / "wide.npy", rng.standard_normal((10, 8), np.float32))
    np.save(folder / "flat.npy", good[0])
    np.save(folder / "empty.npy", good[:0])
    np.save(folder / "one.npy", good[:1])
    with (folder / "below.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (-5, 16)})
    np.save(folder / "text.npy", np.array([["a", "b"]]))
    np.save(folder / "objects.npy", np.array([[{}, {}]]), allow_pickle=True)
    holed = good.copy()
    holed[17, 3] = np.nan
    np.save(folder / "nan.npy", holed)
    whole = (folder / "good.npy").read_bytes()
    (folder / "cut.npy").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.npy").write_bytes(b"not an array at all")
    (folder / "noise.npz").write_bytes(b"PK not a zip")
    np.savez(folder / "several.npz", first=good, second=good)
    (folder / "noise.hdf5").write_bytes(b"\x89HDF noise")
    (folder / "noise.parquet").write_bytes(b"PAR1 noise")
    (folder / "good.txt").write_text("1 2 3\n")
    rows = b"".join(struct.pack("<i", 16) + row.tobytes() for row in good)
    (folder / "cut.fvecs").write_bytes(rows[:-3])
    (folder / "ragged.fvecs").write_bytes(rows[:68] + struct.pack("<i", 8) + rows[72:])
    (folder / "negative.fvecs").write_bytes(struct.pack("<i", -4) + rows)
    (folder / "cut.fbin").write_bytes(struct.pack("<ii", 200, 16) + good.tobytes()[:-8])
    (folder / "long.u8bin").write_bytes(struct.pack("<ii", 2, 4) + bytes(100))
    (folder / "empty.fbin").write_bytes(b"")
    with h5py.File(folder / "nothing.hdf5", "w") as file:
        file["other"] = file["another"] = good  # either could be the base
    with h5py.File(folder / "badneighbors.hdf5", "w") as file:
        file["train"], file["test"] = good, good[:5]
        file["neighbors"] = np.full((5, 10), -7)
        file.attrs["distance"] = "euclidean"
    with h5py.File(folder / "wrongneighbors.hdf5", "w") as file:
        file["train"], file["test"] = good, good[:5]
        file["neighbors"] = np.tile(np.arange(100, 110), (5, 1))
        file.attrs["distance"] = "euclidean"
    with h5py.File(folder / "jaccard.hdf5", "w") as file:
        file["train"], file["test"] = good, good[:5]
        file.attrs["distance"] = "jaccard"
    pq.write_table(pa.table({"id": [1, 2], "v": [[1.0, 2.0], [1.0]]}), folder / "ragged.parquet")
    pq.write_table(pa.table({"id": [1, 2]}), folder / "nolist.parquet")
    pq.write_table(pa.table({"a": [[1.0, 2.0]] * 3, "b": [[1.0, 2.0]] * 3}), folder / "two.parquet")
    return folder


@pytest.fixture
def refused(files, tmp_path, monkeypatch, capsys):
    """Runs the command line in this process; returns its one line after checking that it is one, with status 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def run(*arguments):
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["bench", *(argument.format(files=files) for argument in arguments)])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        error = capsys.readouterr().err.strip()
        assert ended.value.code == 2, error
        assert error.startswith("bench: ")
        assert "\n" not in error, error
        assert "Traceback" not in error
        return error

    return run


OWN = ("dataset=path", "method=pq")
GOOD = (*OWN, "dataset.base={files}/good.npy")

CASES = {
    # The command itself
    "typo in the method": (("method=opqq",), "did you mean opq"),
    "a method like nothing": (("method=zzzzzz",), "use one of"),
    "typo in the data set": (("dataset=squad-sentence-mini",), "did you mean squad-sentences-mini"),
    "typo in the experiment": (("experiment=quik",), "did you mean quick"),
    "typo in the scenario": (("scenario=upgrad",), "did you mean upgrade"),
    "an option that is added": (("+foo=1",), "use one of method, dataset"),
    "a path with a comma": ((*OWN, "dataset.base=a,b=c.npy"), "'...'"),
    "a path that is a number": ((*OWN, "dataset.base=5"), "is no text"),
    "a list without a sweep": (("method=pq,opq",), "python -m bench -m"),
    "typo in an option": (("bugdet=8x",), "did you mean budget"),
    "typo in a method's parameter": (("method=pq", "method.bist=8"), "no parameter 'bist'; did you mean method.bits=?"),
    "a parameter of another spelling": (("method=opq", "method.centre=offset"), "did you mean method.center=?"),
    "a parameter like nothing": (("method=opq", "method.zzzzzz=1"), "it takes bits, renormalize, iterations"),
    "a parameter like nothing of several": (("-m", "method=opq,pq", "method.zzzzzz=1"), "--cfg job"),
    "a parameter that all lack": (("-m", "method=opq,pq", "method.centre=offset"), "did you mean method.center=?"),
    "typo in a data set's option": (
        ("dataset.max_querys=5",),
        "no option 'max_querys'; did you mean dataset.max_queries=?",
    ),
    "typo in an option of own vectors": ((*GOOD, "dataset.metrc=ip"), "did you mean dataset.metric=?"),
    "typo in a limit": (("limits.time=5",), "did you mean limits.time_s=?"),
    "an option as a flag": (("method=pq", "--budget", "32x"), "--budget is no flag; write budget=32x"),
    "an option as a flag with =": (("--dataset.max-base=10",), "write dataset.max_base=10"),
    "an option as a flag, and -m": (("-m", "method=pq", "--train-size", "500"), "write train_size=500"),
    "-m behind an option": (("method=pq,opqq", "-m"), "did you mean opq"),
    "no key": (("opq",), "write method=opq"),
    "an unclosed bracket": (("method=[pq",), "opens a bracket"),
    "a method's parameter of a wrong kind": (("method=pq", "method.bits=many"), "bits"),
    # Indexes
    "typo in the index": (("index=ivff",), "did you mean ivf"),
    "typo in an index's option": (("index=ivf", "index.list=8"), "did you mean index.lists=?"),
    "an option of no index": ((*GOOD, "index.lists=8"), "is an option of index=ivf"),
    "no lists": ((*GOOD, "index=ivf", "index.lists=0"), "use an integer of at least 1, or auto"),
    "probes that are no list": ((*GOOD, "index=ivf", "index.probes=4"), "use auto, or [1,4,16]"),
    "ids of another width": (
        (*GOOD, "index=ivf", "index.ids=int8"),
        "use one of packed, int32, int64, elias_fano, none",
    ),
    "an option of the other index": ((*GOOD, "index=ivf", "index.ef=[8]"), "is an option of index=hnsw"),
    "one link": ((*GOOD, "index=hnsw", "index.links=1"), "use an integer from 2 to 512"),
    "candidates that are no list": ((*GOOD, "index=hnsw", "index.ef=0"), "use auto, or [1,4,16]"),
    "a graph over codes that faiss does not hold": (
        ("method=bebr", "budget=8x", "index=hnsw"),
        "has no index in faiss",
    ),
    "an index of an engine": (("engine=faiss:SQ8", "index=ivf"), "is for methods, which it searches"),
    "an index without a byte for codes": (
        (*GOOD, "index=ivf", "index.budget=all", "index.ids=int64", "budget=8B"),
        "smallest code is 9 B",
    ),
    "residuals beside a store of vectors": (
        (*GOOD, "index=ivf", "index.residual=true", "rescore=int8", "budget=2x"),
        "stores vectors, not residuals",
    ),
    # Values
    "budget 0x": ((*GOOD, "budget=0x"), "use a ratio"),
    "budget -3B": ((*GOOD, "budget=-3B"), "use a ratio"),
    "budget without a unit": ((*GOOD, "budget=8"), "use a ratio"),
    "budget of a word": ((*GOOD, "budget=small"), "use a ratio"),
    "budget below a byte": ((*GOOD, "budget=1000x"), "the least is 1B (64x)"),
    "budget of half a byte": ((*GOOD, "budget=1.5B"), "use 1B"),
    "budget that the method cannot meet": (
        ("dataset={files}/good.npy", "method=float32", "budget=8x"),
        "smallest code is 64 B",
    ),
    "budget beyond numbers": ((*GOOD, f"budget=1{400 * '0'}B"), "beyond any number"),
    "k beyond the base": ((*GOOD, "k=100000000"), "use at most 180"),
    "endless time": ((*GOOD, "limits.time_s=inf"), "finite number above 0"),
    "an endless parameter": ((*GOOD, "method.iterations=inf"), "iterations=inf"),
    "negative seed of the data": ((*GOOD, "dataset.seed=-1"), "at least 0"),
    "renormalizing distances": ((*GOOD, "dataset.metric=l2", "method.renormalize=true"), "set renormalize=false"),
    "a flag of a wrong kind": ((*GOOD, "method.renormalize=abc"), "use one of them"),
    "k of zero": ((*GOOD, "k=0"), "k=0 is out of range"),
    "k of a word": ((*GOOD, "k=ten"), "not a valid integer"),
    "negative seed": ((*GOOD, "seed=-1"), "at least 0"),
    "no threads": ((*GOOD, "threads=0"), "at least 1"),
    "too many threads": ((*GOOD, "threads=100000"), "use at most"),
    "no training vectors": ((*GOOD, "train_size=0"), "train_size=0"),
    "no time": ((*GOOD, "limits.time_s=0"), "above 0"),
    "negative memory": ((*GOOD, "limits.memory_gb=-1"), "above 0"),
    "unknown rescoring": ((*GOOD, "rescore=flaot16"), "use one of float16"),
    "rescoring that is for sets": ((*GOOD, "rescore=residual"), "use one of float16"),
    "carving without rescoring": ((*GOOD, "rescore_carving=0.7"), "needs rescore=..."),
    "rescoring below the budget": ((*GOOD, "rescore=float32", "budget=8x"), "bytes"),
    "unknown metric": ((*GOOD, "dataset.metric=manhattan"), "ip, cosine, l2"),
    "no queries allowed": ((*GOOD, "dataset.max_queries=0"), "at least 1"),
    "no base allowed": ((*GOOD, "dataset.max_base=-5"), "at least 1"),
    "everything held out": ((*GOOD, "dataset.holdout=200"), "holdout"),
    # Files
    "no base named": (OWN, "dataset.base"),
    "no such file": ((*OWN, "dataset.base={files}/none.npy"), "none.npy"),
    "a folder": ((*OWN, "dataset.base={files}"), "file"),
    "unknown ending": ((*OWN, "dataset.base={files}/good.txt"), ".npy"),
    "one axis": ((*OWN, "dataset.base={files}/flat.npy"), "flat.npy"),
    "no rows": ((*OWN, "dataset.base={files}/empty.npy"), "empty.npy"),
    "text in it": ((*OWN, "dataset.base={files}/text.npy"), "text.npy"),
    "pickled objects": ((*OWN, "dataset.base={files}/objects.npy"), "objects.npy"),
    "NaN": ((*OWN, "dataset.base={files}/nan.npy"), "row 17"),
    "truncated npy": ((*OWN, "dataset.base={files}/cut.npy"), "cut.npy"),
    "corrupt npy": ((*OWN, "dataset.base={files}/noise.npy"), "noise.npy"),
    "corrupt npz": ((*OWN, "dataset.base={files}/noise.npz"), "noise.npz"),
    "npz with several arrays": ((*OWN, "dataset.base={files}/several.npz"), "several.npz"),
    "corrupt hdf5": ((*OWN, "dataset.base={files}/noise.hdf5"), "noise.hdf5"),
    "hdf5 without train": ((*OWN, "dataset.base={files}/nothing.hdf5"), "train"),
    "hdf5 with negative neighbors": ((*OWN, "dataset.base={files}/badneighbors.hdf5"), "-7"),
    "hdf5 of an unknown distance": ((*OWN, "dataset.base={files}/jaccard.hdf5"), "jaccard"),
    "corrupt parquet": ((*OWN, "dataset.base={files}/noise.parquet"), "noise.parquet"),
    "ragged parquet": ((*OWN, "dataset.base={files}/ragged.parquet"), "ragged.parquet"),
    "parquet without a list": ((*OWN, "dataset.base={files}/nolist.parquet"), "nolist.parquet"),
    "parquet with two lists": ((*OWN, "dataset.base={files}/two.parquet"), "name one by dataset.column=..."),
    "truncated fvecs": ((*OWN, "dataset.base={files}/cut.fvecs"), "cut.fvecs"),
    "ragged fvecs": ((*OWN, "dataset.base={files}/ragged.fvecs"), "ragged.fvecs"),
    "negative dimension": ((*OWN, "dataset.base={files}/negative.fvecs"), "negative.fvecs"),
    "truncated fbin": ((*OWN, "dataset.base={files}/cut.fbin"), "cut.fbin"),
    "u8bin that is too long": ((*OWN, "dataset.base={files}/long.u8bin"), "long.u8bin"),
    "empty fbin": ((*OWN, "dataset.base={files}/empty.fbin"), "empty.fbin"),
    "queries of another dimension": ((*GOOD, "dataset.queries={files}/wide.npy"), "dimension"),
    "training vectors of another dimension": ((*GOOD, "dataset.train={files}/wide.npy"), "dimension"),
    "NaN in the queries": ((*GOOD, "dataset.queries={files}/nan.npy"), "nan.npy"),
    "a data set that is not built": (("dataset=glove-100", "method=pq"), "python -m bench.datasets build glove-100"),
    "a shape below zero": ((*OWN, "dataset.base={files}/below.npy"), "below.npy"),
    "one vector": ((*OWN, "dataset.base={files}/one.npy"), "dataset.queries=FILE"),
    "a folder for a sweep that cannot be": (("-m", *GOOD, "results={files}/good.npy/sweep"), "results=DIR"),
    "results in a file": ((*GOOD, "results={files}/good.npy"), "choose another folder"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_one_line(refused, case):
    arguments, hint = CASES[case]
    assert hint in refused(*arguments)


def test_neighbors_that_are_not_nearest_are_found_out(refused):
    error = refused(*OWN, "dataset.base={files}/wrongneighbors.hdf5")
    assert "wrongneighbors.hdf5" in error


def test_no_write_permission_is_refused(refused, monkeypatch):
    """Simulated, for the tests may run as a user who may write anywhere."""
    from pathlib import Path

    def forbidden(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", forbidden)
    assert "Permission denied; choose another folder with results=DIR" in refused(*GOOD)


@pytest.mark.thorough
@pytest.mark.integration
def test_a_full_disk_at_the_end_is_one_line_and_leaves_no_record(refused, monkeypatch, tmp_path):
    real = os.fsync

    def full(descriptor):
        if "record.json" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    error = refused(*GOOD, "latency_s=0.1")
    assert "No space left on device; choose another folder with results=DIR" in error
    assert not list((tmp_path / "results").rglob("record.json"))


@pytest.mark.thorough
@pytest.mark.integration
@pytest.mark.parametrize(
    "arguments",
    [("method=opqq",), ("bugdet=8x",), ("-m", "method=pq,opqq"), ("dataset=path", "dataset.base=none.npy")],
)
def test_a_mistake_prints_no_traceback(arguments, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("bench: ")


@pytest.mark.thorough
@pytest.mark.integration
@pytest.mark.parametrize("module", ["bench.datasets", "methods"])
def test_the_small_commands_refuse_in_one_line_too(module, tmp_path):
    arguments = {"bench.datasets": ["build", "squad"], "methods": ["--family", "nothing"]}[module]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
