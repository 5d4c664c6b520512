"""What books say hour by hour: debt near liquidation, depth, the simulator; known from their time on, for a day."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting import bookside, datasets, hourly_features, training
from forecasting.core.realised import HOUR
from forecasting.core.warning.events import Target
from forecasting.models import AccountState, Snapshot
from governance.errors import InputError
from tests.forecasting import rows
from tests.forecasting.imports.files import run, write
from tests.forecasting.liquidated_world import land, market

pytestmark = pytest.mark.django_db

AT = datetime(2021, 1, 10, 12, tzinfo=UTC)
STAMP = int(AT.timestamp())
ENDS = STAMP + HOUR * np.arange(-24, 72)
CLOSE = np.full(ENDS.size, 1_000.0)
SMALL = {"paths": 200, "backtest_paths": 50}


def positions(folder, **said):
    """Import three borrowers: one 4 % above liquidation, one 8 %, one far."""
    found = [
        {
            "account": f"0x{index:040x}",
            "collateral": 1_000 * health / 0.8,
            "debt": 1_000,
            "threshold": 0.8,
            "hf": health,
        }
        for index, health in enumerate((1.04, 1.08, 3.0))
    ]
    path = write(folder / "book.csv", [{**row, "health_factor": row.pop("hf")} for row in found])
    return run(path, kind="positions", source="desk", at=STAMP * 10**6, **said)


def read(names, *, targets=()):
    return bookside.read(bookside.chosen(names), assets=("ETH",), ends=ENDS, close=CLOSE, targets=targets)


@pytest.mark.parametrize(("quote", "name", "worth"), [("USD", "near_debt", 1.0), ("ETH", "near_debt", 1_000.0)])
def test_debt_near_liquidation_is_told_from_its_time_on_for_a_day(tmp_path, quote, name, worth):
    positions(tmp_path, quote=quote)
    found = read(())
    suffix = "_eth" if quote == "ETH" else ""
    five, ten = found[f"{name}_5{suffix}"], found[f"{name}_10{suffix}"]
    known = np.flatnonzero(np.isfinite(five))
    assert (ENDS[known[0]], ENDS[known[-1]]) == (STAMP, STAMP + 24 * HOUR)
    assert five[known] == pytest.approx(np.log1p(worth))
    assert ten[known] == pytest.approx(np.log1p(2 * worth))


def test_a_book_of_another_time_says_nothing(tmp_path):
    positions(tmp_path, quote="USD")
    later = ENDS + 90 * 24 * HOUR
    assert bookside.read(bookside.chosen(()), assets=("ETH",), ends=later, close=CLOSE, targets=()) == {}


def test_depth_is_what_can_be_sold_at_two_per_cent(tmp_path):
    amounts = np.geomspace(10, 10_000, 30)
    quotes = [
        {
            "ts": AT.isoformat(),
            "src": "WETH",
            "dst": "USDC",
            "amount_in": round(float(x), 4),
            "amount_out": round(float(x) * 1_000 * (1 - x / (x + 50_000)), 4),
            "price_impact": round(float(x / (x + 50_000)), 8),
        }
        for x in amounts
    ]
    run(write(tmp_path / "quotes.csv", quotes), kind="quotes", source="desk")
    depth = read(["quotes/desk"])["depth"]
    known = depth[np.isfinite(depth)]
    assert known == pytest.approx(np.log1p(50_000 * 0.02 / 0.98), abs=0.1)  # thousand USD at a price of a thousand


def test_names_that_there_are_not_are_refused():
    assert bookside.chosen(["none"]) == []
    with pytest.raises(InputError, match="no imported dataset positions/nobody"):
        bookside.chosen(["positions/nobody"])
    with pytest.raises(InputError, match="'nobody' is not watched"):
        bookside.chosen(["market/nobody"])


def test_a_market_tells_its_debt_and_its_simulators_chance(monkeypatch):
    monkeypatch.setattr(training.app, "send_task", lambda *_, **__: None)
    snapshot = rows.market()
    bookside.structural.cache_clear()
    book = datasets.book(snapshot)
    owed = float((book.debt @ book.price).sum())
    assert np.isnan(bookside.structural(snapshot.pk, 24, 1.0))  # no model was in use then
    run_ = training.request(snapshot.deployment, snapshot, config=SMALL)
    training.carry_out(run_.pk)
    bookside.structural.cache_clear()
    likely, never = bookside.structural(snapshot.pk, 24, 1e-9), bookside.structural(snapshot.pk, 24, 2 * owed)
    assert likely > never
    assert never == pytest.approx(np.log(0.5 / (bookside.PATHS + 0.5)))
    ends = snapshot.timestamp // HOUR * HOUR + HOUR * np.arange(1, 6)
    names = [f"market/{snapshot.deployment.slug}"]
    found = bookside.read(
        bookside.chosen(names), assets=("ETH",), ends=ends, close=np.ones(5), targets=[Target(hours=24, usd=2 * owed)]
    )
    near = AccountState.objects.filter(snapshot=snapshot, health_factor__gte=10**18, health_factor__lt=10**19 // 9)
    total = sum(int(row.debt_base) for row in near) / 1e8
    assert found["near_debt_10"] == pytest.approx(np.log1p(total / 1e3))
    (column,) = (name for name in found if name.startswith("structural_24h"))
    assert found[column] == pytest.approx(never)
    assert Snapshot.objects.count() == 1
    bookside.structural.cache_clear()


def test_hours_carry_what_books_say(tmp_path):
    land(tmp_path, market(days=30))
    positions(tmp_path, quote="USD")
    chosen = hourly_features.choose(prices="", liquidations=[], assets=[])
    assert chosen["books"] == [["positions/desk", 1]]
    found = hourly_features.read(chosen)
    assert np.isfinite(found.hours.extras["near_debt_5"]).sum() == 25
    assert hourly_features.load(found.dataset).dataset == found.dataset


def dated(folder, states):
    """Import (hours after `STAMP`, account, health): each owes 1,000 USD."""
    found = [
        {
            "timestamp": STAMP + hour * HOUR,
            "account": account,
            "collateral_usd": 1_000 * health / 0.8,
            "debt_usd": 1_000,
            "threshold": 0.8,
            "health_factor": health,
        }
        for hour, account, health in states
    ]
    run(write(folder / "dated.csv", found), kind="positions", source="dated")


def owed(hours):
    column = read(["positions/dated"])["near_debt_5"]
    return [np.expm1(column[24 + hour]) for hour in hours]


def test_accounts_that_have_times_of_their_own_are_one_book(tmp_path):
    dated(tmp_path, [(0, "0xa", 1.04), (2, "0xb", 1.03), (5, "0xa", 1.5), (25, "0xc", 1.02)])
    assert owed((0, 1, 2, 4, 5, 24, 25)) == pytest.approx([1, 1, 2, 2, 1, 1, 2])
    assert owed((26, 49)) == pytest.approx([2, 2])


def test_news_of_an_account_is_over_after_a_day(tmp_path):
    dated(tmp_path, [(0, "0xa", 1.04), (20, "0xb", 1.03), (30, "0xc", 3.0)])
    assert owed((20, 30, 45)) == pytest.approx([2, 1, 1])


def test_whom_a_whole_book_leaves_out_is_gone(tmp_path):
    whole = [(hour, f"0x{index}", 1.04) for hour, count in ((0, 20), (1, 19)) for index in range(count)]
    dated(tmp_path, whole)
    assert owed((0, 1)) == pytest.approx([20, 19])
