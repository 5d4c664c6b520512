"""What happened (history) and what was learnt from it (registry)."""

from __future__ import annotations

from forecasting.models.history import (
    AccountState,
    Derivation,
    Liquidation,
    ParameterChange,
    Position,
    Price,
    Reserve,
    ReserveState,
    Snapshot,
)
from forecasting.models.registry import Dataset, Forecast, ModelVersion, TrainingRun

__all__ = [
    "AccountState",
    "Dataset",
    "Derivation",
    "Forecast",
    "Liquidation",
    "ModelVersion",
    "ParameterChange",
    "Position",
    "Price",
    "Reserve",
    "ReserveState",
    "Snapshot",
    "TrainingRun",
]
