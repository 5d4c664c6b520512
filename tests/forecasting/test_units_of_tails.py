"""Value at risk is registered as a log return, and told as a share of the price wherever a person reads it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from forecasting.management.commands import forecast
from forecasting.models import Forecast, ModelVersion
from forecasting.panels import cards

BODY = {"assets": {"LUNA": {"volatility": 2.0, "var99_long": 0.7, "var99_short": 0.5, "es975_long": 1.2}}}


def test_the_command_says_how_far_the_price_falls_or_rises():
    said = forecast._variance_text(SimpleNamespace(horizon_hours=24, body=BODY))
    assert "99 % value at risk: falls 50.3 %, rises 64.9 % of the price" in said
    assert "log returns" in forecast.Command.help


def test_the_page_says_the_same():
    row = Forecast(model_version=ModelVersion(name="log_har", line="desk:LUNA"), horizon_hours=24, made_at=0, body=BODY)
    table = cards.spoken([row])
    told = {column.label: column.value(table.rows[0]) for column in table.columns}
    assert told["VaR 99 %, holders"] == pytest.approx(0.5034, abs=1e-4)
    assert told["VaR 99 %, sellers"] == pytest.approx(0.6487, abs=1e-4)
    assert told["Shortfall 97.5 %, holders"] == pytest.approx(0.6988, abs=1e-4)
    assert told["Data"] == cards.STALE
    assert "shares of the price" in table.unit_note
