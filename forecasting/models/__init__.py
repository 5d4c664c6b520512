"""What happened (history) and what was learnt from it (registry)."""

from __future__ import annotations

from forecasting.models.history import (
    AccountState,
    Checkpoint,
    Derivation,
    Liquidation,
    ParameterChange,
    Position,
    Price,
    Reading,
    Reserve,
    ReserveState,
    Snapshot,
)
from forecasting.models.imports import (
    ImportedAccount,
    ImportedDataset,
    ImportedFile,
    ImportedLeg,
    ImportedLiquidation,
    ImportedPrice,
    ImportedQuote,
)
from forecasting.models.registry import Dataset, Forecast, ModelVersion, TrainingRun

__all__ = [
    "AccountState",
    "Checkpoint",
    "Dataset",
    "Derivation",
    "Forecast",
    "ImportedAccount",
    "ImportedDataset",
    "ImportedFile",
    "ImportedLeg",
    "ImportedLiquidation",
    "ImportedPrice",
    "ImportedQuote",
    "Liquidation",
    "ModelVersion",
    "ParameterChange",
    "Position",
    "Price",
    "Reading",
    "Reserve",
    "ReserveState",
    "Snapshot",
    "TrainingRun",
]
