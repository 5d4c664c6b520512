"""Books from files: every account is there, worth what was published; what does not fit is refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.models import ImportedDataset
from forecasting.simulations import imported, lenders, statement, terms
from governance.errors import ImplausibleData, InputError
from tests.forecasting.imports.files import run, write
from tests.forecasting.simulations.stage import book, leg

pytestmark = pytest.mark.django_db

ETHER = 1_800.0
STAKED = 0.9995  # ETH
TERMS = terms.read(["STETH=,0.07", "WETH=,0.05", "WBTC=,0.06"])
DOLLARS = {"WETH": ETHER, "WBTC": 27_000.0, "USDC": 1.0}


def totals(*, accounts: int = 8, **more) -> list[dict]:
    """Return a wide file in ETH: staked ether behind ether, and in some accounts more than the file names."""
    rows = []
    for index in range(accounts):
        held = 10.0 + index
        collateral = held * STAKED + (5.0 if index == 3 else 0.0)
        debt = 4.0 + (2.0 if index == 4 else 0.0)
        threshold = 8300 if index != 3 else 8167
        rows.append(
            {
                "user": f"0x{index + 1:040x}",
                "collateral_eth": round(collateral, 10),
                "debt_eth": debt,
                "lt_bps": threshold,
                "ltv_bps": 7200,
                "health_factor": round(collateral * threshold / 1e4 / debt, 9),
                "steth_amount": held,
                "eth_debt": 4.0,
                **more,
            }
        )
    return rows


def stated(tmp_path, rows, *, pair: str = "WBTC/USDC", **said):
    source = f"totals-{ImportedDataset.objects.count()}"
    file = run(write(tmp_path / f"{source}.csv", rows), kind="positions", source=source, **said).file
    chosen = imported.pair(pair)
    return imported.completed(statement.read(file.dataset.name), chosen), chosen


def lender(tmp_path, rows, *, pair: str = "WBTC/USDC", dollars=DOLLARS, told=TERMS, **said) -> lenders.Lender:
    found, chosen = stated(tmp_path, rows, pair=pair, **said)
    return imported.lender(found, dollars=dollars, chosen=chosen, terms=told)


def test_every_account_is_worth_what_was_published(tmp_path) -> None:
    rows = totals()
    made = lender(tmp_path, rows).book
    assert made.accounts == tuple(row["user"] for row in rows)
    np.testing.assert_allclose(made.collateral @ made.price, [row["collateral_eth"] * ETHER for row in rows], rtol=1e-9)
    np.testing.assert_allclose(made.debt @ made.price, [row["debt_eth"] * ETHER for row in rows], rtol=1e-9)
    np.testing.assert_allclose(made.health_factors(), [row["health_factor"] for row in rows], rtol=1e-9)


def test_a_price_and_a_threshold_are_those_on_which_most_accounts_agree(tmp_path) -> None:
    made = lender(tmp_path, totals()).book
    at = made.symbols.index("STETH")
    assert made.price[at] == pytest.approx(STAKED * ETHER)
    assert made.parameters.liquidation_threshold[at] == pytest.approx(0.83)
    assert np.isnan(made.own_threshold).sum() == 7  # the eighth holds more, and keeps what was published of it


def test_what_a_files_author_found_unexplained_is_no_asset(tmp_path) -> None:
    found, _ = stated(tmp_path, [row | {"diff_collateral": 0.5} for row in totals()])
    assert set(found.assets) == {"STETH", "WETH", "WBTC", "USDC"}


def test_what_no_asset_explains_is_in_the_pair_and_told(tmp_path) -> None:
    found = lender(tmp_path, totals())
    held = found.book.collateral[:, found.book.symbols.index("WBTC")]
    owed = found.book.debt[:, found.book.symbols.index("USDC")]
    assert (np.flatnonzero(held).tolist(), np.flatnonzero(owed).tolist()) == ([3], [4])
    assert held[3] == pytest.approx(5 * ETHER / 27_000)
    assert any("9,000 USD of collateral of 1 accounts" in note for note in found.notes)


def test_what_no_asset_explains_is_refused_without_a_pair(tmp_path) -> None:
    with pytest.raises(InputError, match=r"9,000 of 32,388 USD of collateral of 0x0*4 are in no asset") as caught:
        lender(tmp_path, totals(), pair="")
    assert caught.value.facts["value"] == f"0x{4:040x}"
    for text in ("WBTC", "A/B/C", "/USDC"):
        with pytest.raises(InputError, match="write COLLATERAL/DEBT"):
            imported.pair(text)


def test_a_missing_bonus_or_threshold_names_the_assets(tmp_path) -> None:
    with pytest.raises(InputError, match="does not state the liquidation bonus of STETH, WBTC"):
        lender(tmp_path, totals(), told={})
    name = book(tmp_path, rows=[leg("0x1", "WETH", "collateral", 1.0), leg("0x1", "USDC", "debt", 100.0)])
    found = imported.completed(statement.read(name), None)
    with pytest.raises(InputError, match="does not state the liquidation threshold of WETH"):
        imported.lender(found, dollars={}, chosen=None, terms=TERMS)


def test_an_asset_that_the_total_leaves_out_is_not_collateral(tmp_path) -> None:
    rows = totals()
    rows[0] |= {"collateral_eth": 5.0, "health_factor": round(5 * 0.83 / 4, 9), "wbtc_collateral": 0.4}
    rows[1:] = [row | {"wbtc_collateral": 0} for row in rows[1:]]
    with pytest.raises(
        ImplausibleData, match=r"assets of 0x0*1 are worth 28,791.00 USD of collateral, its total 9,000"
    ):
        lender(tmp_path, rows)
    rows[0] |= {"collateral_eth": 6.0, "health_factor": round(6 * 0.83 / 4, 9)}
    found = lender(tmp_path, rows, pair="WBTC/USDC")
    assert found.book.collateral[0, found.book.symbols.index("STETH")] == 0
    assert any("are not enabled and do not count" in note for note in found.notes)


def test_a_published_health_factor_that_the_book_contradicts_is_refused(tmp_path) -> None:
    rows = totals()
    rows[2]["health_factor"] = 1.5
    with pytest.raises(ImplausibleData, match=r"gives 0x0*3 a health factor of 2.488\d+, the file 1.500000"):
        lender(tmp_path, rows)


def test_negative_balances_and_harmful_thresholds_are_refused_by_name(tmp_path) -> None:
    found = lender(tmp_path, totals())
    lenders.require_sound(found)
    values = found.book.debt.copy()
    values[5, 0] = -1.0
    with pytest.raises(InputError, match=rf"{found.book.accounts[5]} has a debt of -1"):
        lenders.require_sound(_with(found, debt=values))
    with pytest.raises(InputError, match=r"STETH has a threshold of 0.96 with a bonus of 0.07; .* 0.934579"):
        lenders.require_sound(lender(tmp_path, totals(), told=TERMS | terms.read(["STETH=0.96,0.07"])))


def test_the_frontier_itself_is_harmful(tmp_path) -> None:
    found = imported.completed(statement.read(book(tmp_path)), None)
    rest = terms.read(["WBTC=0.75,0.07"])
    made = [
        imported.lender(found, dollars={}, chosen=None, terms=rest | terms.read([f"WETH={threshold},0.25"]))
        for threshold in (0.8, 0.7999)
    ]
    with pytest.raises(InputError, match=r"WETH has a threshold of 0.8 with a bonus of 0.25"):
        lenders.require_sound(made[0])
    lenders.require_sound(made[1])


def test_an_accounts_own_threshold_may_not_be_harmful_either(tmp_path) -> None:
    rows = totals()
    rows[3] |= {"lt_bps": 9600, "health_factor": round(rows[3]["collateral_eth"] * 0.96 / 4, 9)}
    with pytest.raises(
        InputError, match=rf"{rows[3]['user']} has a threshold of 0.96 .* STETH=,LB, with LB below 0.04"
    ):
        lenders.require_sound(lender(tmp_path, rows, told=TERMS | terms.read(["WBTC=,0.02"])))


def test_books_over_other_columns_are_laid_over_common_ones_and_keep_their_worth(tmp_path) -> None:
    first = lender(tmp_path, totals())
    second = lender(tmp_path, totals(accounts=5), dollars=DOLLARS | {"WETH": 2_000.0})
    laid = lenders.lay([first, second])
    assert laid.books[0].symbols == laid.books[1].symbols
    assert (laid.books[0].price == laid.books[1].price).all()
    for made, own in zip(laid.books, (first.book, second.book), strict=True):
        np.testing.assert_allclose(made.collateral @ made.price, own.collateral @ own.price)
        np.testing.assert_allclose(made.health_factors(), own.health_factors())
    assert any("WETH at 2,000 USD, not 1,800" in note for note in laid.notes)


def test_an_empty_book_is_refused(tmp_path) -> None:
    name = book(tmp_path, rows=[leg("0x1", "WETH", "collateral", 1.0), leg("0x2", "WETH", "collateral", 2.0)])
    found = imported.completed(statement.read(name), None)
    made = imported.lender(found, dollars={}, chosen=None, terms=terms.read(["WETH=0.8,0.05"]))
    with pytest.raises(InputError, match="Nobody owes anything in positions/desk"):
        lenders.lay([made])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("STETH=0.8,0.07,0.9", "LTV of 0.9, above its threshold"),
        ("STETH=1.2,0.07", "STETH has '1.2' for lt"),
        ("STETH=x,0.07", "STETH has 'x' for lt"),
        ("STETH=0.8,0.07,0.7,1", "is not ASSET=LT,LB"),
        ("nowhere.json", "is not ASSET=LT,LB"),
    ],
)
def test_stated_parameters_are_checked(text, match) -> None:
    with pytest.raises(InputError, match=match):
        terms.read([text])


def test_parameters_come_from_a_file_too(tmp_path) -> None:
    path = tmp_path / "terms.json"
    path.write_text('{"stETH": {"lt": 0.83, "lb": 0.07}, "WBTC": {"lb": 0.06, "ltv": 0.7}}')
    assert terms.read([str(path)]) == terms.read(["STETH=0.83,0.07", "wbtc=,0.06,0.7"])
    path.write_text('{"stETH": {"bonus": 0.07}}')
    with pytest.raises(InputError, match="says bonus of stETH; use lb, lt, ltv"):
        terms.read([str(path)])
    with pytest.raises(InputError, match="states steth twice"):
        terms.read(["STETH=,0.07", "steth=,0.05"])


def long(tmp_path, *rows, source: str = "long") -> statement.Statement:
    """Return a long file that states thresholds: rows of time, account, asset, side, amount, threshold."""
    columns = ("timestamp", "user", "asset", "side", "amount", "threshold")
    made = [dict(zip(columns, row, strict=True)) | {"price": 1 if row[2] == "USDC" else 1_750} for row in rows]
    run(write(tmp_path / f"{source}.csv", made), kind="positions", source=source)
    return imported.completed(statement.read(source), None)


@pytest.mark.parametrize("owed", [0.87, 0])
def test_the_threshold_of_a_debt_is_nobodys_average_whatever_the_order_of_rows(tmp_path, owed) -> None:
    rows = [
        (1_686_528_000, account, *leg_)
        for account, legs in (("0xb", 1), ("0xc", -1))
        for leg_ in [("WETH", "collateral", 1_000, 0.82), ("USDC", "debt", 1_400_000, owed)][::legs]
    ]
    made = imported.lender(long(tmp_path, *rows), dollars={}, chosen=None, terms=TERMS).book
    assert np.isnan(made.own_threshold).all()
    assert made.health_factors() == pytest.approx([1.025, 1.025])


def test_the_threshold_of_collateral_counts_where_that_of_debt_is_another(tmp_path) -> None:
    found = long(
        tmp_path,
        *((1, "0xa", "WETH", "collateral", 1, 0.82), (1, "0xa", "USDC", "debt", 9, 0)),
        *((1, "0xb", "USDC", "collateral", 9_000, 0.85), (1, "0xb", "WETH", "debt", 1, 0)),
    )
    assert dict(zip(found.assets, found.threshold, strict=True)) == {"USDC": 0.85, "WETH": 0.82}


def test_a_debt_that_the_total_leaves_out_is_refused(tmp_path) -> None:
    rows = totals()
    rows[6] |= {"debt_eth": 0, "health_factor": ""}
    with pytest.raises(ImplausibleData, match=r"assets of 0x0*7 are worth 7,200.00 USD of debt, its total 0.00"):
        lender(tmp_path, rows)


def efficient(*, threshold: int = 9700) -> list[dict]:
    """Return `totals` whose last account is in an efficiency mode."""
    rows = [row | {"emode": 0} for row in totals()]
    worth = rows[-1]["collateral_eth"]
    rows[-1] |= {"emode": 1, "lt_bps": threshold, "health_factor": round(worth * threshold / 1e4 / 4, 9)}
    return rows


def test_an_efficiency_modes_threshold_may_not_be_harmful_with_the_bonus_that_is_used(tmp_path) -> None:
    with pytest.raises(
        InputError, match=r"0x0*8 has a threshold of 0.97 .* State a lower bonus: --parameters STETH=,LB"
    ):
        lenders.require_sound(lender(tmp_path, efficient()))
    found = lender(tmp_path, efficient(), told=TERMS | terms.read(["STETH=,0.01"]))
    lenders.require_sound(found)
    assert found.book.own_threshold[-1] == 0.97


def test_an_efficiency_modes_threshold_says_nothing_of_the_assets(tmp_path) -> None:
    rows = efficient()
    for index, row in enumerate(rows[:-1]):  # no two agree
        threshold = 8000 + 10 * index
        row |= {
            "lt_bps": threshold,
            "health_factor": round(row["collateral_eth"] * threshold / 1e4 / row["debt_eth"], 9),
        }
    found = lender(tmp_path, rows, told=TERMS | terms.read(["STETH=,0.01"])).book
    assert 0.8 < found.parameters.liquidation_threshold[found.symbols.index("STETH")] < 0.807
    alone = [row for row in rows if row["emode"]]
    with pytest.raises(InputError, match="does not state the liquidation threshold of STETH"):
        lender(tmp_path, alone, dollars=DOLLARS | {"STETH": 1_800.0 * STAKED})


def test_a_stated_threshold_acts_on_all_who_hold_the_asset(tmp_path) -> None:
    before = lender(tmp_path, totals()).book
    after = lender(tmp_path, totals(), told=TERMS | terms.read(["STETH=0.5,0.07"])).book
    at = after.symbols.index("STETH")
    share = before.collateral[:, at] * before.price[at] / (before.collateral @ before.price)
    worth, owed = before.collateral @ before.price, before.debt @ before.price
    assert after.parameters.liquidation_threshold[at] == 0.5
    assert np.isfinite(after.own_threshold).tolist() == [row == 3 for row in range(8)]
    np.testing.assert_allclose(after.health_factors(), before.health_factors() - share * 0.33 * worth / owed, rtol=1e-9)


def test_a_stated_threshold_leaves_an_efficiency_modes_alone(tmp_path) -> None:
    after = lender(tmp_path, efficient(threshold=8300), told=TERMS | terms.read(["STETH=0.5,0.07"])).book
    assert np.isfinite(after.own_threshold).tolist() == [row in {3, 7} for row in range(8)]
    assert after.own_threshold[7] == 0.83


def test_a_stated_threshold_of_what_only_totals_tell_is_refused_where_another_is_published(tmp_path) -> None:
    rows = [{name: row[name] for name in row if name not in {"steth_amount", "eth_debt"}} for row in totals()]
    match = r"threshold of 0.5 for WBTC; with it 0x0*1 has 0.5000, published is 0.8300, .* --parameters WBTC=,0.06"
    with pytest.raises(InputError, match=match):
        lender(tmp_path, rows, told=TERMS | terms.read(["WBTC=0.5,0.06"]))
    same = [row | {"lt_bps": 8300} for row in rows if row["lt_bps"] == 8300]
    assert np.isnan(lender(tmp_path, same, told=TERMS | terms.read(["WBTC=0.83,0.06"])).book.own_threshold).all()


def test_a_stated_threshold_that_the_file_does_not_have_gives_the_average_of_named_assets(tmp_path) -> None:
    rows = totals(accounts=1)  # one account alone agrees with nobody
    found = lender(
        tmp_path, rows, dollars=DOLLARS | {"STETH": 1_800.0 * STAKED}, told=terms.read(["STETH=0.6,0.07"])
    ).book
    assert np.isnan(found.own_threshold).all()
    assert found.health_factors() == pytest.approx([10 * STAKED * 0.6 / 4])


def test_what_is_owed_was_supplied(tmp_path) -> None:
    found = lender(tmp_path, totals())
    at = found.book.symbols.index("USDC")
    assert found.book.total_supply[at] == found.book.total_debt[at] > 0
    assert any("does not say who lends WETH, USDC" in note for note in found.notes)


def _with(found: lenders.Lender, **changes) -> lenders.Lender:
    return replace(found, book=replace(found.book, **changes))
