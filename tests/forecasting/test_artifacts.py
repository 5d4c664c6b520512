"""The bytes of a model version: what goes in comes out, and nothing else is let in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from forecasting import artifacts
from forecasting.models import Artifact, Dataset, ModelVersion
from governance.domain.canonical import digest
from governance.errors import ImplausibleData, InputError

CONTENT = {"kind": "variance", "name": "trees", "dataset": "0x1", "seed": 1, "config": {"days": 3}}
TREES = {"left": np.arange(6, dtype="<i4"), "value": np.array([[0.5, -0.0], [np.nan, 1e-300]])}
numbers = arrays.arrays(
    st.sampled_from(sorted(artifacts.DTYPES)), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    plain | numbers, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def same(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@given(st.dictionaries(st.text(), values, max_size=4))
def test_what_is_packed_is_unpacked(content):
    packed = artifacts.pack(content)
    assert same(artifacts.unpack(packed), content)
    assert artifacts.pack(dict(reversed(content.items()))) == packed


def test_without_arrays_the_bytes_are_canonical_json():
    assert artifacts.content_hash(artifacts.pack(CONTENT)) == digest(CONTENT)


def test_what_is_read_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        artifacts.unpack(artifacts.pack(TREES))["left"][0] = 7


@pytest.mark.parametrize("wrong", [np.array(["text"]), np.array([print]), np.array([1j]), {1, 2}])
def test_what_is_no_number_is_not_packed(wrong):
    with pytest.raises(TypeError):
        artifacts.pack({"wrong": wrong})


def marked(**changes: object) -> bytes:
    mark = {"array": 0, "dtype": "<f8", "shape": [1], **changes}
    return json.dumps({"a": mark}, separators=(",", ":")).encode() + b"\0" + bytes(8)


@pytest.mark.parametrize(
    "packed",
    [
        b"not JSON",
        b"[]",
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        marked(dtype="|O"),
        marked(dtype="<V8"),
        marked(shape=[-1]),
        marked(shape=[True, 1]) + bytes(1),
        marked(shape=[2]),
        marked(shape="1"),
        marked(shape=[0, 2**31]),
        marked(shape=[1] * 5),
        marked(dtype=["<f8"]),
        marked(array=1),
        marked() + b"more",
        artifacts.pack(TREES)[:-1],
    ],
)
def test_bytes_that_nobody_packed_are_refused(packed):
    with pytest.raises(ImplausibleData):
        artifacts.unpack(packed)


def test_a_plain_mark_is_read():
    assert artifacts.unpack(marked())["a"].tolist() == [0.0]


def registered(parameters: dict[str, object]) -> ModelVersion:
    dataset, _ = Dataset.objects.get_or_create(
        hash="0x1", kind="daily-bars", first_timestamp=0, last_timestamp=0, rows=0, block_number=0
    )
    found = artifacts.pack({"forecasts": np.ones(3)})
    parameters = {"out_of_sample": artifacts.content_hash(found), **parameters}
    packed = artifacts.pack({**CONTENT, "parameters": parameters})
    version = ModelVersion.objects.create(
        kind="variance",
        name="trees",
        dataset=dataset,
        seed=1,
        config=CONTENT["config"],
        parameters=artifacts.shown(parameters),
        artifact_hash=artifacts.content_hash(packed),
        evidence_hash=artifacts.content_hash(found),
        verdict="not_used",
        created_timestamp=0,
    )
    artifacts.store(version, content=packed, evidence=found)
    return version


@pytest.mark.django_db
def test_a_version_is_read_again():
    version = registered({"trees": TREES, "rate": 0.1})
    learnt = artifacts.load(version)["parameters"]
    assert same({name: learnt[name] for name in ("rate", "trees")}, {"rate": 0.1, "trees": TREES})
    assert artifacts.evidence(version)["forecasts"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.django_db
@pytest.mark.parametrize(("column", "read"), [("content", artifacts.load), ("evidence", artifacts.evidence)])
def test_bytes_that_were_altered_are_refused(column, read):
    version = registered({"trees": TREES})
    held = bytes(getattr(Artifact.objects.get(), column))
    with as_an_intruder():
        Artifact.objects.update(**{column: held[:-1] + bytes([held[-1] ^ 1])})
    with pytest.raises(ImplausibleData, match="altered after registration"):
        read(version)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"seed": 2}, {"parameters": {}}, {"name": "other"}])
def test_a_row_that_was_altered_is_refused(change):
    version = registered({"trees": TREES})
    with as_an_intruder():
        ModelVersion.objects.update(**change)
    version.refresh_from_db()
    with pytest.raises(ImplausibleData, match=f"otherwise in {next(iter(change))}"):
        artifacts.load(version)


@pytest.mark.django_db
def test_a_version_of_plain_json_needs_no_bytes():
    version = registered({"rate": 0.1})
    with as_an_intruder():
        Artifact.objects.all().delete()
    assert artifacts.load(version)["parameters"] == {"out_of_sample": version.evidence_hash, "rate": 0.1}
    with pytest.raises(InputError, match="no forecasts out of sample"):
        artifacts.evidence(version)


@pytest.mark.django_db
def test_forecasts_that_the_artifact_does_not_name_are_no_evidence():
    version = registered({"out_of_sample": f"0x{'1' * 64}"})
    with pytest.raises(ImplausibleData, match="not those that its artifact names"):
        artifacts.evidence(version)


@contextmanager
def as_an_intruder() -> Iterator[None]:
    """Do what the database forbids, with its superuser's rights."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
