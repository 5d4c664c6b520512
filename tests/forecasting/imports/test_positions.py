"""Books of positions: wide and long files, with totals or without, in USD or ETH; and their health factors."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from forecasting.imports.health import health, worst
from forecasting.models import ImportedAccount, ImportedLeg
from governance.errors import ImplausibleData, InputError, MixedUnits, WrongNumeraire
from tests.forecasting.imports.files import command, run, write

pytestmark = pytest.mark.django_db


def totals(count=6, **more):
    rows = []
    for index in range(count):
        collateral, debt, threshold = 1_000.5 + 37 * index, 400.25 + 31 * index, 8_000 + 50 * index
        factor = Decimal(str(collateral)) * threshold / 10_000 / Decimal(str(debt))
        rows.append(
            {
                "user": f"0x{index:040x}",
                "collateral_usd": collateral,
                "debt_usd": debt,
                "lt_bps": threshold,
                "ltv_bps": 7_500,
                "health_factor": f"{factor:.12g}",
                **more,
            }
        )
    return rows


def multi(count=4, **changes):
    """Rows in the layout of a real file: raw integers beside their decimals, a main asset in whole tokens."""
    rows = []
    for index in range(count):
        usdc, dai, wbtc, eth = 5_000_000 * (index + 1), 10**18 * index, 123_456 * (index + 1), 2.5 + index
        collateral = wbtc / 1e8 * 27_000 + eth * 1_900
        debt = usdc / 1e6 + dai / 1e18 * 0.999
        rows.append(
            {
                "": index,
                "user": f"0x{index:040x}",
                "collateral": repr(collateral),
                "debt": repr(debt),
                "threshold": 8_000,
                "healthf": repr(collateral * 0.8 / debt),
                "usdc": f"{usdc}.0",
                "usdc_price": 100_000_000,
                "usdc_decimals": 6,
                "usdc_threshold": 0.76,
                "dai": f"{dai:.1f}" if dai < 10**15 else f"{dai / 10**18!r}e+18",
                "dai_price": 99_900_000,
                "dai_decimals": 18,
                "dai_threshold": 0.77,
                "wbtc_price": 27_000 * 10**8,
                "wbtc_decimals": 8,
                "wbtc_threshold": 0.75,
                "wbtc_collateral": wbtc,
                "weth_collateral": 3 * index,
                "wsteth_amount": eth,
                "eth_debt": 0,
                **changes,
            }
        )
    return rows


def test_totals_give_the_published_health_factors(tmp_path):
    file = run(write(tmp_path / "book.csv", totals()), kind="positions").file
    rows = health(file.dataset)
    assert len(rows) == 6
    assert worst(rows).error < Decimal("1e-10")
    assert rows[0].health_factor * Decimal("400.25") == pytest.approx(Decimal("800.4"), rel=Decimal("1e-25"))
    assert set(ImportedAccount.objects.values_list("base", flat=True)) == {"USD"}


def test_an_account_without_debt_has_no_health_factor(tmp_path):
    rows = totals()
    rows[2] |= {"debt_usd": 0, "health_factor": ""}
    found = health(run(write(tmp_path / "book.csv", rows), kind="positions").file.dataset)
    assert [row.health_factor is None for row in found] == [False, False, True, False, False, False]
    assert found[2].error is None


@pytest.mark.parametrize("scale", [10_000, 100, 1])
def test_thresholds_may_be_fractions_percent_or_basis_points(tmp_path, scale):
    rows = [{**row, "lt_bps": Decimal(row["lt_bps"]) * scale / 10_000, "ltv_bps": ""} for row in totals()]
    found = health(run(write(tmp_path / "book.csv", rows), kind="positions").file.dataset)
    assert worst(found).error < Decimal("1e-10")


def test_a_wide_file_keeps_what_each_account_holds_and_owes(tmp_path):
    file = run(write(tmp_path / "book.csv", multi()), kind="positions").file
    assert worst(health(file.dataset)).error < Decimal("1e-12")
    legs = {
        (leg.asset, leg.side): (leg.amount, leg.price, leg.threshold_bps)
        for leg in ImportedLeg.objects.filter(account=f"0x{2:040x}")
    }
    assert legs == {
        ("USDC", "debt"): (15, 1, 7_600),
        ("DAI", "debt"): (2, Decimal("0.999"), 7_700),
        ("WBTC", "collateral"): (Decimal("0.00370368"), 27_000, 7_500),
        ("WETH", "collateral"): (Decimal("6e-18"), None, None),
        ("WSTETH", "collateral"): (Decimal("4.5"), None, None),
    }
    assert "usdc_decimals" not in file.reading["left_aside"]


def test_a_raw_amount_with_a_fraction_is_refused(tmp_path):
    rows = multi()
    rows[2]["usdc"] = "15.25"
    with pytest.raises(MixedUnits, match="row 3, column usdc"):
        run(write(tmp_path / "book.csv", rows), kind="positions")


def test_the_base_is_told_by_a_pegged_price_or_asked_for(tmp_path):
    ether = {"usdc_price": 58 * 10**13, "dai_price": 58 * 10**13, "wbtc_price": 15 * 10**18}
    run(write(tmp_path / "usd.csv", multi()), kind="positions")
    run(write(tmp_path / "eth.csv", multi(**ether)), kind="positions")
    assert set(ImportedAccount.objects.values_list("book", "base")) == {("usd", "USD"), ("eth", "ETH")}
    plain = [{**row, "collateral": row["collateral_usd"], "debt": row["debt_usd"]} for row in totals()]
    plain = [{name: row[name] for name in ("user", "collateral", "debt", "lt_bps")} for row in plain]
    path = write(tmp_path / "plain.csv", plain)
    with pytest.raises(InputError, match="--quote USD or --quote ETH"):
        run(path, kind="positions")
    run(path, kind="positions", quote="ETH", source="said")


def test_prices_in_ether_of_a_book_in_dollars_are_refused(tmp_path):
    rows = totals(steth_amount=3, steth_price=0.99)
    with pytest.raises(WrongNumeraire, match="STETH"):
        run(write(tmp_path / "book.csv", rows), kind="positions")
    held = {"wbtc_amount": 1, "wbtc_price": 27_000}  # more than all that the account is said to have
    with pytest.raises(WrongNumeraire, match="the WBTC alone"):
        run(write(tmp_path / "small.csv", totals(**held)), kind="positions")
    rows = multi(dai_price=int(0.00058 * 1e8))
    with pytest.raises(WrongNumeraire, match="DAI"):
        run(write(tmp_path / "multi.csv", rows), kind="positions")


def test_totals_in_two_units_are_refused(tmp_path):
    rows = totals()
    rows[4]["debt_usd"] = rows[4]["debt_usd"] * 1e8 + 0.5
    with pytest.raises(MixedUnits, match="health factor"):
        run(write(tmp_path / "book.csv", rows), kind="positions")
    rows = totals(20)
    for row in rows[12:]:
        row["collateral_usd"], row["debt_usd"] = (
            f"{int(row[name] * 100)}{'0' * 16}" for name in ("collateral_usd", "debt_usd")
        )
    with pytest.raises(MixedUnits, match="raw integers"):
        run(write(tmp_path / "raw.csv", rows), kind="positions")


def test_health_factors_that_do_not_follow_are_flagged_or_refused(tmp_path):
    rows = totals()
    rows[1]["health_factor"] = float(rows[1]["health_factor"]) * 1.01
    flags = run(write(tmp_path / "one.csv", rows), kind="positions").file.flags
    assert [(flag["code"], flag["rows"]) for flag in flags] == [("health-differs", 1)]
    rows = [{**row, "health_factor": float(row["health_factor"]) * 1.01} for row in totals()]
    with pytest.raises(ImplausibleData, match="most others"):
        run(write(tmp_path / "all.csv", rows), kind="positions")


def test_nobody_holds_less_than_nothing(tmp_path):
    rows = totals()
    rows[3]["collateral_usd"] = -1
    with pytest.raises(ImplausibleData, match="row 4, collateral = -1"):
        run(write(tmp_path / "book.csv", rows), kind="positions")


def long(**more):
    holdings = [("a", "WETH", "deposited", 10, 2_000, 0.8), ("a", "USDC", "borrowed", 8_000, 1, 0.85)]
    holdings += [("a", "WBTC", "deposited", 0.5, 30_000, 0.75), ("b", "WETH", "deposited", 1, 2_000, 0.8)]
    names = ("account", "asset", "side", "amount", "price", "threshold")
    return [{"date": "2021-05-29", **dict(zip(names, row, strict=True)), **more} for row in holdings]


def test_one_row_an_asset_gives_health_by_its_legs(tmp_path):
    found = health(run(write(tmp_path / "legs.csv", long()), kind="positions", quote="USD").file.dataset)
    assert [(row.account, row.health_factor) for row in found] == [("a", Decimal("3.40625")), ("b", None)]
    assert ImportedLeg.objects.count() == 4


def test_a_leg_without_a_price_gives_no_health_factor(tmp_path):
    rows = long()
    rows[0]["price"] = ""
    found = health(run(write(tmp_path / "legs.csv", rows), kind="positions").file.dataset)
    assert [row.health_factor for row in found] == [None, None]


def test_decimals_beside_a_raw_amount_are_used(tmp_path):
    rows = [{**row, "amount": int(row["amount"] * 10**8), "decimals": 8} for row in long()]
    run(write(tmp_path / "legs.csv", rows), kind="positions")
    assert ImportedLeg.objects.get(asset="WBTC").amount == Decimal("0.5")


def test_a_side_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="'up' is no side"):
        run(write(tmp_path / "legs.csv", long(side="up")), kind="positions")


def test_balances_added_up_from_events_may_fall_below_zero(tmp_path):
    rows = [{**long()[0], "account": f"user {index}", "amount": index - 1} for index in range(20)]
    flags = run(write(tmp_path / "legs.csv", rows), kind="positions").file.flags
    assert [flag["code"] for flag in flags] == ["negative-balance"]


def test_books_of_one_source_add_up_and_the_command_shows_them(tmp_path):
    run(write(tmp_path / "one.csv", totals()), kind="positions", source="books")
    run(write(tmp_path / "two.csv", totals(8)), kind="positions", source="books")
    run(write(tmp_path / "three.csv", totals(3)), kind="positions", source="more", book="third")
    shown = command("health", "--dataset", "books")
    assert (shown["accounts"], shown["compared"], shown["below_one"]) == (14, 14, 0)
    assert shown["max_abs_error"] < 1e-9
    assert len(shown["health_factors"]) == 14
    assert command("health")["accounts"] == 17
    assert command("health", f"0x{1:040x}", "--dataset", "positions/more")["health_factors"][0]["book"] == "third"
    with pytest.raises(InputError, match="in no book"):
        command("health", "0xffff", "--dataset", "more")
    with pytest.raises(InputError, match="there are: positions/books, positions/more"):
        command("health", "--dataset", "nothing")


def test_what_was_not_computed_is_not_said_to_be_healthy(tmp_path):
    rows = [
        {**row, "lt_bps": "", "health_factor": 0.9, "timestamp": 1_600_000_000 + n} for n, row in enumerate(totals())
    ]
    run(write(tmp_path / "a.csv", [*rows, {**rows[0], "timestamp": 1_650_000_000}]), kind="positions", source="hf")
    shown = command("health", "--dataset", "positions/hf")
    told = [shown[name] for name in ("accounts", "distinct_accounts", "computed", "below_one", "published_below_one")]
    assert told == [7, 6, 0, 0, 7]
    out = StringIO()
    call_command("health", f"0x{0:040x}", "--dataset=hf", stdout=out)
    assert "1 accounts in 2 states: 0 health factors computed. 2 could not be computed" in out.getvalue()
    assert "Of 2 published ones 2 are below 1" in out.getvalue()


def test_without_books_the_command_asks_for_an_account():
    with pytest.raises(InputError, match="Name an account"):
        command("health")
