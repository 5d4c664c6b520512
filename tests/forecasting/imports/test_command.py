"""`manage.py import`, and the kinds that the other files here leave out: venues' liquidations and quotes."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command, load_command_class

from forecasting.models import ImportedFile, ImportedLiquidation, ImportedQuote
from governance.errors import ConflictError, ImplausibleData, InputError, MixedUnits
from tests.forecasting.imports.files import START, candles, command, run, ticks, write

pytestmark = pytest.mark.django_db


def said(*words) -> str:
    out = StringIO()
    call_command(*map(str, words), stdout=out)
    return out.getvalue()


def quotes():
    return [
        {
            "ts": f"2023-11-20T00:15:{index:02d}",
            "src": "WETH",
            "dst": "USDC",
            "amount_in": 2**index,
            "amount_out": round(2_000 * 2**index * (1 - 0.001 * index), 6),
            "price_impact": 0.001 * index,
        }
        for index in range(12)
    ]


def test_files_become_a_dataset(tmp_path):
    rows = candles(100)
    one, two = write(tmp_path / "1.csv", rows[:50]), write(tmp_path / "2.csv", rows[50:])
    found = command("import", "prices", one, two, "--asset", "ETH", "--source", "binance")
    assert found["dataset"] == "prices/binance"
    assert [(file["status"], file["version"], file["total_rows"]) for file in found["imported"]] == [
        ("imported", 1, 50),
        ("imported", 2, 100),
    ]
    again = command("import", "prices", one, "--asset", "ETH", "--source", "binance")
    assert again["imported"][0]["status"] == "already imported"
    assert "already imported" in said("import", "prices", one, "--asset=ETH", "--source=binance")
    listed = command("import", "--list")["datasets"]
    assert [(row["name"], row["version"], row["rows"]) for row in listed] == [("prices/binance", 2, 100)]
    shown = command("import", "--show", "binance")
    assert shown["verified"]
    assert shown["hash"] == found["imported"][1]["hash"] == listed[0]["hash"]
    assert "read again and proven" in said("import", "prices", "--show", "binance")
    assert "2023-03-01 to 2023-03-0" in said("import", "--list")
    assert command("import", "quotes", "--list")["datasets"] == []
    assert len(command("import", "prices", "--list")["datasets"]) == 1


def test_the_help_says_what_each_kind_needs():
    text = load_command_class("forecasting", "import").create_parser("manage.py", "import").format_help()
    assert all(word in text for word in ("off-grid", "USDC=6", "prices        time, close", "--source oneinch"))


def test_a_refused_file_leaves_those_before_it(tmp_path):
    good, bad = write(tmp_path / "1.csv", candles(50)), write(tmp_path / "2.csv", candles(60, seed=2))
    with pytest.raises(ConflictError, match="row 1"):
        command("import", "prices", good, bad, "--asset", "ETH", "--source", "binance")
    assert [file.name for file in ImportedFile.objects.all()] == ["1.csv"]


def test_every_option_is_understood(tmp_path):
    rows = [{"when": row["time"], "what": row["price"]} for row in ticks(100, asset="x", start=50)]
    found = command(
        "import",
        "prices",
        write(tmp_path / "a.csv", rows),
        "--source=desk",
        "--asset=NEWCOIN",
        "--column=time=when",
        "--column=close=what",
        "--quote=usd",
        "--grid=3600",
        "--stamp=close",
        "--token-since=2023-03-02",
        "--allow=before-token",
    )
    (file,) = found["imported"]
    assert [(flag["code"], flag["rows"]) for flag in file["flags"]] == [("before-token", 24)]
    assert file["intent"]["columns"] == {"time": "when", "close": "what"}
    assert file["intent"]["quote"] == "USD"


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["import"], "Say what to import"),
        (["import", "prices"], "Say what to import"),
        (["import", "prices", "a.csv"], "--source NAME"),
        (["import", "prices", "a.csv", "--source=x", "--column=close"], "OUR=THEIRS"),
        (["import", "prices", "a.csv", "--source=x", "--at=soon"], "--at 'soon' is no time"),
        (["import", "prices", "a.csv", "--source=x", "--raw-decimals=WETH=many"], "from 0 to 36"),
        (["import", "prices", "gone.csv", "--source=x"], "no file gone.csv"),
        (["import", "prices", "a.csv", "--source=x", "--grid=-3"], "from 1 to"),
        (["import", "prices", "a.csv", "--source=x", "--chain=mars"], "no chain that we know"),
        (["import", "prices", "/", "--source=x"], "is a folder"),
        (["health", "--dataset=prices/x"], "prices/x is no dataset of positions"),
        (["import", "--show=nothing"], "there are: none"),
    ],
)
def test_what_cannot_be_used_is_refused(words, right):
    with pytest.raises(InputError, match=right):
        command(*words)


def test_nothing_imported_is_said():
    assert "Nothing is imported yet" in said("import", "--list")


def test_governance_archives_go_to_their_importer(tmp_path, monkeypatch):
    class Report:
        text = "one proposal"

        def as_dict(self):
            return {"proposals": 1}

    asked = []

    def archive(folder, *, source, progress):
        asked.append((folder, source, callable(progress)))
        return Report()

    monkeypatch.setattr("forecasting.management.commands.import.import_folder", archive)
    assert command("import", "governance", tmp_path, "--source", "aave") == {"proposals": 1}
    assert "one proposal" in said("import", "governance", tmp_path, "--source=aave")
    assert asked == [(tmp_path, "aave", True)] * 2


def test_quotes_are_imported_and_checked(tmp_path):
    assert run(write(tmp_path / "q.csv", quotes()), kind="quotes").file.added == 12
    assert ImportedQuote.objects.filter(sold="WETH", bought="USDC").count() == 12
    percent = [{**row, "price_impact": row["price_impact"] * 1_000} for row in quotes()]
    with pytest.raises(ImplausibleData, match="fraction from 0 to 1"):
        run(write(tmp_path / "percent.csv", percent), kind="quotes", source="b")
    mixed = [{**row, "amount_in": row["amount_in"] * 10**18} if n > 6 else row for n, row in enumerate(quotes())]
    with pytest.raises(MixedUnits, match="amount_in of WETH for USDC"):
        run(write(tmp_path / "mixed.csv", mixed), kind="quotes", source="c")
    raw = [{**row, "src": "DAI", "amount_out": row["amount_in"] * 10**6} for row in quotes()]
    with pytest.raises(MixedUnits, match="one dollar"):
        run(write(tmp_path / "raw.csv", raw), kind="quotes", source="d")
    nothing = [{**row, "amount_in": 0} for row in quotes()[:1]]
    with pytest.raises(ImplausibleData, match="above zero"):
        run(write(tmp_path / "zero.csv", nothing), kind="quotes", source="e")


def test_volumes_of_a_venue_are_a_row_a_side_with_their_price(tmp_path):
    rows = [
        {
            "ts": (START + timedelta(seconds=60.01 * index)).isoformat(),
            "ask": 1_600.5 + index,
            "bid": 1_600 + index,
            "liq_long_eth": index % 3,
            "liq_short_eth": 0.25,
        }
        for index in range(30)
    ]
    file = run(write(tmp_path / "v.csv", rows), kind="liquidations").file
    assert (file.rows, file.added) == (30, 60)
    found = ImportedLiquidation.objects.filter(side="long").order_by("timestamp")[1]
    assert (found.collateral, found.collateral_amount, found.price) == ("ETH", 1, 1_601.25)
    plain = [{name.removesuffix("_eth"): value for name, value in row.items()} for row in rows]
    path = write(tmp_path / "w.csv", plain)
    with pytest.raises(InputError, match="--asset"):
        run(path, kind="liquidations", source="other")
    assert run(path, kind="liquidations", source="other", asset="ETH").file.added == 60


def test_a_venues_accounts_keep_their_notional(tmp_path):
    rows = [
        {
            "time": f"2023-03-0{index + 1}T21:10:23Z",
            "user": f"0x{index}",
            "liquidated_ntl_pos": 10.5 * index + 1,
            "leverage_type": "Cross",
        }
        for index in range(5)
    ]
    run(write(tmp_path / "h.csv", rows), kind="liquidations")
    assert list(ImportedLiquidation.objects.order_by("timestamp").values_list("side", "debt_usd")[:2]) == [
        ("cross", 1),
        ("cross", 11.5),
    ]
