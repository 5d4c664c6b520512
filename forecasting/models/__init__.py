"""What happened (history) and what was learnt from it (registry)."""

from __future__ import annotations

from forecasting.models.backtests import BacktestRun, BacktestUnit
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
    ImportedFunding,
    ImportedLeg,
    ImportedLiquidation,
    ImportedPrice,
    ImportedQuote,
)
from forecasting.models.lifecycle import Alarm, Artifact, Decision, Score, WarningScore
from forecasting.models.registry import Dataset, Forecast, ModelVersion, TrainingRun

__all__ = [
    "AccountState",
    "Alarm",
    "Artifact",
    "BacktestRun",
    "BacktestUnit",
    "Checkpoint",
    "Dataset",
    "Decision",
    "Derivation",
    "Forecast",
    "ImportedAccount",
    "ImportedDataset",
    "ImportedFile",
    "ImportedFunding",
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
    "Score",
    "Snapshot",
    "TrainingRun",
    "WarningScore",
]
