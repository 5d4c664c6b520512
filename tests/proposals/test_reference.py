"""The reference pages say everything that the code knows, and an old one is noticed."""

from __future__ import annotations

import pytest

from forecasting.backtests.base import kinds
from governance.errors import InputError
from governance.protocols.base import flavours, plugin
from proposals import reference
from proposals.checks import all_checks
from proposals.core.policy import Objective, Rule, Safety, Search
from proposals.guardrails import all_guardrails
from proposals.management.commands.docs import Command
from tests.fixtures import backtest


def page(name: str) -> str:
    return "\n".join(reference.PAGES[name]())


def test_the_pages_in_the_repository_are_up_to_date(monkeypatch):
    monkeypatch.delitem(kinds(), backtest.NAME, raising=False)  # other tests make a kind of their own known
    assert reference.outdated() == []


@pytest.mark.parametrize("kind", [Rule, Safety, Objective, Search])
def test_every_field_of_a_policy_is_documented_with_its_meaning(kind):
    documented = {
        name.strip(" `") for names, meaning in reference.attributes(kind) if meaning for name in names.split(",")
    }
    assert documented == set(kind.__struct_fields__)


def test_every_rule_and_every_parameter_is_documented():
    rules, parameters = page("rules"), page("parameters")
    assert [rule.code for rule in (*all_guardrails(), *all_checks()) if f"`{rule.code}`" not in rules] == []
    names = [spec.name for flavour in flavours() for spec in plugin(flavour).parameters]
    assert len(names) >= 5
    assert [name for name in names if f"`{name}`" not in parameters] == []


def test_every_page_of_the_web_interface_has_a_meaning():
    rows = [line for line in page("endpoints").splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    assert [row for row in rows if row.split("|")[2].strip() == ""] == []


def test_a_page_that_is_out_of_date_is_refused_and_rewritten(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    monkeypatch.setattr("proposals.management.commands.docs.ROOT", tmp_path)
    assert len(reference.write()) == len(reference.PAGES)
    (tmp_path / "errors.md").write_text("old", encoding="utf-8")
    assert reference.outdated() == [tmp_path / "errors.md"]
    with pytest.raises(InputError, match=r"errors\.md; run `make docs`"):
        Command().handle(check=True)
    assert reference.write() == [tmp_path / "errors.md"]
    assert reference.outdated() == []
