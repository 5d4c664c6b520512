"""Curves of price impact: they never fall, they go on as a pool beyond the quotes, and they find what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.core import liquidity
from governance.errors import ImplausibleData, InputError


def quotes(count: int = 200, *, depth: float = 5_000.0, noise: float = 0.0, seed: int = 1):
    draw = np.random.default_rng(seed)
    amount = np.exp(draw.uniform(np.log(0.5), np.log(2_000), size=count))
    share = amount / (amount + depth) + np.abs(draw.normal(scale=noise, size=count))
    return amount, np.clip(share, 0, 1)


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.1))
def test_the_curve_never_falls_and_stays_between_nothing_and_all(seed, noise):
    amount, share = quotes(60, noise=noise, seed=seed)
    curve = liquidity.isotonic(amount, share)
    asked = np.exp(np.linspace(-3, 25, 400))
    impact = curve.impact(asked)
    assert (np.diff(impact) >= -1e-12).all()
    assert impact.min() >= 0
    assert impact.max() <= 1


def test_beyond_the_largest_quote_it_is_the_pool_through_that_quote():
    amount, share = quotes(depth=5_000.0)
    curve = liquidity.isotonic(amount, share)
    last = amount.max()
    assert curve.impact(np.array([last * 1.000001]))[0] == pytest.approx(curve.share[-1], rel=1e-4)
    assert curve.impact(np.array([last * 100]))[0] == pytest.approx(last * 100 / (last * 100 + curve.depth))
    assert curve.depth == pytest.approx(5_000, rel=0.05)


def test_a_token_without_impact_has_no_depth_to_speak_of():
    amount, _ = quotes()
    curve = liquidity.isotonic(amount, np.zeros_like(amount))
    assert curve.depth == np.inf
    assert curve.impact(np.array([1.0, 1e12])).tolist() == [0.0, 0.0]


def test_equal_amounts_with_different_impacts_make_one_point():
    amount = np.repeat([1.0, 10.0, 100.0], 10)
    share = np.tile(np.linspace(0.01, 0.02, 10), 3) * np.repeat([1, 2, 3], 10)
    curve = liquidity.isotonic(amount, share)
    assert curve.amount.tolist() == [1.0, 10.0, 100.0]
    assert (np.diff(curve.share) > 0).all()


def test_each_law_finds_its_own_parameters():
    amount, share = quotes(depth=7_000.0)
    assert liquidity.constant_product(amount, share).depth == pytest.approx(7_000, rel=1e-3)
    root = liquidity.square_root(amount, 0.002 * np.sqrt(amount))
    assert (root.scale, root.exponent) == (pytest.approx(0.002), 0.5)
    law = liquidity.power(amount, 0.001 * amount**0.75)
    assert (law.scale, law.exponent) == (pytest.approx(0.001), pytest.approx(0.75))


def test_the_curve_beats_laws_where_none_of_them_holds():
    amount, share = quotes(noise=5e-4)
    kinked = np.clip(share + np.where(amount > 300, 0.2, 0.0), 0, 1)
    errors = {
        name: liquidity.cross_validated(fit, amount, kinked, folds=5, repeats=1, seed=1)
        for name, fit in liquidity.FITS.items()
    }
    assert errors["isotonic"] < min(errors[name] for name in errors if name != "isotonic") / 2


def test_left_out_quotes_are_left_out():
    amount, share = quotes(noise=0.01)
    seen = []

    def spy(a, s):
        seen.append(a.size)
        return liquidity.constant_product(a, s)

    found = liquidity.cross_validated(spy, amount, share, folds=5, repeats=2, seed=1)
    assert seen == [160] * 10
    assert found > liquidity.error(liquidity.constant_product(amount, share), amount, share) * 0.9
    assert found == liquidity.cross_validated(spy, amount, share, folds=5, repeats=2, seed=1)


@pytest.mark.parametrize(
    ("amount", "share", "kind"),
    [
        (np.arange(1.0, 6.0), np.zeros(5), InputError),
        (np.arange(0.0, 30.0), np.zeros(30), ImplausibleData),
        (np.arange(1.0, 31.0), np.full(30, 1.5), ImplausibleData),
        (np.arange(1.0, 31.0), np.full(30, np.nan), ImplausibleData),
    ],
)
def test_quotes_that_cannot_be_are_refused(amount, share, kind):
    for fit in liquidity.FITS.values():
        with pytest.raises(kind):
            fit(amount, share)


def test_a_single_fold_cannot_be_left_out():
    with pytest.raises(InputError, match="folds is 1"):
        liquidity.cross_validated(liquidity.isotonic, *quotes(), folds=1, repeats=1, seed=1)
