"""The inputs of the lab's what-if form, in per cent, and what a visitor asked with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from forecasting.core.whatif import Question
from governance.errors import InputError

DROP = 0.3  # asked first
PERCENT = 100.0


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
        text = asked.get(name, "").strip().removesuffix("%")
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
        threshold=share("lt", base.threshold),
        bonus=share("lb", base.bonus),
        close_factor=share("close", base.close_factor),
    )


def fields(base: Question, question: Question) -> tuple[Field, ...]:
    """Return the inputs of the form as they were asked."""

    def field(name: str, label: str, value: float, now: float | None, limits: tuple[float, float, float]) -> Field:
        low, high, step = limits
        return Field(
            name=name,
            label=label,
            value=round(value * PERCENT, 4),
            now=None if now is None else round(now * PERCENT, 4),
            low=low,
            high=high,
            step=step,
        )

    return (
        field("drop", "Price falls by", question.drop, None, (0, 99, 1)),
        field("lt", "Liquidation threshold", question.threshold, base.threshold, (1, 99, 0.5)),
        field("lb", "Liquidation bonus", question.bonus, base.bonus, (0, 50, 0.25)),
        field("close", "Close factor", question.close_factor, base.close_factor, (1, 100, 5)),
    )


def _no_number(name: str, text: str) -> InputError:
    return InputError(f"{name} is {text[:20]!r}; write a number of per cent.", field=name, value=text)
