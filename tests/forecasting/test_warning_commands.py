"""Early warning over imported files: what is read, the backtest as a job, and the warning of an hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from forecasting import hourly_features
from forecasting.backtests import bench, running, sharing
from forecasting.backtests.cascade import FORECASTERS, KIND, protocol, targets
from forecasting.core.realised import HOUR
from forecasting.models import BacktestRun, Dataset
from governance.errors import GapInData, InputError, StaleData, TooShort
from tests.forecasting.imports.files import candles, command, liquidations, run, write
from tests.forecasting.liquidated_world import ALLOWED, land, market

pytestmark = pytest.mark.django_db

WINDOW = "2021-08-20..2021-09-30"


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    bench.forget()


@pytest.fixture
def imported(tmp_path: Path) -> None:
    """Import a made-up market: hourly bars of two assets in one file, and liquidations of two protocols."""
    land(tmp_path)


@pytest.fixture
def little(tmp_path: Path) -> None:
    """Import a few rows, enough to be found by name."""
    run(write(tmp_path / "bars.csv", candles(60, minutes=60, asset="ETH")), source="hourly", allow=ALLOWED)
    run(write(tmp_path / "struck.csv", liquidations()), kind="liquidations", source="one", allow=ALLOWED)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command carry its run out itself."""

    def carried(run: BacktestRun, **_) -> BacktestRun:
        while run.status in BacktestRun.OPEN:
            sharing.carry_out(run.pk)
            run.refresh_from_db()
        assert run.status == "done", run.error
        return run

    monkeypatch.setattr(running.app, "send_task", lambda name, **options: None)
    monkeypatch.setattr(running, "wait", carried)


@pytest.mark.usefixtures("imported")
def test_hours_are_what_the_files_say():
    hours = market()
    found = hourly_features.read(KIND.request({}))
    assert found.hours.assets == ("ETH", "BTC")
    at = int(np.searchsorted(found.hours.ends, hours.ends[0]))
    known = slice(found.hours.first, found.hours.last + 1)
    shift = found.hours.first - at
    size = found.hours.last + 1 - found.hours.first
    assert found.hours.liquidated[known] == pytest.approx(hours.liquidated[shift : shift + size])
    assert found.hours.close[known] == pytest.approx(hours.close[shift : shift + size], rel=1e-12)
    assert found.sources["liquidations"] == [["liquidations/one", 1], ["liquidations/two", 1]]
    assert hourly_features.read(KIND.request({})).dataset == found.dataset
    assert Dataset.objects.filter(kind=hourly_features.KIND).count() == 1


@pytest.mark.usefixtures("imported", "at_once")
def test_the_backtest_says_how_good_each_forecast_was():
    answer = command("backtest", "cascade", "--test", WINDOW, "--horizons", "6")
    found = answer["targets"]["6h_1m"]
    assert set(FORECASTERS) <= set(found)
    assert found["base_rate"] == pytest.approx(found["events"] / found["scored"], abs=1e-5)
    assert found["model"]["pr_auc"] > 1.5 * found["base_rate"]
    assert found["embargo_hours"] == 30
    assert {"shuffled", "next_hour", "passed"} == set(found["leaks"])
    assert answer["content_hash"].startswith("0x")
    assert "6h_1m: at least 1,000,000 USD" in KIND.text(answer)
    again = command("backtest", "cascade", "--test", WINDOW, "--horizons", "6")
    assert (again["id"], again["content_hash"]) == (answer["id"], answer["content_hash"])


@pytest.mark.usefixtures("imported")
def test_units_bring_the_same_whoever_computes_them():
    request = KIND.request({"test": WINDOW, "horizons": "6"})
    inputs = KIND.inputs(request)
    units = KIND.units(request, inputs)
    assert {name for unit in units.values() for name in unit} == set()
    first, second = (
        KIND.compute("6h_1m/model", request=request, inputs=KIND.inputs(request), done={}, tick=lambda: None)
        for _ in range(2)
    )
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)


@pytest.mark.usefixtures("imported")
def test_training_may_end_before_the_test_begins():
    request = KIND.request({"train_until": "2021-08-10", "test": WINDOW})
    hours = KIND.inputs(request).hours
    plan = protocol(targets(request)[0], request, hours)
    day = int(datetime(2021, 8, 11, tzinfo=UTC).timestamp())
    assert plan.frozen is not None
    assert hours.ends[plan.frozen] == day
    assert hours.ends[plan.test[0]] - HOUR == int(datetime(2021, 8, 20, tzinfo=UTC).timestamp())
    follows = protocol(targets(request)[0], KIND.request({"train_until": "2021-08-10"}), hours)
    assert hours.ends[follows.test[0]] == day + HOUR
    assert follows.test[1] == hours.last + 1


