"""What a problem comes to: weights, verdicts, parties, precision, and who carries the tail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forecasting.core import losses, outcomes, tables, weighted
from forecasting.core.cascade import CascadeProblem, Protocol
from forecasting.core.explaining import by_drop, contributions, trace
from forecasting.core.outcomes import Limits, assess, join, until_precise
from governance.errors import InputError
from tests.forecasting import samples, worlds


@pytest.fixture(scope="module")
def wild() -> CascadeProblem:
    problem = samples.problem(accounts=60, count=400, seed=4)
    return dataclasses.replace(
        problem,
        depth=problem.depth / 3,
        paths=samples.paths(count=400, seed=4, scale=2.0),
        beside=(Protocol(name="other", book=samples.book(accounts=20, seed=9)),),
    )


def pieces(problem: CascadeProblem, size: int):
    made = []
    for first in range(0, problem.paths.shape[0], size):
        part = dataclasses.replace(problem, paths=problem.paths[first : first + size])
        made.append((part, part.run(), part.calm().run()))
    return made


def test_equal_weights_summarise_as_none() -> None:
    sample = np.exp(np.random.default_rng(1).normal(0, 2, 1000))
    plain, found = losses.summarise(sample), weighted.summarise(sample, np.full(1000, 0.3))
    assert found.mean.value == pytest.approx(plain.mean.value)
    assert found.var95.value == plain.var95.value
    assert found.es99.value == pytest.approx(plain.es99.value)
    assert found.es99.high == pytest.approx(plain.es99.high, rel=0.2)
    assert found.positive.value == pytest.approx(plain.positive.value)
    assert weighted.effective(np.full(1000, 0.3)) == pytest.approx(1000)


def test_importance_sampling_finds_the_tail_of_the_plain_distribution() -> None:
    """Normal losses drawn around 2 and weighted back to 0: known VaR and ES, with a smaller error."""
    draws = np.random.default_rng(2).normal(2.0, 1.0, 20_000)
    weights = np.exp(-2.0 * draws + 2.0)
    es = weighted.shortfall(draws, weights, level=0.99)
    assert weighted.quantile(draws, weights, level=0.95).value == pytest.approx(1.6449, abs=0.05)
    assert es.value == pytest.approx(2.6652, abs=0.03)
    assert es.low < 2.6652 < es.high
    plain = losses.shortfall(np.random.default_rng(3).normal(0, 1, 20_000), level=0.99)
    assert es.high - es.low < plain.high - plain.low


def test_a_weighted_probability_is_never_more_certain_than_its_paths() -> None:
    weights = np.random.default_rng(6).uniform(0.1, 3, 500)
    never, always = (weighted.probability(np.full(500, hit), weights) for hit in (False, True))
    count = weighted.effective(weights)
    assert (never.value, never.low) == (0.0, 0.0)
    assert never.high == pytest.approx(3.8415 / (count + 3.8415), rel=1e-4)
    assert (always.value, always.high, always.low) == (1.0, 1.0, pytest.approx(1 - never.high))
    seldom = weighted.probability(np.arange(500) == 0, weights)
    assert 0 < seldom.low < seldom.value < seldom.high < 1
    alike = weighted.probability(np.arange(500) < 7, np.full(500, 0.3))
    plain = losses.probability(7, 500)
    assert (alike.value, alike.low, alike.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_intervals_of_rare_weighted_events_cover_as_often_as_they_say() -> None:
    """Normal draws around 1, weighted back to 0, of which few reach 2.5."""
    rng, covered, width, truth = np.random.default_rng(7), 0, 0.0, 6.2097e-3
    for _ in range(400):
        draws = rng.normal(1.0, 1.0, 200)
        found = weighted.probability(draws > 2.5, np.exp(0.5 - draws))
        covered += found.low <= truth <= found.high
        width += (found.high - found.low) / 400
    plain = losses.probability(1, 200)
    assert covered / 400 > 0.91
    assert width < (plain.high - plain.low) / 2  # the tail was drawn more often for a reason


def test_the_shares_of_the_tail_make_its_mean() -> None:
    rng = np.random.default_rng(4)
    sample, weights = rng.exponential(size=500), rng.uniform(0.1, 3, 500)
    for chosen in (None, weights):
        shares = weighted.tail_shares(sample, chosen, level=0.99)
        assert shares.sum() == pytest.approx(1)
        assert shares @ sample == pytest.approx(weighted.shortfall(sample, chosen, level=0.99).value)


def test_an_outcome_adds_up(wild: CascadeProblem) -> None:
    found = assess(wild, reserve=1000.0)
    parties = found.parties
    trades = parties.borrowers.value + parties.liquidators.value + parties.costs.value + parties.traders.value
    assert trades == pytest.approx(0, abs=1e-6 * parties.borrowers.value)
    assert sum(part.mean.value for part in found.protocols) == pytest.approx(found.bad_debt.mean.value)
    assert sum(found.lost) == pytest.approx(found.bad_debt.mean.value)
    assert found.amplification > 1
    assert 0 < found.ruin.value <= found.protocols[0].positive.value
    assert found.clearing_hours.maximum <= wild.paths.shape[1] * wild.step_hours
    assert parties.providers.value > -parties.borrowers.value


def test_a_cascade_needs_both_amplification_and_rounds(wild: CascadeProblem) -> None:
    def share(amplification: float, rounds: int) -> float:
        return assess(wild, limits=Limits(amplification=amplification, rounds=rounds)).cascade.value

    strict = share(1.5, 3)
    assert 0 < strict < share(1.0, 1)
    assert strict <= share(1.5, 1)
    assert strict <= share(1.0, 3)
    assert share(1.5, 1000) == 0


def test_without_impact_nothing_is_a_cascade(wild: CascadeProblem) -> None:
    found = assess(wild.calm())
    assert found.amplification == 1
    assert found.cascade.value == 0


def test_pieces_of_the_paths_give_the_same_outcome(wild: CascadeProblem) -> None:
    whole = assess(wild, reserve=1000.0)
    for size in (400, 200, 50):
        parts = join(pieces(wild, size), reserve=1000.0)
        assert dataclasses.replace(parts, tally=None, calm=None) == dataclasses.replace(whole, tally=None, calm=None)
        assert all((a == b).all() for a, b in zip(parts.tally, whole.tally, strict=True))


def test_weights_follow_their_paths_through_pieces(wild: CascadeProblem) -> None:
    weights = np.random.default_rng(1).uniform(0.5, 2, 400)
    whole = assess(dataclasses.replace(wild, weights=weights))
    made = [
        (dataclasses.replace(problem, weights=weights[at * 100 : (at + 1) * 100]), tally, calm)
        for at, (problem, tally, calm) in enumerate(pieces(wild, 100))
    ]
    assert join(made).bad_debt == whole.bad_debt
    assert whole.effective_paths < 400
    assert whole.bad_debt != assess(wild).bad_debt


def test_a_simulation_stops_when_it_is_precise_enough(wild: CascadeProblem) -> None:
    def draw(first: int, count: int) -> CascadeProblem:
        paths = np.concatenate([samples.paths(count=1, seed=first + i, scale=2.0) for i in range(count)])
        return dataclasses.replace(wild, paths=paths)

    rough, reached = until_precise(draw, target=0.5, block=50, most=2000)
    assert reached
    assert rough.error < 0.5
    fine, reached = until_precise(draw, target=0.01, block=200, most=600)
    assert not reached
    assert fine.tally.parts.shape[0] == 600
    assert (fine.tally.parts[: rough.tally.parts.shape[0]] == rough.tally.parts[:600]).all()
    with pytest.raises(InputError):
        until_precise(draw, target=0.0)


def test_no_loss_tells_no_error() -> None:
    problem = samples.problem(count=3)
    safe = dataclasses.replace(problem, paths=np.tile(problem.book.price, (3, 4, 1)))
    found = assess(safe)
    assert found.error is None
    assert outcomes.relative_error(found.bad_debt) is None
    assert not outcomes.precise(found.bad_debt, 0.5)
    assert found.amplification == 1


def test_without_a_loss_paths_are_run_to_the_limit() -> None:
    problem = samples.problem(count=1)

    def draw(first: int, count: int) -> CascadeProblem:
        return dataclasses.replace(problem, paths=np.tile(problem.book.price, (count, 2, 1)))

    found, reached = until_precise(draw, target=0.5, block=10, most=40)
    assert (found.tally.parts.shape[0], reached, found.error) == (40, False, None)


def test_contributions_sum_to_the_shortfall(wild: CascadeProblem) -> None:
    found = contributions(wild)
    es = assess(wild).bad_debt.es99.value
    assert found.total == pytest.approx(es)
    for part in (found.protocols, found.debts, found.collaterals, [size for _, _, size in found.accounts]):
        assert sum(part) == pytest.approx(es)
    assert len(found.paths) == 4
    sizes = [size for _, _, size in found.accounts]
    assert sizes == sorted(sizes, reverse=True)


def test_a_trace_tells_every_liquidation(wild: CascadeProblem) -> None:
    totals = wild.run().totals
    path = int(totals[:, tables.EVENTS].argmax())
    events = trace(wild, path)
    assert len(events) == totals[path, tables.EVENTS]
    assert sum(event.repaid for event in events) == pytest.approx(totals[path, tables.LIQUIDATED])
    assert sum(event.profit for event in events) == pytest.approx(totals[path, tables.PROFIT])
    assert max(event.round for event in events) == totals[path, tables.STREAK]
    assert all(event.health_before < 1 for event in events)
    assert all(event.price_after <= event.price_before for event in events)
    assert {event.cause for event in events} >= {"price", "sales"}
    accounts = (wild.book.accounts, wild.beside[0].book.accounts)
    assert all(event.account in accounts[event.protocol] for event in events)


def test_a_trace_grows_with_its_path(wild: CascadeProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    path = int(wild.run().totals[:, tables.EVENTS].argmax())
    whole = trace(wild, path)
    monkeypatch.setattr("forecasting.core.explaining.FIRST_ROWS", 2)
    assert trace(wild, path) == whole


def test_a_lagging_oracle_is_named_as_the_cause() -> None:
    """The price dips and recovers; an hour later the oracle reports the dip, and pays a liquidator a premium for it."""
    base = samples.problem(accounts=60, seed=4).calm()
    prices = np.tile(base.book.price, (1, 2, 1))
    prices[0, 0, :3] *= 0.85
    late = worlds.delayed(dataclasses.replace(base, paths=prices), hours=1.0)
    assert {event.cause for event in trace(late, 0)} == {"lag"}
    assert trace(dataclasses.replace(late, paths=prices[:, :1]), 0) == ()


def test_larger_drops_make_more_liquidatable(wild: CascadeProblem) -> None:
    drops = by_drop(wild, reserves=(0, 1, 2), drops=(0.0, 0.1, 0.3, 0.6, 0.9))
    assert [one.drop for one in drops] == [0.0, 0.1, 0.3, 0.6, 0.9]
    assert drops[0].liquidated == drops[0].liquidatable == 0
    amounts = [one.liquidatable for one in drops]
    assert amounts == sorted(amounts)
    assert drops[-1].bad_debt > drops[1].bad_debt
    assert all(one.without_impact <= one.liquidatable * (1 + 1e-9) for one in drops)
