"""The difference of two configurations, in the parameters' own order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from proposals.core.change import Change


class Spec(Protocol):
    """What the difference needs to know of a protocol's `ParameterSpec`."""

    @property
    def name(self) -> str:
        """The parameter's name."""

    @property
    def label(self) -> str:
        """The name that people use."""

    @property
    def unit(self) -> str:
        """The unit of its values."""


def difference(before: Mapping[str, int], after: Mapping[str, int], *, specs: Iterable[Spec]) -> tuple[Change, ...]:
    """Return one `Change` for each parameter whose value differs."""
    return tuple(
        Change(parameter=spec.name, label=spec.label, unit=spec.unit, before=before[spec.name], after=after[spec.name])
        for spec in specs
        if spec.name in before and before[spec.name] != after[spec.name]
    )


def sentence(changes: Iterable[Change]) -> str:
    """Return the changes in words, e.g. ``"liquidation threshold 80 % → 81 %, supply cap 10 tokens → 12 tokens"``."""
    return ", ".join(f"{change.label} {change.before_text} → {change.after_text}" for change in changes)
