"""The real files: all of them come in, and what is odd about each is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecasting.imports import catalogue, history
from forecasting.imports.health import health, worst
from tests.forecasting.imports.files import command, run

MARKET = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not MARKET.is_dir(), reason="real files are not part of the project; expected in ../shared/data/market"
    ),
]

POSITIONS = {
    "positions_aave_v2_steth_2023-06.csv": 1_309,
    "positions_aave_v3_wsteth_2023-06.csv": 502,
    "positions_aave_v2_multi_asset_2023-06.csv": 63,
    "positions_aave_v3_multi_asset_2023-06.csv": 13,
}


@pytest.mark.parametrize(
    ("name", "kind", "added", "codes"),
    [
        ("candles_30m_ETH.parquet", "prices", 83_715, {"zero", "gaps"}),
        ("candles_30m_SOL.parquet", "prices", 83_715, {"zero", "gaps"}),
        ("eth_5m_2024-08-crash.parquet", "prices", 4_032, set()),
        ("prices_1h.parquet", "prices", 392_757, {"zero", "gaps", "spliced", "leap", "repeated", "wick"}),
        ("coingecko_hourly_2021-2023.parquet", "prices", 217_642, {"jitter", "gaps", "leap"}),
        ("perps_daily_oi_funding_liq_2022-2023.parquet", "prices", 7_030, {"leap"}),
        ("eth_1m_binancefut_liquidations_2021-01.parquet", "liquidations", 86_346, {"zero"}),
        ("aave_v1_liquidations.parquet", "liquidations", 4_684, {"zero", "missing", "seize-ratio", "dust"}),
        ("aave_v2_liquidations.parquet", "liquidations", 7_688, {"missing", "seize-ratio"}),
        ("hyperliquid_early_liquidations_2023.csv", "liquidations", 62, set()),
        ("oneinch_quotes_2023-11-20.parquet", "quotes", 13_453, set()),
        ("aave_v2_health_factor_paths_10users.parquet", "positions", 1_318, set()),
        ("aave_v2_user_daily_balances_long.parquet", "positions", 41_494, {"negative-balance"}),
    ],
)
def test_a_clean_file_comes_in_and_its_oddities_are_written_down(name, kind, added, codes):
    asset = (
        "ETH" if kind == "prices" and name.startswith(("candles_30m_ETH", "eth")) else "SOL" if "SOL" in name else ""
    )
    file = run(MARKET / name, kind=kind, source="real", asset=asset).file
    assert file.added == added
    assert {flag["code"] for flag in file.flags} == codes
    assert catalogue.verify(file.dataset) == file.result.hash


def test_the_positions_give_the_published_health_factors():
    for name, accounts in POSITIONS.items():
        file = run(MARKET / name, kind="positions", source=name.rpartition(".")[0]).file
        rows = health(file.dataset)
        assert len(rows) == accounts
        assert all(row.error is not None for row in rows)
        assert worst(rows).error < 1e-9
    shown = command("health")
    assert (shown["accounts"], shown["compared"]) == (1_887, 1_887)
    assert shown["max_abs_error"] < 1e-9


def test_five_assets_make_one_panel():
    assets = ("BTC", "ETH", "SOL", "BNB", "XRP")
    for asset in assets:
        run(MARKET / f"candles_30m_{asset}.parquet", source="binance", asset=asset)
    found = history.hourly(source="binance", assets=assets)
    assert found.grid.prices.shape[1] == 5
    assert found.panel.ends.size > 1_740
    assert history.load(found.dataset).dataset == found.dataset
