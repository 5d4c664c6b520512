"""Reading a JSON document part by part, with every refusal naming the part, its value and what would be right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from governance.errors import InputError

LONGEST = 500  # characters of a text
MOST = 1 << 53  # of a whole number


def parsed(text: str) -> dict[str, Any]:
    """Return the object that a JSON text is; no number may be missing, no name said twice."""
    try:
        data = json.loads(text, parse_constant=_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # no JSON, a number of thousands of digits, or nested too deeply
        raise InputError(f"The scenario is no JSON: {error}.", field="scenario") from error
    if not isinstance(data, dict):
        raise InputError(
            'The scenario must be an object: {"title": ..., "hours": ..., "steps": [...]}.', field="scenario"
        )
    return data


def _constant(name: str) -> float:
    raise InputError(f"The scenario has {name} where a number belongs.", field="scenario", value=name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"The scenario says {twice!r} twice in one place.", field=twice)
    return dict(pairs)


def only(data: Mapping[str, Any], keys: Sequence[str], *, where: str) -> None:
    """Check that there are no other keys."""
    unknown = next((name for name in data if name not in keys), None)
    if unknown is not None:
        raise InputError(f"{where}{unknown} is no part of a scenario; there are: {', '.join(keys)}.", field=unknown)


def word(data: Mapping[str, Any], name: str, *, default: str = "", where: str = "") -> str:
    """Return a text."""
    value = data.get(name, default)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
        raise wrong(f"{where}{name}", value, f"a text of up to {LONGEST} characters")
    return value.strip()


def words(value: object, name: str) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise wrong(name, value, "a list of assets")
    return tuple(value)


def whole(value: object, name: str, *, low: int, high: int) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise wrong(name, value, f"a whole number from {low} to {high}")
    return value


def number(value: object, name: str, *, high: float) -> float:
    """Return a positive number."""
    if not is_number(value) or not 0 < value <= high:
        raise wrong(name, value, f"a number above 0 and up to {high:g}")
    return float(value)


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < MOST


def choice(value: object, name: str, known: Sequence[str]) -> str:
    """Return one of several words."""
    if value not in known:
        raise wrong(name, value, f"one of {', '.join(known)}")
    return str(value)


def wrong(field: str, value: object, right: str) -> InputError:
    """Return the refusal of a part."""
    return InputError(f"{field} is {json.dumps(value)}; it must be {right}.", field=field, value=str(value))
