"""Tiny worlds: few accounts, few days, a crash in the middle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.env import ROOT, env
from governance.lab import contracts
from governance.lab.contracts import Contracts
from governance.lab.spec import TEST, Regime, WorldSpec


@pytest.fixture(scope="session")
def compiled() -> Contracts:
    return contracts.load(modules=ROOT / "node_modules", cache=env().breakwater_data / "contracts")


@pytest.fixture(scope="session")
def tiny() -> WorldSpec:
    weather = (Regime(name="crash", days=2, drift=-0.5, stress=2.0), Regime(name="calm", days=1, drift=0.0, stress=1.0))
    return replace(TEST, name="tiny", seed=3, days=3, accounts=16, activity=1.0, regimes=weather)
