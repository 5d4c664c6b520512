"""The inputs of the lab's what-if form, in per cent, and what a visitor asked with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from forecasting.core.whatif import LABELS, LIMITS, Question
from governance.errors import InputError

DROP = 0.3  # asked first
PERCENT = 100.0
NAMES = {"drop": "drop", "threshold": "lt", "bonus": "lb", "close_factor": "close"}  # in the form
STEPS = {"drop": 1, "threshold": 0.5, "bonus": 0.25, "close_factor": 5}  # of a slider, per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of the form, in per cent."""

    name: str
    label: str
    value: float
    now: float | None
    low: float
    high: float
    step: float


def read(asked: Mapping[str, str], *, base: Question) -> Question:
    """Return the question of a form; what is left empty stays as it is.

    Raises
    ------
    InputError
        For what is not a number.
    """

    def share(name: str, default: float) -> float:
        text = asked.get(NAMES[name], "").strip().removesuffix("%")
        if not text:
            return default
        try:
            value = float(text)
        except ValueError as error:
            raise _no_number(name, text) from error
        if not isfinite(value):
            raise _no_number(name, text)
        return round(value / PERCENT, 6)

    return Question(
        asset=base.asset,
        drop=share("drop", DROP),
        threshold=share("threshold", base.threshold),
        bonus=share("bonus", base.bonus),
        close_factor=share("close_factor", base.close_factor),
    )


def fields(base: Question, question: Question) -> tuple[Field, ...]:
    """Return the inputs of the form as they were asked."""
    return tuple(
        Field(
            name=NAMES[name],
            label=LABELS[name],
            value=round(getattr(question, name) * PERCENT, 4),
            now=None if name == "drop" else round(getattr(base, name) * PERCENT, 4),
            low=round(low * PERCENT, 4),
            high=round(high * PERCENT, 4),
            step=STEPS[name],
        )
        for name, (low, high) in LIMITS.items()
    )


def _no_number(name: str, text: str) -> InputError:
    return InputError(f"{LABELS[name]}: {text[:20]!r}. Write a number of per cent.", field=NAMES[name], value=text[:20])
