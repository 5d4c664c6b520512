"""The bytes of a model version: canonical JSON and arrays, hashed as a whole, and nothing that could be executed.

::

    canonical JSON of the content, each array in it replaced by {"array": number, "dtype": "<f8", "shape": [3, 2]}
    a zero byte, and the arrays in the order of their numbers, C order, little-endian     (only where there are arrays)

JSON has no zero byte, so the first one ends it. Without arrays the bytes are the canonical JSON alone, whose hash is
`governance.domain.canonical.digest`. Which types an array may have is said here and not by the bytes: reading them can
make numbers of few kinds, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.models import Artifact, ModelVersion
from governance.domain.canonical import canonical
from governance.errors import ImplausibleData, InputError

type Content = dict[str, Any]
type Array = NDArray[Any]

DTYPES: Final = frozenset({"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"})
LONGEST: Final = 2**31  # entries along one dimension
DIMENSIONS: Final = 4
MARK: Final = frozenset({"array", "dtype", "shape"})


def pack(content: Mapping[str, object]) -> bytes:
    """Return the bytes of JSON-ready ``content`` that may hold arrays.

    Raises
    ------
    TypeError
        For what neither JSON nor `DTYPES` can hold.
    ValueError
        For not-a-number outside of arrays.
    """
    arrays: list[Array] = []
    text = canonical(_without_arrays(content, arrays))
    return b"\0".join([text, b"".join(array.tobytes() for array in arrays)]) if arrays else text


def unpack(packed: bytes) -> Content:
    """Return what `pack` was given; its arrays cannot be written to.

    Raises
    ------
    ImplausibleData
        For bytes that `pack` does not make.
    """
    text, _, rest = packed.partition(b"\0")
    try:
        told = json.loads(text)
    except ValueError as error:
        raise ImplausibleData(f"The artifact is not canonical JSON: {error}.") from error
    reader = _Reader(rest)
    content = reader.restore(told)
    if not isinstance(content, dict) or pack(content) != packed:
        raise ImplausibleData("The artifact is not in canonical form; nobody's fit has left it so.")
    return content


def content_hash(packed: bytes) -> str:
    """Return the SHA-256 of an artifact's bytes, as ``0x`` and 64 lower-case digits."""
    return f"0x{hashlib.sha256(packed).hexdigest()}"


def shown(content: Mapping[str, object]) -> Content:
    """Return ``content`` as JSON-ready data, arrays by type and shape alone."""
    return dict(_without_arrays(content, []))  # type: ignore[call-overload, no-any-return]


def content_of(
    *,
    kind: str,
    name: str,
    dataset: str,
    seed: int,
    config: Mapping[str, object],
    parameters: Mapping[str, object],
) -> Content:
    """Return what an artifact says; ``dataset`` is the hash of the rows that the model was fitted to."""
    told = {"kind": kind, "name": name, "dataset": dataset, "seed": seed}
    return {**told, "config": dict(config), "parameters": dict(parameters)}


def store(version: ModelVersion, *, content: bytes, evidence: bytes = b"") -> None:
    """Keep the bytes of a version that was just registered, and those of its forecasts out of sample."""
    Artifact.objects.get_or_create(version=version, defaults={"content": content, "evidence": evidence})


def load(version: ModelVersion) -> Content:
    """Return the content of a version's artifact: ``kind, name, dataset, seed, config, parameters``.

    Raises
    ------
    ImplausibleData
        When the bytes are not those that were registered, or the version's row says something else than they do.
    """
    held = Artifact.objects.filter(version=version).first()
    row = content_of(
        kind=version.kind,
        name=version.name,
        dataset=version.dataset.hash,
        seed=version.seed,
        config=version.config,
        parameters=version.parameters,
    )
    packed = canonical(row) if held is None else bytes(held.content)  # versions without arrays may do without bytes
    _require(packed, expected=version.artifact_hash, what=f"The artifact of model version {version.pk} ({version}) was")
    content = unpack(packed)
    if shown(content) != row:
        names = ", ".join(name for name in row if shown(content).get(name) != row[name])
        what = f"The row of model version {version.pk} ({version})"
        raise ImplausibleData(f"{what} was altered: its artifact says otherwise in {names}.", version=version.pk)
    return content


def evidence(version: ModelVersion) -> Content:
    """Return the forecasts out of sample of a version: ``ends, assets, realised, forecasts`` by horizon.

    Raises
    ------
    InputError
        When none were kept.
    ImplausibleData
        When the bytes are not those that were registered, or not those that the version's artifact vouches for.
    """
    held = Artifact.objects.filter(version=version).first()
    if held is None or not held.evidence:
        raise InputError(f"Model version {version.pk} ({version}) has no forecasts out of sample.", field="version")
    packed = bytes(held.evidence)
    what = f"The forecasts out of sample of model version {version.pk} were"
    _require(packed, expected=version.evidence_hash, what=what)
    if load(version)["parameters"].get("out_of_sample") != version.evidence_hash:
        message = f"The forecasts out of sample of model version {version.pk} are not those that its artifact names."
        raise ImplausibleData(message, version=version.pk)
    return unpack(packed)


def _require(packed: bytes, *, expected: str, what: str) -> None:
    found = content_hash(packed)
    if found != expected:
        message = f"{what} altered after registration: the hash is {found[:12]}, not {expected[:12]}."
        raise ImplausibleData(message, hash=found)


def _without_arrays(value: object, arrays: list[Array]) -> object:
    if isinstance(value, np.ndarray):
        dtype = value.dtype.newbyteorder("<") if value.dtype.byteorder == ">" else value.dtype
        if dtype.str not in DTYPES:
            raise TypeError(f"An artifact cannot hold an array of {value.dtype}.")
        arrays.append(np.ascontiguousarray(value, dtype))
        return {"array": len(arrays) - 1, "dtype": dtype.str, "shape": list(value.shape)}
    if isinstance(value, Mapping):
        return {str(name): _without_arrays(value[name], arrays) for name in sorted(value)}  # as JSON sorts them
    if isinstance(value, list | tuple):
        return [_without_arrays(item, arrays) for item in value]
    return value


class _Reader:
    """Gives back the arrays of an artifact in the order of their numbers."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at, self.number = raw, 0, 0

    def restore(self, value: object) -> object:
        """Return ``value`` with its arrays; the names of a mapping are in order, as they were packed."""
        if isinstance(value, dict):
            if value.keys() == MARK:
                return self._array(value)
            return {name: self.restore(item) for name, item in value.items()}
        return [self.restore(item) for item in value] if isinstance(value, list) else value

    def _array(self, mark: Mapping[str, Any]) -> Array:
        number, dtype, shape = mark["array"], mark["dtype"], mark["shape"]
        plain = isinstance(shape, list) and all(type(size) is int and 0 <= size < LONGEST for size in shape)
        if number != self.number or str(dtype) not in DTYPES or not plain or len(shape) > DIMENSIONS:
            raise ImplausibleData(f"The artifact's array {self.number} is of no known form.", array=self.number)
        size = prod(shape) * np.dtype(dtype).itemsize
        part = self.raw[self.at : self.at + size]
        if len(part) != size:
            raise ImplausibleData(f"The artifact's array {self.number} is cut off.", array=self.number)
        self.number, self.at = self.number + 1, self.at + size
        return np.frombuffer(part, dtype).reshape(shape)
