"""The pages of forecasts, models and datasets: what came is laid over what was said, and states are told in words."""

from __future__ import annotations

import pgtrigger
import pytest
from django.utils import timezone

from forecasting import selectors
from forecasting.models import (
    Alarm,
    BacktestRun,
    Decision,
    Forecast,
    ImportedDataset,
    ImportedPrice,
    ModelVersion,
    Price,
)
from forecasting.panels import cards, datasets, forecasts
from tests.e2e.sample.backtests import finished
from tests.e2e.sample.base import DAY, HEAD_TIME
from tests.e2e.sample.contest import LINE
from tests.e2e.sample.imports import HOLE
from tests.forecasting.pages import rows, words


def test_an_altered_backtest_is_not_shown(client, sample):
    assert "binance: BTC, ETH, SOL, BNB, XRP" in words(client, "/league/")
    with pgtrigger.ignore():
        BacktestRun.objects.filter(status="done").update(result={"horizons": {}, "assets": ["BTC"]})
    for path in ("/league/", "/tails/"):
        said = words(client, path)
        assert "This backtest is not shown" in said
        assert "was altered after it ended" in said


def test_what_came_is_laid_over_an_earlier_forecast(client, sample):
    made = HEAD_TIME - 5 * DAY
    found = rows(client, f"/forecasts/?made={made}&csv=fan")
    came = [row["Came"] for row in found]
    assert len(came) == 29
    assert all(came[:21])  # five days in steps of six hours, and the price when it was made
    assert not any(came[21:])  # still to come
    point = Price.objects.filter(reserve=sample.reserve, timestamp__lte=made + DAY).latest("timestamp")
    assert float(came[4]) == pytest.approx(int(point.price) / 10**8)
    assert "Of 20 prices since" in words(client, f"/forecasts/?made={made}")


def test_the_newest_forecast_has_nothing_over_it(client, sample):
    assert not any(row["Came"] for row in rows(client, "/forecasts/?csv=fan")[1:])
    assert "prices since" not in words(client, "/forecasts/")


@pytest.mark.parametrize("made", ["nonsense", "1", "99999999999999999999"])
def test_a_moment_without_forecast_shows_the_newest(client, sample, made):
    assert rows(client, f"/forecasts/?made={made}&csv=fan") == rows(client, "/forecasts/?csv=fan")


def test_realised_days_after_the_forecast_stand_beside_what_was_expected(sample):
    old = Forecast.objects.filter(kind="volatility", made_at=HEAD_TIME - 5 * DAY, reserve=sample.reserve).get()
    table = forecasts.volatility(old, sample.reserve).table
    both = [row for row in table.rows if row[1] is not None and row[2] is not None]
    assert [row[0] for row in reversed(both)] == [old.made_at + day * DAY for day in range(1, 6)]


def test_a_price_is_known_from_its_time_on_and_not_beyond_the_last():
    points = [selectors.PricePoint(timestamp=at, price=at * 10**8) for at in (100, 200)]
    assert [forecasts.known(points, at=at) for at in (99, 100, 199, 200, 201)] == [None, 100.0, 100.0, 200.0, None]
    assert forecasts.known([], at=1) is None


def test_stale_prices_are_said_on_every_page_that_depends_on_them(client, sample):
    assert "No forecast is published" not in words(client, "/reserves/")
    assert "Above 6 hours nothing would be published" in words(client, "/forecasts/")
    Price.objects.filter(timestamp__gt=HEAD_TIME - 3 * DAY).delete()
    for path in ("/", "/reserves/", "/forecasts/", "/recommendations/", "/league/"):
        assert "No forecast is published: The newest price" in words(client, path), path
    assert "No forecast is published" not in words(client, "/policy/")
    assert "nothing would be published" not in words(client, "/forecasts/")


@pytest.mark.parametrize("kind", Alarm.STOPPING[1:])
def test_a_standing_alarm_is_said_until_it_is_over(client, sample, kind):
    alarm = Alarm.objects.create(line=sample.market.slug, kind=kind, detail="WETH jumped by 900 %.")
    assert "WETH jumped by 900 %." in words(client, "/recommendations/")
    Alarm.objects.filter(pk=alarm.pk).update(resolved_at=timezone.now())
    assert "WETH jumped by 900 %." not in words(client, "/recommendations/")


def test_the_state_of_a_version_follows_from_the_last_decision(sample):
    champion, baseline = sample.contender, ModelVersion.objects.get(line=LINE, name="log_har")
    told = {pk: badge.text for pk, badge in cards.states([champion, baseline, sample.volatility]).items()}
    assert told == {champion.pk: "In use", baseline.pk: "Replaced", sample.volatility.pk: "In use"}
    decide(baseline, Decision.Kind.DEMOTED)
    assert states(champion, baseline) == ["Replaced", "In use"]
    decide(champion, Decision.Kind.WAITING)
    assert states(champion, baseline) == ["Waits for a steward", "In use"]
    decide(champion, Decision.Kind.REFUSED)
    assert states(champion, baseline) == ["Refused by the gate", "In use"]


