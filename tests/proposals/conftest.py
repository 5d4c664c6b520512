"""Fixtures of this floor. Models are imported late: pytest loads this file before Django is ready."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.fixture
def market(db):
    """A small market in the database, without a chain."""
    return import_module("tests.proposals.markets").small_market()


@pytest.fixture
def models(market, monkeypatch):
    """Two registered model versions, which pose a small problem over the market's book."""
    return import_module("tests.proposals.markets").pose_small_problems(market, monkeypatch)


@pytest.fixture
def active_policy(db):
    """The default policy."""
    return import_module("proposals.policy").ensure()


@pytest.fixture
def changed(market):
    """Let the LTV have been changed an hour ago."""
    import_module("tests.proposals.markets").change_ltv(market)
