"""The exposure network: nothing is lost on the way from collaterals to debts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import exposures
from forecasting.core.book import PositionRow, build
from tests.forecasting import samples


def held(account: str, reserve: int, units: int) -> PositionRow:
    return PositionRow(account=account, reserve=reserve, collateral=units, debt=0, used_as_collateral=True)


def owed(account: str, reserve: int, units: int) -> PositionRow:
    return PositionRow(account=account, reserve=reserve, collateral=0, debt=units, used_as_collateral=False)


def book_of(*rows: PositionRow):
    return build(reserves=samples.reserve_rows(), positions=list(rows), own_threshold={})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), accounts=st.integers(1, 150))
def test_the_edges_sum_to_the_debt(seed: int, accounts: int) -> None:
    book = samples.book(accounts=accounts, seed=seed)
    found = exposures.of(book)
    assert sum(edge.usd for edge in found.edges) + found.unbacked == pytest.approx(found.debt)
    for symbol, whole in zip(book.symbols, (book.debt * book.price).sum(axis=0), strict=True):
        assert sum(edge.usd for edge in found.edges if edge.debt == symbol) == pytest.approx(whole)
    sizes = [edge.usd for edge in found.edges]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0
    assert found.top_percent <= found.top5 <= found.top10 <= 1 + 1e-12
    assert found.top10 == pytest.approx(sum(one.share for one in found.top))
    assert len(found.top) == min(accounts, 10)


def test_a_debt_is_spread_by_what_the_health_factor_counts() -> None:
    """1 WETH (2,000 USD, 80 %) and 0.1 WBTC (3,000 USD, 75 %) back 1,000 USDC as 1,600 to 2,250."""
    found = exposures.of(book_of(held("a", 0, 10**18), held("a", 1, 10**7), owed("a", 3, 10**9)))
    assert {(edge.collateral, edge.debt): edge.usd for edge in found.edges} == {
        ("WBTC", "USDC"): pytest.approx(1000 * 2250 / 3850),
        ("WETH", "USDC"): pytest.approx(1000 * 1600 / 3850),
    }
    assert found.unbacked == 0


def test_collateral_that_does_not_count_backs_a_debt_when_there_is_no_other() -> None:
    rows = samples.reserve_rows(liquidation_threshold=0)
    book = build(reserves=rows, positions=[held("a", 0, 10**18), owed("a", 3, 10**9)], own_threshold={})
    assert [(edge.collateral, edge.usd) for edge in exposures.of(book).edges] == [("WETH", pytest.approx(1000))]


def test_debt_without_collateral_is_said_and_not_spread() -> None:
    found = exposures.of(book_of(owed("a", 3, 10**9), held("b", 0, 10**18), owed("b", 3, 3 * 10**9)))
    assert found.unbacked == pytest.approx(1000)
    assert [edge.usd for edge in found.edges] == [pytest.approx(3000)]
    assert [(one.account, one.share) for one in found.top] == [("b", pytest.approx(0.75)), ("a", pytest.approx(0.25))]


def test_one_percent_of_the_borrowers_is_at_least_one_of_them() -> None:
    book = samples.book(accounts=150, seed=3)
    sizes = np.sort(book.debt @ book.price)[::-1]
    assert exposures.of(book).top_percent == pytest.approx(sizes[:2].sum() / sizes.sum())
    alone = exposures.of(book_of(held("a", 0, 10**18), owed("a", 3, 10**9)))
    assert alone.top_percent == alone.top5 == 1


def test_a_book_that_owes_nothing_has_no_exposures() -> None:
    found = exposures.of(book_of(held("a", 0, 10**18)))
    assert found.edges == found.top == ()
    assert found.debt == found.unbacked == found.top5 == found.top10 == found.top_percent == 0


def test_an_account_in_e_mode_counts_all_collateral_alike() -> None:
    book = book_of(held("a", 0, 10**18), held("a", 1, 10**7), owed("a", 3, 10**9))
    own = dataclasses.replace(book, own_threshold=np.array([0.9]))
    assert exposures.backing(own)[0, :2] == pytest.approx([2000 / 5000, 3000 / 5000])
