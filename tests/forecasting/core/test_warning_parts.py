"""The parts of early warning: the ladder, the regression, the events and the scores, each against what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from forecasting.core.volatility.trees import plain, restored
from forecasting.core.warning import boosted, logistic, scores
from forecasting.core.warning.events import MAIN, THRESHOLDS, Episode, Target, episodes, outcomes
from forecasting.core.warning.features import COLUMNS, Hours, tables
from forecasting.core.warning.ladder import _beyond, faded, ladder
from governance.errors import GapInData
from tests.forecasting.liquidated_world import market


def path(*parts: tuple[float, float, int]) -> np.ndarray:
    """Return a price that goes from one value to another within so many hours, part by part."""
    return np.concatenate([np.geomspace(a, b, n) for a, b, n in parts])


def test_the_tail_is_students():
    x = np.linspace(0, 12, 50)
    assert [_beyond(float(v)) for v in x] == pytest.approx(student.sf(x, 4), abs=1e-12)


def test_weights_halve():
    values = np.zeros(50)
    values[10] = 1.0
    found = faded(values, half_life=5.0)
    assert found[:10].max() == 0
    assert found[20] / found[10] == pytest.approx(0.25 * (1 - 0.5 ** (11 / 5)) / (1 - 0.5 ** (21 / 5)))


def test_a_fall_hits_much_the_first_time_and_little_the_second():
    price = path((1000, 1000, 2000), (1000, 800, 48), (800, 1000, 48), (1000, 800, 48))
    found = ladder(price, price, horizons=(6,))
    first, second = found.cleared[2000:2048].sum(), found.cleared[2096:].sum()
    assert first > 10 * second > 0


def test_below_the_last_low_the_ladder_is_full_and_above_it_thin():
    price = path((1000, 1000, 2000), (1000, 800, 48), (800, 900, 24))
    found = ladder(price, price, horizons=(6,))
    assert found.near[-1, 0] < found.near[1999, 0] / 2  # within 2 %, where the fall has been
    assert found.near[2047, 2] > found.near[1999, 2]  # within 10 %, at the low


def test_wilder_hours_and_longer_horizons_reach_further():
    draw = np.random.default_rng(1)
    calm, wild = (1000 * np.exp(np.cumsum(draw.normal(scale=s, size=1500) * 0.2)) for s in (0.01, 0.05))
    quiet, loud = (ladder(price, price, horizons=(6, 24)).reach[-300:] for price in (calm, wild))
    assert (quiet[:, 1] > quiet[:, 0]).all()
    assert loud.mean() > 2 * quiet.mean()


def test_an_asset_begins_with_its_first_price_and_may_have_none():
    price = np.full(100, np.nan)
    assert np.isnan(ladder(price, price, horizons=(6,)).reach).all()
    price[40:] = 5.0
    found = ladder(price, price, horizons=(6,))
    assert np.isnan(found.reach[:40]).all()
    assert np.isfinite(found.reach[40:]).all()


def test_no_feature_of_an_hour_knows_a_later_one():
    hours = market(days=60)
    until = 40 * 24
    changed = Hours(
        assets=hours.assets,
        ends=hours.ends,
        close=np.where(np.arange(hours.ends.size)[:, None] < until, hours.close, hours.close[::-1] * 0.3),
        low=np.where(np.arange(hours.ends.size)[:, None] < until, hours.low, hours.low[::-1] * 0.3),
        high=np.where(np.arange(hours.ends.size)[:, None] < until, hours.high, hours.high[::-1] * 0.3),
        liquidated=np.where(np.arange(hours.ends.size) < until, hours.liquidated, 7e7),
    )
    before, after = (tables(found, horizons=(6,))[6].values for found in (hours, changed))
    assert np.array_equal(before[:until], after[:until], equal_nan=True)
    assert not np.array_equal(before[until:], after[until:], equal_nan=True)


def test_features_abstain_where_a_price_is_old_or_liquidations_unknown():
    hours = market(days=40)
    close = hours.close.copy()
    close[600:610, 0] = np.nan
    liquidated = hours.liquidated.copy()
    liquidated[:100] = np.nan
    found = tables(
        Hours(
            assets=hours.assets,
            ends=hours.ends,
            close=close,
            low=np.where(np.isnan(close), np.nan, hours.low),
            high=np.where(np.isnan(close), np.nan, hours.high),
            liquidated=liquidated,
        ),
        horizons=(6,),
    )[6].columns(*COLUMNS)
    known = np.isfinite(found).all(axis=1)
    assert not known[: 100 + 168].any()
    assert known[600:603].all()  # the last price stands in for a while
    assert not known[603:610].any()
    assert known[610:].all()


def test_without_a_price_of_the_first_asset_there_are_no_features():
    hours = market(days=20)
    with pytest.raises(GapInData, match="no price of ETH"):
        tables(
            Hours(
                assets=hours.assets,
                ends=hours.ends,
                close=np.full_like(hours.close, np.nan),
                low=hours.low,
                high=hours.high,
                liquidated=hours.liquidated,
            ),
            horizons=(6,),
        )


def sample(n: int = 3000, seed: int = 1):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 3))
    odds = x @ np.array([1.0, -0.5, 0.0])
    came = (draw.logistic(size=(n, 1)) < odds[:, None] + np.array([-1.0, -3.0])).astype(float)
    return x, came


def test_one_threshold_is_the_regression_of_a_library():
    x, came = sample()
    ours = logistic.fit(x, came[:, :1], penalty=5.0)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = LogisticRegression(C=1 / 5.0, tol=1e-10, max_iter=1000).fit(np.clip(z, -4, 4), came[:, 0])
    assert ours.slopes == pytest.approx(theirs.coef_[0], abs=2e-4)
    assert ours.intercepts[0] == pytest.approx(theirs.intercept_[0], abs=2e-4)


def test_thresholds_share_slopes_and_rare_ones_gain_by_it():
    x, came = sample()
    found = logistic.fit(x, came, penalty=1.0)
    assert found.slopes == pytest.approx([1.0, -0.5, 0.0], abs=0.12)
    assert found.intercepts == pytest.approx([-1.0, -3.0], abs=0.25)
    assert found.logits(x[:5], threshold=0) - found.logits(x[:5], threshold=1) == pytest.approx(
        [found.intercepts[0] - found.intercepts[1]] * 5
    )
    assert found.parts(x).sum(axis=1) + found.intercepts[0] == pytest.approx(found.logits(x, threshold=0))


def test_a_larger_penalty_shrinks():
    x, came = sample()
    loose, tight = (logistic.fit(x, came, penalty=p) for p in (1.0, 1e5))
    assert np.abs(tight.slopes).max() < 0.1 * np.abs(loose.slopes).max()


def test_calibration_learns_what_was_too_sure_and_caution_holds_it_back():
    draw = np.random.default_rng(2)
    logits = draw.normal(size=4000) * 2
    came = (draw.logistic(size=4000) < 0.5 * logits - 1).astype(float)
    found = logistic.calibrate(logits, came, penalty=1e-9)
    assert (found.shift, found.slope) == (pytest.approx(-1, abs=0.15), pytest.approx(0.5, abs=0.06))
    cautious = logistic.calibrate(logits, came, penalty=1e9)
    assert (cautious.shift, cautious.slope) == (pytest.approx(0, abs=1e-3), pytest.approx(1, abs=1e-3))


def test_outcomes_are_sums_of_the_hours_after():
    usd = np.array([np.nan, 0, 5, 0, 0, 7, 0, np.nan])
    found = outcomes(usd, Target(hours=2, usd=7))[:, MAIN]
    assert np.array_equal(found, [0, 0, 0, 1, 1, np.nan, np.nan, np.nan], equal_nan=True)
    every = outcomes(usd, Target(hours=2, usd=30))
    assert every.shape == (8, len(THRESHOLDS))
    assert every[1].tolist() == [1, 1, 0, 0, 0]  # 5 USD within two hours, of 1, 3, 10, 30 and 90


@pytest.mark.parametrize(
    ("hours", "usd", "name"),
    [(6, 1e6, "6h_1m"), (24, 5e6, "24h_5m"), (1, 2.5e5, "1h_250k"), (6, 1.5e6, "6h_1p5m"), (6, 2e9, "6h_2b")],
)
def test_targets_have_short_names(hours, usd, name):
    assert Target(hours=hours, usd=usd).name == name


def test_episodes_are_runs_and_near_ones_are_one():
    happened = np.zeros(100)
    happened[[10, 11, 12, 15, 40, 41]] = 1
    happened[50] = np.nan
    assert episodes(happened, hours=6) == (
        Episode(first=10, last=15, crossed=16),
        Episode(first=40, last=41, crossed=46),
    )
    assert episodes(np.zeros(5), hours=6) == ()


def test_the_area_is_that_of_a_library_also_with_ties():
    draw = np.random.default_rng(3)
    came = (draw.uniform(size=500) < 0.1).astype(float)
    for score in (draw.normal(size=500) + came, np.round(draw.normal(size=500) + came), np.zeros(500)):
        assert scores.average_precision(came, score) == pytest.approx(average_precision_score(came, score))
    assert np.isnan(scores.average_precision(np.zeros(5), np.arange(5.0)))


def test_skill_is_none_for_the_base_rate_and_full_for_the_truth():
    came = np.array([0.0, 1.0, 0.0, 0.0])
    assert scores.brier_skill(came, np.full(4, 0.25)) == pytest.approx(0)
    assert scores.brier_skill(came, came) == 1


def test_honest_probabilities_are_reliable_and_exaggerated_ones_are_not():
    draw = np.random.default_rng(4)
    chance = draw.uniform(0.02, 0.6, size=20_000)
    came = (draw.uniform(size=20_000) < chance).astype(float)
    sure = np.clip(chance * 1.5, 0, 1)
    for measure in (scores.calibration_error, scores.calibration_error_by_rank):
        assert measure(came, chance) < 0.015
        assert measure(came, sure) > 0.1
    assert scores.slope(came, chance) == pytest.approx(1, abs=0.06)
    held = 1 / (1 + (1 / chance - 1) ** 2)  # twice the log odds
    assert scores.slope(came, held) == pytest.approx(0.5, abs=0.03)


def test_a_warning_counts_before_the_amount_is_reached():
    happened = np.zeros(200)
    happened[50:60] = 1
    happened[150:156] = 1
    found = episodes(happened, hours=6)
    score = np.zeros(200)
    score[[52, 53]] = 2  # in time: the amount is reached at 56
    score[[157, 10]] = 1  # late, and for nothing
    score[np.arange(180, 186)] = 0.5
    worth = scores.warned(score, happened, found)
    assert worth.recall == 0.5
    assert worth.leads == (4,)
    assert worth.precision == pytest.approx(2 / 10)


def test_intervals_hold_the_figure_and_say_which_is_better():
    draw = np.random.default_rng(5)
    came = np.repeat((draw.uniform(size=100) < 0.2).astype(float), 10)
    good, bad = came * 0.5 + draw.uniform(size=1000) * 0.4, draw.uniform(size=1000)
    rows = scores.resamples(1000, episodes(came, hours=3), seed=1, draws=100)
    assert all(row.max() < 1000 for row in rows)
    found = scores.intervals(came, {"model": good, "other": bad}, {"model": good, "other": bad}, rows, "model")
    low, high = found["model"]["pr_auc"]
    assert low <= scores.average_precision(came, good) <= high
    assert found["other"]["pr_auc_gain"][0] > 0
    assert found["model"]["pr_auc_gain"] == [0, 0]


def test_trees_as_plain_data_say_what_the_library_says():
    draw = np.random.default_rng(5)
    x = draw.normal(size=(4_000, len(COLUMNS)))
    came = (draw.uniform(size=4_000) < 1 / (1 + np.exp(2 - 2 * x[:, 0]))).astype(float)
    model = boosted.grow(x, came, hours=6, seed=1)
    grown = plain(model)
    assert np.array_equal(grown.raw(x), model.decision_function(x))
    assert np.array_equal(restored(grown.parameters).raw(x), grown.raw(x))
    assert np.array_equal(boosted.fit(x, came, hours=6, seed=1)(x), np.round(grown.raw(x), boosted.DIGITS))
