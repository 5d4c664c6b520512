"""Clearing payments and DebtRank: fixed points, conservation, directions, and cases done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import network
from governance.errors import InputError


def shares(liabilities: np.ndarray) -> np.ndarray:
    owed = liabilities.sum(axis=1, keepdims=True)
    return liabilities / np.where(owed > 0, owed, 1.0)


def step(payments: np.ndarray, liabilities: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """One round of payments, written down on its own."""
    return np.minimum(liabilities.sum(axis=1), payments @ shares(liabilities) + outside)


def iterated(start: np.ndarray, liabilities: np.ndarray, outside: np.ndarray) -> np.ndarray:
    payments, last = start.astype(float), np.full(start.size, np.nan)
    while not (payments == last).all():
        payments, last = step(payments, liabilities, outside), payments
    return payments


def random_network(seed: int, *, poor: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    liabilities = rng.exponential(10.0, (n, n)) * (rng.random((n, n)) < 0.6)
    np.fill_diagonal(liabilities, 0.0)
    return liabilities, rng.exponential(8.0, n) * (rng.random(n) > poor) + 0.5


def test_a_default_goes_down_the_line() -> None:
    """0 has 4 of the 10 that it owes 1, which then lacks 6 - 5 of what it owes 2; 2 owes nothing."""
    liabilities = np.array([[0.0, 10.0, 0.0], [0.0, 0.0, 8.0], [0.0, 0.0, 0.0]])
    found = network.clear(liabilities, outside=np.array([4.0, 3.0, 0.0]))
    assert found.payments == pytest.approx([4, 7, 0])
    assert found.shortfall == pytest.approx([6, 1, 0])
    assert found.defaulted.tolist() == [True, True, False]
    assert found.rounds == 2


def test_who_defaults_pays_everybody_the_same_share() -> None:
    liabilities = np.array([[0.0, 6.0, 3.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = network.clear(liabilities, outside=np.array([6.0, 0.0, 0.0]))
    assert found.payments[0] == pytest.approx(6)
    assert found.shortfall[0] == pytest.approx(3)


def test_everybody_pays_who_can() -> None:
    liabilities = np.array([[0.0, 10.0], [10.0, 0.0]])
    found = network.clear(liabilities, outside=np.array([1.0, 1.0]))
    assert found.payments == pytest.approx([10, 10])
    assert found.rounds == 0
    assert not found.defaulted.any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_with_outside_assets_the_payments_are_the_one_fixed_point(seed: int) -> None:
    """From full payment down and from none up: the same; and that is what the algorithm finds in at most n waves."""
    liabilities, outside = random_network(seed)
    found = network.clear(liabilities, outside=outside)
    assert step(found.payments, liabilities, outside) == pytest.approx(found.payments)
    assert iterated(found.owed, liabilities, outside) == pytest.approx(found.payments, rel=1e-6, abs=1e-6)
    assert iterated(np.zeros(outside.size), liabilities, outside) == pytest.approx(found.payments, rel=1e-6, abs=1e-6)
    assert found.rounds <= outside.size
    assert (found.shortfall[~found.defaulted] == 0).all()


def test_in_a_circle_without_outside_assets_there_are_two_and_the_greatest_is_taken() -> None:
    liabilities, nothing = np.array([[0.0, 10.0, 0.0], [0.0, 0.0, 10.0], [10.0, 0.0, 0.0]]), np.zeros(3)
    found = network.clear(liabilities, outside=nothing)
    assert found.payments == pytest.approx([10, 10, 10])
    least = iterated(nothing, liabilities, nothing)
    assert (least == 0).all()  # the least fixed point: nobody pays, as nobody is paid
    assert (step(least, liabilities, nothing) == least).all()


def test_an_uneven_circle_pays_as_much_as_goes_round() -> None:
    liabilities = np.array([[0.0, 10.0], [5.0, 0.0]])
    found = network.clear(liabilities, outside=np.zeros(2))
    assert found.payments == pytest.approx([5, 5])
    assert found.defaulted.tolist() == [True, False]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_value_is_conserved_and_nobody_pays_more_than_he_has(seed: int) -> None:
    liabilities, outside = random_network(seed)
    found = network.clear(liabilities, outside=outside)
    left = outside + found.payments @ shares(liabilities) - found.payments
    assert (left >= -1e-9).all()
    assert left.sum() == pytest.approx(outside.sum())
    assert left[found.defaulted] == pytest.approx(0, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 100_000), more=st.floats(0.0, 20.0), at=st.integers(0, 7))
def test_more_outside_assets_never_pay_less(seed: int, more: float, at: int) -> None:
    liabilities, outside = random_network(seed)
    richer = outside.copy()
    richer[at % outside.size] += more
    poor, rich = (network.clear(liabilities, outside=one).payments for one in (outside, richer))
    assert (rich >= poor - 1e-9).all()


@pytest.mark.parametrize(
    ("liabilities", "outside", "words"),
    [
        (np.zeros((2, 3)), np.zeros(2), "liabilities must be"),
        (np.array([[0.0, -1.0], [0.0, 0.0]]), np.zeros(2), "liabilities must be"),
        (np.zeros((2, 2)), np.array([np.nan, 0.0]), "outside must be"),
        (np.zeros((2, 2)), np.array([-1.0, 0.0]), "outside must be"),
    ],
)
def test_what_cannot_be_cleared_is_refused(liabilities, outside, words: str) -> None:
    with pytest.raises(InputError, match=words):
        network.clear(liabilities, outside=outside)


def test_distress_goes_down_the_line_and_is_counted_by_value() -> None:
    """2 loses half of its equity when 1 fails, and 1 all of it when 0 does: 0 at 40 % puts 1 at 40 % and 2 at 20 %."""
    exposures = np.array([[0.0, 0.0, 0.0], [30.0, 0.0, 0.0], [0.0, 10.0, 0.0]])
    found = network.debt_rank(exposures, equity=np.array([5.0, 10.0, 20.0]), distress=np.array([0.4, 0.0, 0.0]))
    assert found.distress == pytest.approx([0.4, 0.4, 0.2])
    assert found.rank == pytest.approx(0.4 * 30 / 40 + 0.2 * 10 / 40)  # 1 has 30 at stake and 2 has 10
    assert found.rounds == 3


def test_each_passes_its_distress_on_once() -> None:
    """Two that hold each other by half: 0.4 puts the other at 0.2, which gives 0.1 back; then it ends."""
    exposures = np.array([[0.0, 5.0], [5.0, 0.0]])
    found = network.debt_rank(exposures, equity=np.full(2, 10.0), distress=np.array([0.4, 0.0]))
    assert found.distress == pytest.approx([0.5, 0.2])
    assert found.rank == pytest.approx(0.3 / 2)


def test_without_a_cushion_any_loss_is_total() -> None:
    exposures = np.array([[0.0, 1.0], [0.0, 0.0]])
    found = network.debt_rank(exposures, equity=np.zeros(2), distress=np.array([0.0, 1.0]))
    assert found.distress.tolist() == [1.0, 1.0]


def test_values_can_be_given_and_nothing_reaches_nobody() -> None:
    exposures = np.array([[0.0, 5.0], [5.0, 0.0]])
    chosen = network.debt_rank(
        exposures, equity=np.full(2, 10.0), distress=np.array([0.0, 1.0]), value=np.array([3.0, 1.0])
    )
    assert chosen.rank == pytest.approx(0.5 * 3 / 4)
    alone = network.debt_rank(np.zeros((2, 2)), equity=np.ones(2), distress=np.array([1.0, 0.0]))
    assert alone.rank == 0
    assert network.debt_rank(exposures, equity=np.ones(2), distress=np.zeros(2)).rounds == 0


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 100_000), more=st.floats(0.0, 1.0))
def test_more_distress_reaches_no_less_and_nobody_loses_more_than_all(seed: int, more: float) -> None:
    exposures, equity = random_network(seed)
    distress = np.random.default_rng(seed).uniform(0, 1, equity.size)
    low = network.debt_rank(exposures, equity=equity, distress=distress)
    high = network.debt_rank(exposures, equity=equity, distress=np.minimum(distress + more, 1.0))
    assert (high.distress >= low.distress - 1e-12).all()
    assert (low.distress <= 1).all()
    assert (low.distress >= distress).all()
    assert -1e-12 <= low.rank <= 1


@pytest.mark.parametrize(
    ("exposures", "equity", "distress", "words"),
    [
        (np.zeros((2, 3)), np.ones(2), np.zeros(2), "Exposures"),
        (-np.ones((2, 2)), np.ones(2), np.zeros(2), "Exposures"),
        (np.zeros((2, 2)), -np.ones(2), np.zeros(2), "Exposures"),
        (np.zeros((2, 2)), np.ones(2), np.zeros(3), "Exposures"),
        (np.zeros((2, 2)), np.ones(2), np.array([1.1, 0.0]), "Distress is a share from 0 to 1"),
        (np.zeros((2, 2)), np.ones(2), np.array([np.nan, 0.0]), "Distress is a share from 0 to 1"),
    ],
)
def test_what_cannot_be_ranked_is_refused(exposures, equity, distress, words: str) -> None:
    with pytest.raises(InputError, match=words):
        network.debt_rank(exposures, equity=equity, distress=distress)
