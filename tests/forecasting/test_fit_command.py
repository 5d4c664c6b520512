"""`manage.py fit impact`: which quotes are fitted, how errors are measured, and what is refused."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from forecasting.core.liquidity import FITS
from governance.errors import GapInData, ImplausibleData, InputError
from tests.forecasting.imports.files import command, run, write

pytestmark = pytest.mark.django_db

MARKET = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"


def offers(depths: dict[str, float], *, bought: str = "USDC", seed: int = 1, count: int = 60):
    draw = np.random.default_rng(seed)
    rows = []
    for sold, depth in depths.items():
        for amount in np.exp(draw.uniform(0, 7, size=count)):
            share = min(amount / (amount + depth) + abs(draw.normal(scale=3e-4)), 1.0)
            rows.append(
                {
                    "ts": f"2023-11-20T00:{len(rows) // 60 % 60:02}:{len(rows) % 60:02}+00:00",
                    "src": sold,
                    "dst": bought,
                    "amount_in": round(float(amount), 6),
                    "amount_out": round(float(amount * 2_000 * (1 - share)), 6),
                    "price_impact": round(float(share), 8),
                }
            )
    return rows


@pytest.fixture
def quotes(tmp_path: Path) -> Path:
    path = write(
        tmp_path / "quotes.csv", offers({"WETH": 9_000.0, "WBTC": 800.0}) + offers({"WETH": 9e3}, bought="DAI")
    )
    run(path, kind="quotes", source="desk")
    return path


@pytest.mark.usefixtures("quotes")
def test_each_token_against_one_is_fitted_in_every_way():
    found = command("fit", "impact")
    assert found["tokens"].keys() == {"WETH", "WBTC"}
    assert all(set(row) == set(FITS) for row in found["tokens"].values())
    assert found["tokens"]["WETH"]["constant_product"] < found["tokens"]["WETH"]["square_root"]
    assert found["quotes"] == {"WETH": 60, "WBTC": 60}
    curve = found["curves"]["WBTC"]
    assert np.diff(curve["impact"]).min() >= 0
    assert curve["tail_depth"] == pytest.approx(800, rel=0.2)
    assert command("fit", "impact", "desk", "--against", "DAI")["tokens"].keys() == {"WETH"}
    assert command("fit", "impact", "--source", "desk")["tokens"] == found["tokens"]


@pytest.mark.usefixtures("quotes")
def test_a_file_of_other_quotes_judges_the_curves(tmp_path):
    other = write(tmp_path / "other.csv", offers({"WETH": 9_000.0}, seed=2))
    found = command("fit", "impact", "--test", str(other))
    assert found["tested"] == {"WETH": 60}
    assert 0 < found["test"]["WETH"]["isotonic"] < 30
    worse = write(tmp_path / "worse.csv", offers({"WETH": 900.0}, seed=2))
    assert command("fit", "impact", "--test", str(worse))["test"]["WETH"]["isotonic"] > 900


@pytest.mark.usefixtures("quotes")
def test_people_get_a_table():
    out = StringIO()
    call_command("fit", "impact", stdout=out)
    assert "quotes/desk, sold for USDC" in out.getvalue()
    assert "isotonic" in out.getvalue()


@pytest.mark.usefixtures("quotes")
@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("--against", "GHO"), InputError, "no 20 quotes of any token for GHO"),
        (("--folds", "1"), InputError, "folds is 1"),
        (("nobody",), InputError, "There is no imported dataset nobody"),
        (("desk", "--source", "other"), InputError, "Name the quotes once"),
        (("--test", "nowhere.csv"), InputError, "There is no file nowhere.csv"),
    ],
)
def test_what_cannot_be_fitted_is_refused(words, kind, said):
    with pytest.raises(kind, match=said):
        command("fit", "impact", *words)


@pytest.mark.usefixtures("quotes")
def test_a_file_to_judge_by_is_checked_as_an_import_is(tmp_path):
    percent = [row | {"price_impact": 100 * row["price_impact"] + 1} for row in offers({"WETH": 9e3})]
    with pytest.raises(ImplausibleData, match="fraction from 0 to 1"):
        command("fit", "impact", "--test", str(write(tmp_path / "percent.csv", percent)))
    with pytest.raises(GapInData, match="quotes of MKR for USDC"):
        command("fit", "impact", "--test", str(write(tmp_path / "mkr.csv", offers({"MKR": 5e3}))))
    with pytest.raises(InputError, match="no quotes for USDC"):
        command("fit", "impact", "--test", str(write(tmp_path / "dai.csv", offers({"WETH": 5e3}, bought="DAI"))))


def test_no_quotes_and_several_are_told(tmp_path):
    with pytest.raises(InputError, match="there are: none"):
        command("fit", "impact")
    for source in ("a", "b"):
        run(write(tmp_path / f"{source}.csv", offers({"WETH": 9e3})), kind="quotes", source=source)
    with pytest.raises(InputError, match="quotes/a, quotes/b"):
        command("fit", "impact")


@pytest.mark.skipif(
    not MARKET.is_dir(), reason="real files are not part of the project; expected in ../shared/data/market"
)
def test_real_quotes_are_met_within_ten_basis_points():
    run(MARKET / "oneinch_quotes_2023-11-20.parquet", kind="quotes", source="oneinch")
    found = command("fit", "impact")["tokens"]
    assert {token: found[token]["isotonic"] <= 10 for token in ("WETH", "wstETH", "WBTC")} == dict.fromkeys(
        ("WETH", "wstETH", "WBTC"), True
    )
    assert all(min(row, key=row.get) == "isotonic" for row in found.values() if row["isotonic"] > 2)
