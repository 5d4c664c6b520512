"""A snapshot that is held stands for the logs and the code that made it, or gives way."""

from __future__ import annotations

import pytest

from forecasting.collect import collect, snapshot
from forecasting.models import Snapshot
from governance.errors import GapInData
from tests import market

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(world, chain_client):
    deployment = market.watch(world, chain_client)
    collect(deployment, client=chain_client)
    return snapshot(deployment)


def change(taken: Snapshot, **values: object) -> None:
    Snapshot.objects.filter(pk=taken.pk).update(**values)


def test_the_same_logs_and_code_are_one_snapshot(taken):
    assert snapshot(taken.deployment) == taken


@pytest.mark.parametrize("name", ["coverage_digest", "decoder"])
def test_other_logs_or_other_code_make_the_book_anew(taken, name):
    change(taken, **{name: "another"}, dataset_hash="0xfa15e")
    taken.accounts.update(debt_base=1)
    again = snapshot(taken.deployment)
    assert again.pk != taken.pk
    assert (again.dataset_hash, getattr(again, name)) == (taken.dataset_hash, getattr(taken, name))
    assert again.accounts.exclude(debt_base__lte=1).exists()
    assert Snapshot.objects.count() == 1


@pytest.mark.parametrize("name", ["coverage_digest", "decoder"])
def test_what_is_cited_stays_and_must_be_what_the_logs_say(taken, name):
    change(taken, **{name: "another"}, pinned=True)
    assert snapshot(taken.deployment) == taken
    change(taken, dataset_hash="0xfa15e")
    with pytest.raises(GapInData, match=r"0xfa15e of Local market at block \d+ is cited"):
        snapshot(taken.deployment)
    assert Snapshot.objects.get().dataset_hash == "0xfa15e"
