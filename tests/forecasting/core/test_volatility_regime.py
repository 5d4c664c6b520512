"""The label of calm and turbulence."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core.volatility.regime import regimes
from governance.errors import GapInData


def switching(days: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    wild = (np.arange(days) // 60) % 3 == 2
    return np.where(wild, 0.06, 0.015) * rng.standard_normal(days), wild


def test_it_tells_calm_from_turbulence() -> None:
    change, wild = switching(720)
    change[100] = np.nan
    found = regimes(change)
    assert found.converged
    assert found.calm == pytest.approx(0.015**2, rel=0.2)
    assert found.turbulent == pytest.approx(0.06**2, rel=0.2)
    assert min(found.stays) > 0.9
    assert np.isnan(found.turbulence[100])
    right = (found.turbulence > 0.5) == wild
    assert right[~np.isnan(found.turbulence)].mean() > 0.95


def test_too_few_days_are_refused() -> None:
    with pytest.raises(GapInData, match="too few to tell calm from turbulence"):
        regimes(np.zeros(100))