def test_a_version_that_nobody_decided_about_is_a_challenger(sample):
    fresh = ModelVersion.objects.get(pk=sample.contender.pk)
    fresh.pk, fresh.artifact_hash = None, "0x1"
    fresh.save(force_insert=True)
    assert states(fresh) == ["Challenger"]


def decide(version: ModelVersion, kind: str) -> None:
    Decision.objects.create(line=LINE, version=version, kind=kind, reason="Because.", actor="gate", moment=HEAD_TIME)


def states(*versions: ModelVersion) -> list[str]:
    found = cards.states(versions)
    return [found[version.pk].text for version in versions]


def test_a_card_tells_horizons_from_near_to_far_and_its_record(client, sample):
    path = f"/models/{sample.contender.pk}/"
    told = rows(client, f"{path}?csv=against")
    assert list(dict.fromkeys(row["Ahead"] for row in told)) == ["1 day", "7 days", "30 days"]
    assert {row["Ahead"]: row["Verdict"] for row in told} == {
        "1 day": "Better",
        "7 days": "No better shown",
        "30 days": "No better shown",
    }
    record = {row["Asset"]: row for row in rows(client, f"{path}?csv=record")}
    assert {asset: row["Forecasts"] for asset, row in record.items()} == {"BTC": "40", "ETH": "40"}
    assert {row["Horizon, hours"] for row in rows(client, f"{path}?csv=outcomes")} == {"24"}
    text = words(client, path)
    assert "weights fixed before any of the days" in text
    assert f"manage.py reproduce {sample.contender.pk}" in text
    assert "It lost 14 % less." in text


def test_what_models_in_use_say_is_the_newest_and_no_other(client, sample):
    told = rows(client, "/forecasts/?csv=spoken")
    assert {(row["Asset"], row["Model"], row["Of"]) for row in told} == {
        (asset, "Champion", LINE) for asset in ("BTC", "ETH")
    }
    assert {row["Made"] for row in told} == {str(HEAD_TIME)}


def test_models_and_backtests_are_listed_with_what_went_wrong(client, sample):
    found = {row["№"]: row for row in rows(client, "/models/?csv=backtests")}
    assert found[str(sample.backtest.pk)]["State"] == "Done"
    assert {row["Says"] for row in found.values()} == {"done", "The worker was killed three times."}
    page = client.get("/models/").content.decode()
    assert f'href="/league/?run={sample.backtest.pk}"' in page
    assert page.count("/league/?run=") == 2  # number and kind of the finished one; the failed one leads nowhere
    assert f'href="/models/{sample.contender.pk}/"' in page


@pytest.mark.parametrize("run", ["x", "0", "99999999999999", "-1", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_backtest_that_is_not_there_is_not_another_one(client, sample, run):
    assert client.get("/league/", {"run": run}).status_code == 404
    assert client.get("/tails/", {"run": run}).status_code == 404


def test_a_backtest_that_failed_has_no_page(client, sample):
    failed = selectors.backtests().get(kind="volatility", status="failed")
    assert client.get("/league/", {"run": failed.pk}).status_code == 404


def test_holes_of_imported_prices_are_counted_and_left_open(sample):
    dataset = ImportedDataset.objects.get()
    (held,) = selectors.holdings(dataset)
    total = ImportedPrice.objects.count() + len(HOLE)
    assert (held.missing, held.complete) == (len(HOLE), pytest.approx(1 - len(HOLE) / total))
    chart = datasets.closes(dataset, held)
    assert [point[1] for point in chart.series[0].data].count(None) == 1
    assert None not in [row[1] for row in chart.table.rows]


def test_single_prices_have_no_grid_that_could_have_holes():
    held = selectors.Holding(asset="ETH", quote="USD", span=0, rows=3, first=0, last=10**9)
    assert (held.missing, held.complete) == (None, None)


def test_the_close_at_midnight_belongs_to_the_day_that_ends(sample):
    dataset = ImportedDataset.objects.get()
    (held,) = selectors.holdings(dataset)
    stamps = [at for at, _ in selectors.daily_closes(dataset, held)]
    assert {at % DAY for at in stamps} == {0}
    assert len(stamps) == len(set(stamps))


def test_a_dataset_says_what_is_odd_in_words(client, sample):
    assert "bars are missing before 3 rows" in words(client, "/datasets/prices/binance/")
    assert rows(client, "/datasets/?csv=datasets")[0]["Dataset"] == "binance"


def test_a_backtest_of_weeks_alone_says_nothing_of_tails(client, sample):
    run = sample.backtest
    result = {key: value for key, value in run.result.items() if key not in {"var99", "var975_es", "series", "pit"}}
    result["horizons"] = {"7d": result["horizons"]["7d"]}
    same = {name: getattr(run, name) for name in ("kind", "dataset", "request", "code_version", "lock_hash", "limit")}
    run = finished(result, key="0x7", **same)
    assert "No tails in this backtest" in words(client, f"/tails/?run={run.pk}")
    assert "7 days ahead" in words(client, f"/league/?run={run.pk}")
    assert rows(client, f"/league/?run={run.pk}&csv=league")[0]["Days"] == str(result["days"])
