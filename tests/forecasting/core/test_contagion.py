"""Contagion: together against alone on the same paths, and receipts that pass losses on."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from forecasting.core import contagion, tables
from forecasting.core.book import Book, PositionRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules, Protocol
from forecasting.core.contagion import Receipt
from governance.errors import InputError
from tests.forecasting import samples

WETH, TIDE, USDC, DAI = 0, 2, 3, 4
RECEIPT = Receipt(token="DAI", issuer=1, underlying="USDC")  # the column of DAI is what deposits of USDC are held as


@pytest.fixture(scope="module")
def wild() -> CascadeProblem:
    problem = samples.problem(accounts=60, count=60, seed=4)
    return dataclasses.replace(
        problem,
        depth=problem.depth / 3,
        paths=samples.paths(count=60, seed=4, scale=2.0),
        beside=(Protocol(name="other", book=samples.book(accounts=40, seed=9), close_factor=0.4),),
    )


def book_of(*positions: tuple[str, int, float, int, float], supply: float = 1000.0) -> Book:
    """Return a book of (account, collateral, USD of it, debt, USD of it), with ``supply`` USD of each asset."""
    rows = []
    for account, held, value, owed, debt in positions:
        for reserve, amount, used in ((held, value, True), (owed, debt, False)):
            units = int(amount / samples.PRICES[reserve] * 10 ** samples.DECIMALS[reserve])
            rows.append(
                PositionRow(
                    account=account,
                    reserve=reserve,
                    collateral=units if used else 0,
                    debt=0 if used else units,
                    used_as_collateral=used,
                )
            )
    made = build(reserves=samples.reserve_rows(), positions=rows, own_threshold={})
    return dataclasses.replace(made, total_supply=supply / made.price)


def linked(book: Book, other: Book, *, tide: tuple[float, ...] = (10.0, 3.0)) -> CascadeProblem:
    """Return two protocols on one path on which TIDE falls; nothing moves a price."""
    paths = np.tile(np.array(samples.PRICES), (1, len(tide), 1))
    paths[0, :, TIDE] = tide
    return CascadeProblem(
        book=book,
        paths=paths,
        step_hours=1.0,
        depth=np.full(5, np.inf),
        rules=CascadeRules(fixed_cost=1e-9),
        threads=1,
        beside=(Protocol(name="issuer", book=other),),
    )


def test_together_less_alone_is_what_the_shared_market_costs(wild: CascadeProblem) -> None:
    found = contagion.marginal(wild, ("book", "other"))
    both = wild.run().totals[:, tables.BAD_DEBT]
    other = dataclasses.replace(
        wild,
        book=wild.beside[0].book,
        beside=(),
        rules=dataclasses.replace(wild.rules, close_factor=0.4),
    )
    apart = dataclasses.replace(wild, beside=()).evaluate().bad_debt_paths + other.evaluate().bad_debt_paths
    assert found.by_path == pytest.approx(both - apart)
    assert found.marginal.value == pytest.approx((both - apart).mean())
    assert found.marginal.value == pytest.approx(found.together.value - sum(one.value for one in found.alone))
    assert sum(one.value for one in found.linked) == pytest.approx(found.together.value)
    assert found.marginal.low > 0
    assert found.together_es99.value > found.apart_es99.value


def test_without_impact_protocols_do_not_hurt_each_other(wild: CascadeProblem) -> None:
    found = contagion.marginal(wild.calm(), ("book", "other"))
    assert found.by_path == pytest.approx(np.zeros(60), abs=1e-6)
    assert found.together.value > 0


def test_weights_count_in_every_mean(wild: CascadeProblem) -> None:
    weights = np.zeros(60)
    weights[7] = 2.0
    found = contagion.marginal(dataclasses.replace(wild, weights=weights), ("book", "other"))
    assert found.marginal.value == pytest.approx(found.by_path[7])
    assert found.together_es99.value == pytest.approx(found.together.value)


def test_each_protocol_needs_a_name(wild: CascadeProblem) -> None:
    with pytest.raises(InputError, match="2 names are needed, one for each protocol; there are 1"):
        contagion.marginal(wild, ("book",))


def test_a_loss_of_the_issuer_marks_its_receipt_down_by_what_it_lost() -> None:
    """TIDE of 100 becomes 30 against 60 USDC: 30 / 1.1 is repaid, the rest is lost of 1,000 that were supplied."""
    problem = linked(book_of(("a", DAI, 100.0, WETH, 70.0)), book_of(("b", TIDE, 100.0, USDC, 60.0)))
    found = contagion.receipts(problem, [RECEIPT])
    lost = 60 - 30 / 1.1
    assert found.unlinked == pytest.approx(np.array([[0.0, lost]]), abs=1e-4)
    assert found.haircut == pytest.approx(np.array([[lost / 1000]]), rel=1e-4)
    assert found.bad_debt == pytest.approx(found.unlinked)  # 3 % less is still enough for who owes 70
    assert found.rounds == 1
    assert found.settled


def test_a_marked_receipt_makes_its_holders_lenders_lose() -> None:
    """A third of the deposits is lost: receipts of 100 are worth 67 against 75, of which 67 / 1.05 is repaid."""
    lost = 60 - 30 / 1.1
    problem = linked(book_of(("a", DAI, 100.0, WETH, 75.0)), book_of(("b", TIDE, 100.0, USDC, 60.0), supply=3 * lost))
    found = contagion.receipts(problem, [RECEIPT])
    assert found.haircut[0, 0] == pytest.approx(1 / 3, rel=1e-4)
    assert found.bad_debt[0, 0] == pytest.approx(75 - (200 / 3) / 1.05, rel=1e-3)
    assert found.passed_on.value == pytest.approx(found.bad_debt[0, 0])
    explicit = problem.paths.copy()
    explicit[0, -1, DAI] *= 1 - found.haircut[0, 0]
    again = dataclasses.replace(problem, paths=explicit).run().parts[:, :, tables.BAD_DEBT]
    assert found.bad_debt == pytest.approx(again)


OWED = (230.0, 910.0)  # USD, of `circle`


def circle(*, times: float) -> tuple[CascadeProblem, list[Receipt]]:
    """Return two protocols, each with the other's receipts as collateral; the second has a loss of its own.

    Supplied is so many ``times`` what is owed.
    """
    problem = linked(
        book_of(("a", DAI, 300.0, USDC, OWED[0]), supply=times * OWED[0]),
        book_of(("b", TIDE, 1000.0, USDC, 600.0), ("c", WETH, 400.0, USDC, 310.0), supply=times * OWED[1]),
        tide=(10.0, 1.0),
    )
    return problem, [RECEIPT, Receipt(token="WETH", issuer=0, underlying="USDC")]


@pytest.mark.parametrize("times", [1.0, 1.05, 1.3, 4.0])
def test_losses_that_go_round_end_where_they_fit_together(times: float) -> None:
    problem, links = circle(times=times)
    found = contagion.receipts(problem, links)
    assert found.settled
    marked = problem.paths.copy()
    marked[:, -1, DAI] *= np.maximum(1 - found.haircut[:, 0], contagion.LEAST_VALUE)
    marked[:, -1, WETH] *= np.maximum(1 - found.haircut[:, 1], contagion.LEAST_VALUE)
    losses = dataclasses.replace(problem, paths=marked).run().parts[0, :, tables.BAD_DEBT]
    assert found.bad_debt[0] == pytest.approx(losses, rel=1e-6)
    expected = [losses[1] / (times * OWED[1]), losses[0] / (times * OWED[0])]
    assert found.haircut[0] == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert (found.bad_debt >= found.unlinked).all()


def test_losses_go_round_more_than_once_and_a_smaller_pool_passes_on_more() -> None:
    rounds, losses = [], []
    for times in (1.0, 1.3, 4.0):
        found = contagion.receipts(*circle(times=times))
        rounds.append(found.rounds)
        losses.append(found.passed_on.value)
    assert rounds[0] > 2
    assert losses[0] > losses[1] > losses[2] - 1e-9


def test_a_loss_that_is_known_earlier_can_be_acted_on() -> None:
    """What a holder owes rises by 30 % at the end; known before, his marked receipts still pay all of it."""
    lost = 60 - 30 / 1.1
    other = book_of(("b", TIDE, 100.0, USDC, 60.0), supply=5 * lost)
    problem = linked(book_of(("a", DAI, 100.0, WETH, 70.0)), other, tide=(3.0, 3.0))
    problem.paths[0, 1, WETH] *= 1.3
    late, early = (contagion.receipts(problem, [RECEIPT], steps=steps) for steps in (1, 2))
    assert late.haircut[0, 0] == pytest.approx(0.2, rel=1e-4)
    assert early.haircut == pytest.approx(late.haircut)
    assert late.bad_debt[0, 0] == pytest.approx(91 - 80 / 1.05, rel=1e-3)
    assert early.bad_debt[0, 0] == 0


@pytest.mark.parametrize("steps", [0, 3])
def test_a_loss_can_be_known_only_in_steps_that_there_are(wild: CascadeProblem, steps: int) -> None:
    short = dataclasses.replace(wild, paths=wild.paths[:, :2])
    with pytest.raises(InputError, match=f"A path of 2 steps has no last {steps}"):
        contagion.receipts(short, [RECEIPT], steps=steps)


def test_without_losses_nothing_is_passed_on() -> None:
    problem = linked(book_of(("a", DAI, 100.0, WETH, 70.0)), book_of(("b", TIDE, 100.0, USDC, 1.0)))
    found = contagion.receipts(problem, [RECEIPT])
    assert found.rounds == 0
    assert found.settled
    assert (found.haircut == 0).all()
    assert (found.bad_debt == 0).all()
    assert contagion.receipts(problem, []).bad_debt.shape == (1, 2)


def test_only_the_paths_with_losses_are_touched(wild: CascadeProblem) -> None:
    found = contagion.receipts(wild, [dataclasses.replace(RECEIPT, token="DAI")])
    calm = (found.haircut == 0).all(axis=1)
    assert calm.any()
    assert (~calm).any()
    assert (found.bad_debt[calm] == found.unlinked[calm]).all()
    assert (found.haircut <= 1).all()


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ([dataclasses.replace(RECEIPT, token="aUSDC")], "aUSDC is not in the book, which is over WETH"),
        ([dataclasses.replace(RECEIPT, underlying="EUR")], "EUR is not in the book"),
        ([dataclasses.replace(RECEIPT, issuer=2)], "DAI is issued by protocol 2; there are 2, from 0"),
        ([RECEIPT, dataclasses.replace(RECEIPT, issuer=0)], "DAI is named as two receipts"),
    ],
)
def test_a_receipt_of_nothing_known_is_refused(wild: CascadeProblem, links: list[Receipt], words: str) -> None:
    with pytest.raises(InputError, match=words):
        contagion.receipts(wild, links)


def test_a_receipt_of_an_empty_pool_is_refused() -> None:
    empty = book_of(("b", TIDE, 100.0, USDC, 60.0), supply=0.0)
    with pytest.raises(InputError, match="Nothing of USDC is supplied to the issuer of DAI"):
        contagion.receipts(linked(book_of(("a", DAI, 100.0, WETH, 70.0)), empty), [RECEIPT])


def test_what_is_held_and_what_it_backs() -> None:
    """Receipts of 100 back all of a debt of 40; the issuer's own depositors who pledge them at home do not count."""
    problem = linked(
        book_of(("a", DAI, 100.0, WETH, 40.0)),
        book_of(("b", TIDE, 100.0, USDC, 60.0), ("c", DAI, 50.0, USDC, 10.0)),
    )
    assert contagion.held(problem, [RECEIPT]) == pytest.approx(np.array([[0.0, 0.0], [100.0, 0.0]]))
    assert contagion.pledged(problem, [RECEIPT]) == pytest.approx(np.array([[0.0, 0.0], [40.0, 0.0]]))


