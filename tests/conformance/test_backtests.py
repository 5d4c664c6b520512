"""Every kind of backtest keeps what the protocol promises; a new file is tested by being there."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from forecasting.backtests.base import Kind, kind, kinds

OWN = sorted(slug for slug in kinds() if slug != "stand-in")
COMMON = {"json", "threads", "limit", "timeout", "list", "show", "cancel", "kind"}


def test_kinds_are_found_by_looking() -> None:
    assert "volatility" in OWN


@pytest.mark.parametrize("slug", OWN)
class TestKind:
    def test_it_has_a_name_and_says_what_it_is(self, slug) -> None:
        found: Kind = kind(slug)
        assert found.slug == slug
        assert slug.isascii()
        assert len(slug) <= 32
        assert found.help.endswith(".")

    def test_each_option_has_a_help_and_a_name_of_its_own(self, slug) -> None:
        parser = ArgumentParser()
        kind(slug).add_arguments(parser)
        own = [action for action in parser._actions if action.dest != "help"]
        assert [action.dest for action in own if not action.help] == []
        assert {action.dest for action in own} & COMMON == set()

    def test_instances_hold_no_state(self, slug) -> None:
        assert vars(kind(slug)) == {}
