"""A codec saved is the same in another process, and what cannot be loaded is refused in one line."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as file_of

import methods
from methods import SavedCodecError, registry, storage
from methods.checks import data
from methods.errors import UnknownMethod
from methods.multivector.checks import Subject

DENSE = {
    "pq": {},
    "opq": {"center": "offset"},
    "rabitq": {},
    "bebr": {},
    "trellis": {},
    "rq_trellis": {},
    "saq": {},
    "pca": {"codec": "int8"},
    "sign": {},
}
SETS = ("token_codec", "muvera")
OTHER_PROCESS = """
import hashlib, json, sys
import numpy as np
import methods
from methods.checks import data
for file in sys.argv[1:]:
    codec = methods.load(file)
    codes = codec.encode(data.base())
    ids = codec.searcher(codes).search(data.queries(), 10)[1]
    print(json.dumps([hashlib.sha256(array.tobytes()).hexdigest() for array in (codes, ids)]))
"""
OTHER_PROCESS_OF_SETS = """
import hashlib, json, sys
import methods
from methods.multivector.checks import base
for file in sys.argv[1:]:
    print(json.dumps(hashlib.sha256(methods.load(file).encode(base()).data.tobytes()).hexdigest()))
"""


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def in_another_process(program, files):
    """What a program prints about each of the ``files`` (name -> path), by name."""
    command = [sys.executable, "-c", program, *map(str, files.values())]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(zip(files, map(json.loads, printed), strict=True))


@pytest.fixture
def saved(tmp_path):
    """A codec of ``pq`` and its file."""
    codec = methods.create("pq", dim=data.DIM, budget=8).fit(data.train())
    return codec, codec.save(tmp_path / "pq.codec")


@pytest.mark.integration
def test_codecs_are_the_same_in_another_process(tmp_path):
    files, here = {}, {}
    for name, params in DENSE.items():
        codec = methods.create(name, dim=data.DIM, budget="16B", metric="cosine", **params).fit(data.train())
        codes = codec.encode(data.base())
        here[name] = [sha256(codes), sha256(codec.searcher(codes).search(data.queries(), 10)[1])]
        files[name] = codec.save(tmp_path / f"{name}.codec")
    assert in_another_process(OTHER_PROCESS, files) == here


@pytest.mark.thorough
@pytest.mark.integration
def test_codecs_of_sets_are_the_same_in_another_process(tmp_path):
    subjects = {name: Subject(name) for name in SETS}
    files = {name: each.fitted().save(tmp_path / f"{name}.codec") for name, each in subjects.items()}
    here = {name: sha256(each.codes.data) for name, each in subjects.items()}
    assert in_another_process(OTHER_PROCESS_OF_SETS, files) == here


def test_saving_over_a_file_replaces_it_and_leaves_nothing_else(saved, tmp_path):
    codec, path = saved
    before = path.read_bytes()
    codec.save(str(path))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["pq.codec"]


def test_a_codec_that_cannot_be_saved_says_why(tmp_path):
    class Nameless(registry.get("pq")):
        name = ""

    fitted = Nameless.for_budget(data.DIM, 8, methods.Metric.IP).fit(data.train())
    with pytest.raises(SavedCodecError, match=r"Nameless has no name .* register it with @methods\.register"):
        fitted.save(tmp_path / "x.codec")
    with pytest.raises(methods.MethodError, match="pq is not fitted"):
        methods.create("pq", dim=8, budget="8x").save(tmp_path / "x.codec")
    with pytest.raises(SavedCodecError, match=r"cannot write .*: No such file or directory"):
        methods.create("int8", dim=data.DIM, budget=99).fit(data.train()).save(tmp_path / "none" / "x.codec")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "is not a saved codec; codec.save"),
        (lambda content: content[:5], "is not a saved codec; codec.save"),
        (lambda content: b"PK\x03\x04" + content, "is not a saved codec; codec.save"),
        (lambda content: file_of({"a": np.zeros(3)}), "is not a saved codec; codec.save"),
        (lambda content: file_of({"a": np.zeros(3)}, {"format": "pt"}), "is not a saved codec; codec.save"),
        (lambda content: content[:-7], "is truncated or was altered"),
        (lambda content: content + b"0", "is truncated or was altered"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "was altered: its checksum"),
        (lambda content: content.replace(rb"\"pq\"", rb"\"sq\"", 1), "was altered: its checksum"),
    ],
    ids=["empty", "short", "zip", "no metadata", "other metadata", "truncated", "longer", "altered", "renamed"],
)
def test_a_damaged_or_foreign_file_is_refused(saved, tmp_path, damage, message):
    path = tmp_path / "damaged.codec"
    path.write_bytes(damage(saved[1].read_bytes()))
    with pytest.raises(SavedCodecError, match=message) as raised:
        methods.load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def rewritten(path, parts=None, **changed):
    """The file with other metadata or parts, and a checksum that fits them."""
    content = path.read_bytes()
    parts = parts or arrays_of(content)
    head = {**storage._head(path, content), **changed}
    head["sha256"] = storage._checksum(head, parts)
    path.write_bytes(storage._content(head, parts))
    return path


def test_a_newer_format_and_other_versions_are_refused(saved):
    codec, path = saved
    with pytest.raises(SavedCodecError, match=r"of the format '.* codec 2', and this version reads '.* codec 1'"):
        methods.load(rewritten(path, format=storage.FORMAT[:-1] + "2"))
    rewritten(path, format=storage.FORMAT)
    with pytest.raises(SavedCodecError, match=r"version 0, and installed is .*; fit it again and encode anew"):
        methods.load(rewritten(path, version="0"))
    with pytest.raises(SavedCodecError, match=r"version 10, and installed is .*; install the version that wrote it"):
        methods.load(rewritten(path, version="10"))
    with pytest.raises(UnknownMethod, match="no method is called 'pqq'; did you mean pq"):
        methods.load(rewritten(path, method="pqq", version=codec.version))


def test_an_earlier_version_whose_codes_are_the_same_is_read(saved, monkeypatch):
    codec, path = saved
    rewritten(path, version="0")
    monkeypatch.setattr(type(codec), "reads_versions", frozenset({"0"}))
    assert np.array_equal(methods.load(path).encode(data.base()), codec.encode(data.base()))


def test_l2_codes_of_rq_trellis_from_before_version_10_are_refused(tmp_path):
    codec = methods.create("rq_trellis", dim=data.DIM, budget="16B", metric="l2", stages=1, state_bits=10)
    codec.fit(data.train())
    parts = {key: np.array(array, order="C") for key, array in codec.parts().items() if key != "product_levels"}
    path = rewritten(codec.save(tmp_path / "x.codec"), parts, version="9")
    with pytest.raises(SavedCodecError, match="fit it again and encode anew"):
        methods.load(path)


@pytest.mark.parametrize(
    ("name", "options", "earlier_parts"),
    [
        ("rq_trellis", {"state_bits": 10}, {"mean": "centre"}),
        ("trellis", {}, {}),
        ("pca", {"codec": "transform_coding"}, {}),
        ("rabitq", {"center": "offset"}, {"codec.mean": "codec.center"}),
    ],
)
def test_names_of_earlier_versions_are_read(tmp_path, name, options, earlier_parts):
    def earlier(params):
        params = {"bits" if key == "level_bytes" else key: value for key, value in params.items()}
        return params | ({"codec_params": earlier(params["codec_params"])} if "codec_params" in params else {})

    codec = methods.create(name, dim=data.DIM, budget="16B", **options).fit(data.train())
    parts = {earlier_parts.get(key, key): np.array(array, order="C") for key, array in codec.parts().items()}
    path = rewritten(codec.save(tmp_path / "x.codec"), parts, params=earlier(codec.params()))
    loaded = methods.load(path)
    assert np.array_equal(loaded.encode(data.base()), codec.encode(data.base()))
    assert loaded.parts().keys() == codec.parts().keys()
    assert registry.present_params(name, loaded.params()) == codec.params()


def test_missing_surplus_and_unlike_parts_are_refused(saved):
    codec, path = saved
    parts = {name: np.array(array) for name, array in codec.parts().items()}
    (name,) = parts
    with pytest.raises(SavedCodecError, match=f"lacks the part '{name}' of pq"):
        methods.load(rewritten(path, {"other": parts[name]}))
    with pytest.raises(SavedCodecError, match=r"has the part 'more' as float64 \(3,\), and pq takes nothing"):
        methods.load(rewritten(path, {**parts, "more": np.zeros(3)}))
    with pytest.raises(SavedCodecError, match="pq"):
        methods.load(rewritten(path, {name: parts[name][:, :, :1]}))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SavedCodecError, match=r"none\.codec cannot be read: No such file or directory"):
        methods.load(tmp_path / "none.codec")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0}, "dim=0 is not a dimension"),
        ({"dim": 8.5}, "dim=8.5 is not a dimension"),
        ({"dim": True}, "dim=True is not a dimension"),
        ({"budget": "8"}, "budget=8 is not a budget; use a ratio"),
        ({"budget": True}, "budget=True is not a budget"),
        ({"budget": 0}, "budget=0B leaves no bytes at all"),
        ({"budget": 0.5}, "budget=0.5 is not a budget"),
        ({"metric": "dot"}, "metric='dot' is unknown"),
        ({"bit": 4}, "pq has no parameter 'bit'; did you mean bits"),
    ],
)
def test_create_says_what_would_be_right(arguments, message):
    with pytest.raises(methods.MethodError, match=message):
        methods.create("pq", **{"dim": 32, "budget": "8x", **arguments})


def test_create_takes_every_form_of_budget():
    sizes = [
        methods.create("pq", dim=64, budget=budget).code_size for budget in ("16x", "16B", "2bit", 16, np.int64(16))
    ]
    assert sizes == [16] * 5


def test_a_repr_can_be_pasted():
    codec = methods.create("pq", dim=64, budget="16x", metric="cosine")
    again = eval(repr(codec), {type(codec).__name__: type(codec)})
    assert again.params() == codec.params()
