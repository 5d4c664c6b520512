"""How good a forecast was, and whether one beats another by more than luck."""

from forecasting.core.scoring.comparison import BLOCK_DAYS, Comparison, compare, resampled
from forecasting.core.scoring.coverage import Coverage, Pit, christoffersen, dynamic_quantile, kupiec, pit
from forecasting.core.scoring.losses import crps, fz0, mse, pinball, qlike
from forecasting.core.scoring.verdicts import (
    ConfidenceSet,
    DieboldMariano,
    MincerZarnowitz,
    dm_test,
    mcs,
    mincer_zarnowitz,
)

__all__ = [
    "BLOCK_DAYS",
    "Comparison",
    "ConfidenceSet",
    "Coverage",
    "DieboldMariano",
    "MincerZarnowitz",
    "Pit",
    "christoffersen",
    "compare",
    "crps",
    "dm_test",
    "dynamic_quantile",
    "fz0",
    "kupiec",
    "mcs",
    "mincer_zarnowitz",
    "mse",
    "pinball",
    "pit",
    "qlike",
    "resampled",
]
