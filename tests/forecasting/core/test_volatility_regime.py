"""The label of calm and turbulence."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core.volatility.regime import label, regimes
from governance.errors import GapInData


def switching(days: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    wild = (np.arange(days) // 60) % 3 == 2
    return np.where(wild, 0.06, 0.015) * rng.standard_normal(days), wild


def test_it_tells_calm_from_turbulence() -> None:
    change, wild = switching(720)
    change[100] = np.nan
    found = regimes(change, first=change.size)
    assert found.converged
    assert found.calm == pytest.approx(0.015**2, rel=0.2)
    assert found.turbulent == pytest.approx(0.06**2, rel=0.2)
    assert min(found.stays) > 0.9
    assert np.isnan(found.turbulence[100])
    right = (found.turbulence > 0.5) == wild
    assert right[~np.isnan(found.turbulence)].mean() > 0.95


def test_too_few_days_are_refused() -> None:
    with pytest.raises(GapInData, match="too few to tell calm from turbulence"):
        regimes(np.zeros(100), first=100)


def test_a_label_knows_nothing_of_what_follows() -> None:
    change, wild = switching(720)
    found = regimes(change, first=400)
    altered = np.where(np.arange(720) >= 600, 5 * change, change)
    again = regimes(altered, first=400)
    assert (found.calm, found.turbulent, found.stays) == (again.calm, again.turbulent, again.stays)
    assert (found.turbulence[:600] == again.turbulence[:600]).all()
    assert (found.turbulence[600:] != again.turbulence[600:]).any()
    told = label(change, days=slice(400, 720))
    assert told is not None
    assert (told["state"], told["calm"]) == ("turbulent", found.calm)
    assert told["share"] == pytest.approx(wild[400:].mean(), abs=0.05)


def test_no_label_is_given_of_too_few_days_or_of_a_price_that_stood_still() -> None:
    assert label(switching(300)[0], days=slice(200, 300)) is None
    assert label(np.zeros(600), days=slice(400, 600)) is None