def test_looking_through_receipts_pays_lenders_what_the_issuer_can() -> None:
    """The issuer lost 500 of 5,000 (1,000 of each asset): its receipts pay 90 %, and who took 40 of them lacks 4."""
    problem = linked(book_of(("a", DAI, 100.0, WETH, 40.0)), book_of(("b", TIDE, 100.0, USDC, 60.0)))
    found = contagion.look_through(problem, [RECEIPT], bad_debt=np.array([0.0, 500.0]))
    assert found.payments / np.maximum(found.owed, 1) == pytest.approx([1 - 4 / 5000, 0.9, 0.0])
    assert found.defaulted.tolist() == [True, True, False]


def test_who_issues_what_others_lean_on_reaches_them() -> None:
    """The holder's borrowers own 100 - 40 beyond their debt, and lose 100 when the issuer's receipts are worthless."""
    problem = linked(book_of(("a", DAI, 100.0, WETH, 40.0)), book_of(("b", TIDE, 100.0, USDC, 60.0)))
    assert contagion.reach(problem, [RECEIPT]) == pytest.approx((0.0, 0.4))  # 40 of the 100 that are lent
    wealthy = linked(book_of(("a", DAI, 100.0, WETH, 40.0), ("w", WETH, 140.0, USDC, 0.0)), problem.beside[0].book)
    assert contagion.reach(wealthy, [RECEIPT]) == pytest.approx((0.0, 0.4 / 2))