@pytest.mark.parametrize(("days", "begin"), [(260, "2021-07-01"), (330, "2021-08-01")])
def test_without_a_window_the_last_third_is_tested_from_the_start_of_a_month(days, begin):
    hours = market(days=days)
    request = {"test": None, "train_until": None, "horizons": [6], "usd": 1e6}
    plan = protocol(targets(request)[0], request, hours)
    first = datetime.fromtimestamp(int(hours.ends[plan.test[0]]) - HOUR, tz=UTC)
    assert (first.date().isoformat(), first.hour) == (begin, 0)
    assert plan.test[1] == hours.last + 1


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"test": "2021-08-01"}, "--test is 2021-08-01; write two days"),
        ({"test": "2021-09-01..2021-08-01"}, "ends before it begins"),
        ({"test": "August..September"}, "--test has August"),
        ({"train_until": "2021-09-01", "test": WINDOW}, "begins before training ends"),
        ({"train_until": "soon"}, "--train-until has soon"),
        ({"horizons": "six"}, "--horizons is six"),
        ({"horizons": "0,6"}, "--horizons is 0,6"),
        ({"usd": 1.0}, "--usd is 1"),
        ({"usd": 0.0}, "--usd is 0; it must be 1,000 to"),
        ({"usd": 1e300}, "--usd is 1e+300; it must be"),
        ({"usd": float("nan")}, "--usd is nan"),
        ({"source": "nobody"}, "There is no imported dataset nobody"),
        ({"liquidations": "nobody"}, "There is no imported dataset nobody"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused(options, said):
    with pytest.raises(InputError) as caught:
        KIND.request(options)
    assert said in str(caught.value)


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("options", [{"test": "2021-02-01..2021-03-01"}, {"test": "2025-01-01..2025-02-01"}])
def test_a_window_without_enough_before_or_in_it_is_refused(options):
    request = KIND.request(options)
    with pytest.raises(TooShort, match="Liquidations are known from 2021"):
        KIND.inputs(request)


@pytest.mark.usefixtures("imported")
def test_an_asset_that_the_source_lacks_is_named():
    with pytest.raises(InputError, match="no prices of DOGE"):
        KIND.inputs(KIND.request({"assets": "ETH,DOGE"}))


def test_nothing_imported_is_told():
    with pytest.raises(InputError, match="No prices of ETH are imported"):
        KIND.request({})


@pytest.mark.usefixtures("imported")
def test_a_warning_names_what_moved_it_and_reads_nothing_later():
    early = command("warn", "--at", "2021-08-20T12:00", "--horizons", "6")
    found = early["warnings"]["6h_1m"]
    assert 0 < found["probability"] < 1
    assert set(found["reasons"]) >= {"reach", "pressure"}
    sizes = [abs(value) for value in found["reasons"].values()]
    assert len(sizes) == len(set(found["reasons"]))
    assert early["at"] == int(datetime(2021, 8, 20, 12, tzinfo=UTC).timestamp())
    read = hourly_features.read(KIND.request({}), until=early["at"])
    assert read.hours.ends[-1] == early["at"]
    assert read.dataset.hash == early["dataset"]


@pytest.mark.usefixtures("imported")
def test_it_abstains_on_stale_data_and_on_too_little():
    with pytest.raises(StaleData, match="newest price of ETH is"):
        command("warn", "--at", "2022-03-01")
    with pytest.raises(StaleData, match=r"ends .* days ago; .* with --at 2021-"):
        command("warn")
    with pytest.raises(GapInData, match="too little to learn"):
        command("warn", "--usd", "9e12", "--at", "2021-08-20T12:00")
    with pytest.raises(InputError, match="--at is noon"):
        command("warn", "--at", "noon")


MARKET = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"


@pytest.mark.skipif(
    not MARKET.is_dir(), reason="real files are not part of the project; expected in ../shared/data/market"
)
def test_real_warnings_beat_every_baseline():
    for version in ("v1", "v2"):
        run(MARKET / f"aave_{version}_liquidations.parquet", kind="liquidations", source=f"aave-{version}")
    run(MARKET / "prices_1h.parquet", source="hourly")
    request = KIND.request({})
    inputs = KIND.inputs(request)
    units = [unit for unit in KIND.units(request, inputs) if not unit.endswith(("/boosted", "/leaks"))]
    done = {unit: KIND.compute(unit, request=request, inputs=inputs, done={}, tick=lambda: None) for unit in units}
    done |= {f"{name}/boosted": done[f"{name}/two_feature"] for name in ("6h_1m", "24h_1m")}
    leaky = {"ahead": np.array([1.0]), "shuffled": np.array([[0.03, 0.03]])}
    done |= {f"{name}/leaks": leaky for name in ("6h_1m", "24h_1m")}
    result = KIND.report(request, inputs, done)
    json.dumps(result, allow_nan=False)
    six, day = (result["targets"][name] for name in ("6h_1m", "24h_1m"))
    assert six["model"]["pr_auc"] >= 2 * six["persistence"]["pr_auc"]
    assert six["model"]["brier_skill"] >= 0.09
    for found in (six, day):
        assert found["model"]["ece"] <= 0.03
        others = [found[name]["pr_auc"] for name in ("structural", "persistence", "recent", "ewma", "two_feature")]
        assert found["model"]["pr_auc"] > max(others)
