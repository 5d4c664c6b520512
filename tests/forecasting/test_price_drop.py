"""What becomes liquidatable when one price falls."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.core.price_drop import drop_curve

DROPS = np.linspace(0, 0.8, 9)


def curve(*accounts):
    weighted, debt, weighted_in, debt_in = (np.array(column, dtype=float) for column in zip(*accounts, strict=True))
    return drop_curve(weighted=weighted, debt=debt, weighted_in=weighted_in, debt_in=debt_in, drops=DROPS)


def test_an_account_falls_where_its_collateral_no_longer_covers_its_debt():
    found = curve((200, 100, 200, 0))  # covered down to a fall of exactly a half
    assert found.debt[DROPS <= 0.5].tolist() == [0] * 6
    assert found.debt[DROPS > 0.5].tolist() == [100] * 3
    assert found.accounts.tolist() == [0] * 6 + [1] * 3


def test_debt_in_the_falling_asset_shrinks_with_it():
    assert curve((200, 100, 0, 100)).debt.tolist() == [0] * 9
    assert curve((50, 100, 0, 100)).debt[:2].tolist() == [100, 90]


def test_an_account_without_debt_never_falls():
    assert curve((0, 0, 0, 0)).accounts.sum() == 0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1)), min_size=1))
def test_more_accounts_fall_the_deeper_the_price_falls(accounts):
    found = curve(*((weighted, debt, weighted * share, 0) for weighted, debt, share in accounts))
    assert (np.diff(found.accounts) >= 0).all()
    assert (np.diff(found.debt) >= -1e-6).all()