def test_the_study_is_plain_data(wild: CascadeProblem) -> None:
    body = json.loads(json.dumps(contagion.study(wild, ("book", "other"), links=[RECEIPT]), allow_nan=False))
    found = contagion.marginal(wild, ("book", "other"))
    assert body["marginal"]["value"] == found.marginal.value
    assert body["alone"]["other"]["low"] == found.alone[1].low
    assert set(body["debt_rank"]) == {"book", "other"}
    assert body["receipts"]["settled"] is True
    assert body["receipts"]["haircut"]["DAI"]["value"] > 0
    assert 0 < body["clearing"]["recovery"]["other"] < 1
    plain = contagion.study(wild, ("book", "other"))
    assert plain["debt_rank"] is plain["clearing"] is plain["receipts"] is None


def test_a_receipt_claims_at_least_what_its_issuer_has_lent() -> None:
    """Of 10 that are told to be supplied 60 are owed: 60 are, and what is lost of them is no more than all."""
    lost = 60 - 30 / 1.1
    issuer = book_of(("b", TIDE, 100.0, USDC, 60.0), supply=10.0)
    found = contagion.receipts(linked(book_of(("a", DAI, 100.0, WETH, 40.0)), issuer), [RECEIPT])
    assert found.haircut[0, 0] == pytest.approx(lost / 60, rel=1e-4)
