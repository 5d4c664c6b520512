"""What is taken for granted is said: of liquidators, oracles and liquidity, and of a tail of few paths."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from forecasting.core.cascade import CascadeRules
from forecasting.core.exchange import Withdrawal
from forecasting.core.liquidators import Liquidators
from forecasting.core.oracle import Oracle
from forecasting.simulations import practice, result
from forecasting.simulations.posing import Standing

PLAIN = Standing(
    lenders=(), books=(), depths=None, rules=CascadeRules(), crew=Liquidators(), oracle=None, withdrawal=None, notes=()
)


def test_the_rules_of_the_market_are_said():
    said = " ".join(practice.of(PLAIN))
    assert "up to 50 % of a debt" in said
    assert "costs 20 USD" in said
    assert "all the capital they need, act at once, and want a profit of 0 %" in said
    assert "40 % stays; the rest halves in 12 hours" in said
    assert "Oracles report the market price" in said
    assert "does not withdraw" in said


def test_what_is_modelled_is_not_taken_for_granted():
    one = np.ones(1)
    oracle = Oracle(heartbeat_hours=one, deviation=one, latency_hours=one)
    crew = Liquidators(capital=1e6, delay_hours=2, profit_floor=0.01)
    modelled = replace(PLAIN, crew=crew, oracle=oracle, withdrawal=Withdrawal(share=one, half_life_hours=1.0))
    said = " ".join(practice.of(modelled))
    assert "1,000,000 USD a step, act after 2 hours, and want a profit of 1 %" in said
    assert "Oracles" not in said
    assert "withdraw" not in said


@pytest.mark.parametrize(
    ("paths", "weights", "deterministic", "told"),
    [
        (1_000, None, False, True),
        (2_000, None, False, False),
        (2_000, np.r_[np.full(1_000, 1e-9), np.ones(1_000)], False, True),
        (1, None, True, False),
    ],
)
def test_a_tail_of_few_paths_is_said(paths, weights, deterministic, told):
    joined = SimpleNamespace(paths=paths, weights=weights)
    posed = SimpleNamespace(world=SimpleNamespace(deterministic=deterministic))
    assert bool(result._few(joined, posed)) == told
