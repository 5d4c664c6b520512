"""A ledger at rest: its state as JSON-ready data, and back into a fresh ledger.

It goes by what the state is made of, not by how a ledger arranges it: plain attributes that hold numbers, texts, flags,
bytes, lists, tuples, sets, mappings, and the named tuples and dataclasses of `governance.domain`. A table of handlers
(a mapping whose values are all callable) is wiring, which the constructor makes anew.

Nothing is ever executed or imported by name from outside of `governance.domain`.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any

_HOME = "governance.domain."
_PLAIN = (int, str, bool, type(None))
_FROM_LIST: dict[str, type[Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def freeze(ledger: object) -> dict[str, Any]:
    """Return the state of ``ledger`` by attribute: JSON-ready, mappings in the order in which they were filled.

    Raises
    ------
    TypeError
        When an attribute holds something that has no frozen form.
    """
    return {name: _freeze(value) for name, value in sorted(vars(ledger).items()) if not _is_wiring(value)}


def thaw(state: Mapping[str, Any], *, into: object) -> None:
    """Give a fresh ledger the state that `freeze` returned of another one.

    Raises
    ------
    ValueError
        When the state is not of this kind of ledger.
    """
    fresh = {name: value for name, value in vars(into).items() if not _is_wiring(value)}
    if set(fresh) != set(state):
        message = f"A frozen state of {', '.join(state)} is not one of {', '.join(fresh)}."
        raise ValueError(message)
    for name, value in state.items():
        setattr(into, name, _thaw(value, fresh[name]))


def _is_wiring(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(callable, value.values()))


def _freeze(value: Any) -> Any:  # noqa: ANN401 - any state
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {"map": [[_freeze(key), _freeze(item)] for key, item in value.items()]}
    if names := _names(type(value)):
        return {"is": _name(type(value)), "of": [_freeze(getattr(value, name)) for name in names]}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    for kind, made in _FROM_LIST.items():
        if isinstance(value, made):
            ordered = sorted(value) if kind.endswith("set") else value
            return {kind: [_freeze(item) for item in ordered]}
    message = f"A {type(value).__name__} has no frozen form."
    raise TypeError(message)


def _names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - any type
    """Return the fields of a dataclass or a named tuple; none for other types."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else getattr(kind, "_fields", ())


def _name(kind: type) -> str:
    if not kind.__module__.startswith(_HOME):
        message = f"{kind.__name__} is defined outside of {_HOME[:-1]}, so it has no frozen form."
        raise TypeError(message)
    return f"{kind.__module__.removeprefix(_HOME)}:{kind.__qualname__}"


def _thaw(state: Any, fresh: Any = None) -> Any:  # noqa: ANN401 - any state
    if not isinstance(state, dict):
        return state
    if "is" in state:
        return _thaw_record(state)
    (kind, content), *_ = state.items()
    if kind == "map":
        return _thaw_mapping(content, fresh)
    if kind == "bytes":
        return bytes.fromhex(content)
    return _FROM_LIST[kind](map(_thaw, content))


def _thaw_mapping(content: list[list[Any]], fresh: Any) -> dict[Any, Any]:  # noqa: ANN401 - the fresh ledger's own
    """Fill the mapping that the fresh ledger has, so that its default factories stay in place."""
    made = fresh if isinstance(fresh, dict) else {}
    made.clear()
    for key, item in content:
        inner = fresh.default_factory() if isinstance(fresh, defaultdict) and fresh.default_factory else None
        made[_thaw(key)] = _thaw(item, inner)
    return made


def _thaw_record(state: dict[str, Any]) -> object:
    kind = _kind(state["is"])
    if not is_dataclass(kind):
        return kind(*map(_thaw, state["of"]))
    made = {
        field.name: _thaw(item, None if field.default_factory is MISSING else field.default_factory())
        for field, item in zip(fields(kind), state["of"], strict=True)
    }
    return kind(**made)


@cache
def _kind(name: str) -> type:
    module, _, own = name.partition(":")
    found: Any = getattr(importlib.import_module(f"{_HOME}{module}"), own)
    own_kind = isinstance(found, type) and found.__module__ == f"{_HOME}{module}"
    if not (own_kind and _names(found)):
        message = f"{name} is no named tuple and no dataclass of {_HOME[:-1]}."
        raise ValueError(message)
    made: type = found
    return made
