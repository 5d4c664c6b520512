"""What a training run can be told; everything that changes a number is here, and is stored with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from forecasting.core.cascade import CascadeRules
from governance.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Configuration of a training run.

    Attributes
    ----------
    first_days : int
        Days before the first forecast of the walk-forward.
    refit_days : int
        Days between two fits in the walk-forward.
    horizon_hours : int
        How far is forecast.
    paths : int
        Joint paths of a published forecast.
    backtest_paths : int
        Joint paths at each origin of the scenarios' walk-forward.
    depth_share : float
        Constant-product depth of an asset as a multiple of its supplied value in the market.
    pegged_below : float
        Annual volatility below which an asset counts as pegged, with a depth that liquidations do not move.
    close_factor, full_close_below, fixed_cost, permanent_share, half_life_hours : float
        See `forecasting.core.cascade.CascadeRules`.
    """

    first_days: int = 90
    refit_days: int = 20
    horizon_hours: int = 168
    paths: int = 2000
    backtest_paths: int = 300
    depth_share: float = 2.0
    pegged_below: float = 0.05
    close_factor: float = 0.5
    full_close_below: float = 0.95
    fixed_cost: float = 20.0
    permanent_share: float = 0.4
    half_life_hours: float = 12.0

    def __post_init__(self) -> None:
        """Refuse what cannot be computed with."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not value > 0:
                raise InputError(f"{item.name} is {value}; it must be positive.", field=item.name, value=value)
        for name in ("close_factor", "full_close_below", "permanent_share"):
            if getattr(self, name) > 1:
                raise InputError(f"{name} is {getattr(self, name)}; it is a share of at most 1.", field=name)

    @property
    def rules(self) -> CascadeRules:
        """How liquidations work."""
        return CascadeRules(**{item.name: getattr(self, item.name) for item in fields(CascadeRules)})

    def as_dict(self) -> dict[str, float | int]:
        """Return the configuration as JSON-ready data."""
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, object]) -> TrainingConfig:
        """Return the configuration with ``data`` in place of the defaults.

        Raises
        ------
        InputError
            For an unknown name, a value of the wrong type, or one that cannot be computed with.
        """
        known = {item.name: type(item.default) for item in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise InputError(f"{name!r} is no setting of a training; known: {', '.join(known)}.", field=name)
            if isinstance(value, bool) or not isinstance(value, int | known[name]):
                raise InputError(f"{name} must be of type {known[name].__name__}, not {value!r}.", field=name)
        return cls(**dict(data))  # type: ignore[arg-type]
