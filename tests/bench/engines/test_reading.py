"""A wrong file of the catalogue is refused in one line that names file and field."""

import pytest
import yaml

from bench.engines.fields import CatalogueError
from bench.engines.reading import read_entry

GOOD = """
title: Acme
kind: database
version: "1.0"
summary: a database
sources: {docs: https://example.org/docs}
source: docs
metrics: {cosine: Cos, l2: L2}
originals: {place: disk}
rescoring: {when: on request, oversampling: 2, typed: "rescore({metric})"}
limits: {most_dim: 4096}
links: {bytes: 8 * 16, note: m = 16, checked: docs}
schemes:
  tiny:
    equals: osq
    params: {bits: "{bits}"}
    settings: {bits: {one: 1, two: 2}}
    typed: '{"type": "tiny", "dims": {dim}, "bits": "{bits}", "by": "{metric}"}'
    code: ceil(bits * d / 8)
    factors: 4
    limits: {multiple_of: 8}
    checked: docs
    source: docs
"""


def changed(**fields):
    """The good file with fields of its scheme changed (or left out, with None)."""
    data = yaml.safe_load(GOOD)
    scheme = data["schemes"]["tiny"] | fields
    data["schemes"]["tiny"] = {key: value for key, value in scheme.items() if value is not None}
    return yaml.safe_dump(data)


def test_what_a_file_says_is_read():
    entry = read_entry("acme", GOOD)
    (scheme,) = entry.schemes
    assert (entry.name, entry.kind, scheme.method, scheme.equals) == ("acme", "database", "osq", True)
    assert scheme.limits.most_dim == 4096
    assert scheme.limits.multiple_of.text == "8"
    assert scheme.additions["links"].bytes.value({}) == 128
    assert scheme.originals.bytes.value({"d": 100}) == 400
    assert scheme.rescoring.oversampling == 2
    assert scheme.words_of("cosine") == {"metric": "Cos"}
    assert not scheme.takes("ip")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cod": 8}, "acme.yaml: schemes: tiny: cod: no such field; did you mean code?"),
        ({"code": None}, "code: give the formula of bytes, or unknown_bytes with the reason"),
        ({"unknown_bytes": "closed"}, "code: give the formula of bytes, or unknown_bytes with the reason"),
        ({"code": "d * size"}, "code: 'd * size' has the variable size, which has no value here; use bits, d, ip, l2"),
        ({"code": "d ** 2"}, "code: 'd ** 2' is not a formula"),
        ({"code": 1.5}, "code: 1.5 is a number, neither a whole number nor a formula"),
        ({"since": 1.1}, "since: 1.1 is a number, not text; put it in quotes"),
        ({"nearest": "osq"}, "equals: name the method that the scheme equals, or that it is nearest to"),
        ({"equals": None, "nearest": "osq"}, "schemes: tiny: differs is missing"),
        ({"typed": "use {dimension}"}, "typed: {dimension} is not known here; use {dim}, {bytes}, {bits}, {metric}"),
        ({"params": {"bits": "{b}"}}, "params: bits: {b} is no setting of this scheme"),
        ({"settings": {"bits": []}}, "settings: bits: has no values"),
        ({"settings": {"bits": [0]}}, "settings: bits: 0 is neither a number above 0 nor a formula of d"),
        ({"settings": {"d": [1]}}, "settings: d: d has a meaning already"),
        ({"checked": "yes"}, "checked: 'yes' is none of run, source, docs"),
        ({"checked": True}, "checked: True is a truth value, not text; put it in quotes"),
        ({"source": "manual"}, "source: 'manual' is none of docs"),
        ({"source": None}, "schemes: tiny: source is missing"),
        ({"metrics": ["ip"]}, "metrics: 'ip' is none of cosine, l2"),
        ({"limits": {"most_dims": 5}}, "limits: most_dims: no such field; did you mean most_dim?"),
        ({"limits": {"most_dim": -1}}, "limits: most_dim: -1 is no whole number of at least 1"),
        ({"originals": {"place": "cloud"}}, "originals: place: 'cloud' is none of memory, disk, none"),
        ({"rescoring": {"when": "never", "oversampling": "x"}}, "rescoring: oversampling: 'x' is no number above 0"),
        ({"over_method": {"bytes": 8}}, "over_method: because is missing"),
        ({"links": 8}, "links is a number; write a mapping of fields"),
    ],
)
def test_a_wrong_field_of_a_scheme_is_named(fields, message):
    with pytest.raises(CatalogueError) as error:
        read_entry("acme", changed(**fields))
    assert message in str(error.value)
    assert str(error.value).startswith("acme.yaml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: Acme", "title: [", "acme.yaml: not YAML in line"),
        ("title: Acme", "title: Acme\ntitle: Other", "acme.yaml: not YAML in line 2: the field title stands twice"),
        ("title: Acme\n", "", "acme.yaml: title is missing"),
        ("title: Acme", "title: !!python/object:os.system x", "acme.yaml: not YAML"),
        ("kind: database", "kind: server", "kind: 'server' is none of library, extension, database, service"),
        ("{docs: https", "{more: a, docs: https", "sources: nothing rests on more"),
        ("{cosine: Cos, l2: L2}", "{cosine: Cos, hamming: H}", "metrics: hamming: is none of ip, cosine, l2"),
        ("{cosine: Cos, l2: L2}", "{cosine: Cos, l2: {a: b}}", "metrics: have different placeholders"),
        ("source: docs\nmetrics", "source: docs\nnotes: [text]\nmetrics", "note 1 is text; write a mapping of fields"),
    ],
)
def test_a_wrong_field_of_an_engine_is_named(old, new, message):
    assert GOOD.count(old) == 1
    with pytest.raises(CatalogueError) as error:
        read_entry("acme", GOOD.replace(old, new))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- a list", "42", "null"])
def test_a_file_that_is_no_mapping_is_refused(text):
    with pytest.raises(CatalogueError, match=r"acme\.yaml is .*; write a mapping of fields"):
        read_entry("acme", text)
