"""A change of one parameter, in the protocol's own integers."""

from __future__ import annotations

from dataclasses import dataclass

from governance.domain.units import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One parameter, before and after.

    Attributes
    ----------
    parameter : str
        Name of the protocol's `ParameterSpec`.
    label : str
        How people call it, e.g. ``"liquidation threshold"``.
    before, after : int
        The value as the chain holds it.
    unit : str
        A key of `governance.domain.units.UNITS`.
    """

    parameter: str
    label: str
    before: int
    after: int
    unit: str

    @property
    def heading(self) -> str:
        """Return the label with a capital, as it begins a sentence or a row."""
        return f"{self.label[:1].upper()}{self.label[1:]}"

    @property
    def before_text(self) -> str:
        """Return the old value as a person reads it."""
        return render(self.before, self.unit)

    @property
    def after_text(self) -> str:
        """Return the new value as a person reads it."""
        return render(self.after, self.unit)

    def as_dict(self) -> dict[str, object]:
        """Return the change as JSON-ready data."""
        return {
            "parameter": self.parameter,
            "label": self.label,
            "before": self.before,
            "after": self.after,
            "unit": self.unit,
            "before_text": self.before_text,
            "after_text": self.after_text,
        }
