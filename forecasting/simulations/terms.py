"""Risk parameters that a person states, for books that do not bring their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from forecasting.simulations.symbols import key
from governance.errors import InputError

RIGHT = "ASSET=LT,LB[,LTV] as fractions, such as STETH=0.83,0.07, or the path of a JSON file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Risk parameters of one asset as collateral, fractions; None: not stated.

    Attributes
    ----------
    lt, lb, ltv : float or None
        Liquidation threshold, the liquidator's bonus, and loan to value.
    """

    lt: float | None = None
    lb: float | None = None
    ltv: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Return them as JSON-ready data."""
        return asdict(self)


def read(texts: Iterable[str]) -> dict[str, Terms]:
    """Return what was stated with ``--parameters``, by asset.

    Parameters
    ----------
    texts : iterable of str
        Either ``A=LT,LB[,LTV]``, where a part may be empty, or the path of a file
        ``{"A": {"lt": 0.83, "lb": 0.07, "ltv": 0.8}}``.

    Raises
    ------
    InputError
        Names the asset, the value and what would be right.
    """
    found: dict[str, Terms] = {}
    for text in texts:
        for name, told in (_pair(text) if "=" in text else _file(text)).items():
            if key(name) in found:
                raise InputError(f"--parameters states {name} twice.", field="parameters", value=name)
            found[key(name)] = _checked(name, told)
    return found


def restore(data: Mapping[str, Mapping[str, float | None]]) -> dict[str, Terms]:
    """Return what `Terms.as_dict` gave, by asset."""
    return {name: Terms(**told) for name, told in data.items()}


def _pair(text: str) -> dict[str, Any]:
    name, _, values = text.partition("=")
    parts = [part.strip() or None for part in values.split(",")]
    if not name.strip() or len(parts) > 3:
        raise InputError(f"--parameters {text} is not {RIGHT}.", field="parameters", value=text)
    return {name.strip(): dict(zip(("lt", "lb", "ltv"), parts, strict=False))}


def _file(text: str) -> dict[str, Any]:
    try:
        told = json.loads(Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--parameters {text} is not {RIGHT} ({error}).", field="parameters", value=text) from error
    if not isinstance(told, dict) or not all(isinstance(value, dict) for value in told.values()):
        raise InputError(f"{text} must map each asset to its lt, lb and ltv.", field="parameters", value=text)
    return told


def _checked(name: str, told: Mapping[str, Any]) -> Terms:
    known = {item.name for item in fields(Terms)}
    for field in told:
        if field not in known:
            raise InputError(
                f"--parameters says {field} of {name}; use {', '.join(sorted(known))}.", field=f"{name} {field}"
            )
    found = Terms(**{field: _fraction(name, field, value) for field, value in told.items() if value is not None})
    if found.lt is not None and found.ltv is not None and found.ltv > found.lt:
        raise InputError(
            f"{name} has an LTV of {found.ltv}, above its threshold of {found.lt}; it must not be above it.",
            field=f"{name} ltv",
            value=found.ltv,
        )
    return found


def _fraction(name: str, field: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < 1 or isinstance(value, bool):
        raise InputError(
            f"{name} has {value!r} for {field}; write a fraction from 0 to 1, such as 0.83.",
            field=f"{name} {field}",
            value=value,
        )
    return number
