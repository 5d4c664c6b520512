"""Prices that no market made are refused or flagged, each by a code of its own."""

from __future__ import annotations

import pytest

from governance.errors import NotPositive, SyntheticSeries
from tests.forecasting.imports.files import run, ticks, walk, write
from tests.forecasting.imports.test_dirty import refused, shift

pytestmark = pytest.mark.django_db


def test_a_price_of_zero_or_less_has_a_code_of_its_own(tmp_path):
    rows = [*ticks(100, asset="NEWCOIN", start=50)]
    rows[17] = shift(rows[17], price=-1)
    found = refused(NotPositive, write(tmp_path / "p.csv", rows))
    assert found.facts["row"] == 18


def test_rounded_prices_are_refused_or_flagged(tmp_path):
    prices = [float(f"{price:.2g}") for price in walk(100, start=5_000, scale=0.2)]
    rows = [shift(row, price=p) for row, p in zip(ticks(100, asset="NEWCOIN", start=50), prices, strict=True)]
    assert "2 digits or fewer" in refused(SyntheticSeries, write(tmp_path / "p.csv", rows)).message
    coarse = [float(f"{price:.3g}") for price in walk(100, start=5_000, scale=0.02)]
    rows = [shift(row, price=p) for row, p in zip(ticks(100, asset="OTHER", start=50), coarse, strict=True)]
    assert "rounded" in {flag["code"] for flag in run(write(tmp_path / "q.csv", rows)).file.flags}
