"""Freezing and reading again."""

from __future__ import annotations

import pytest
from django.db.utils import ProgrammingError

from forecasting import datasets
from forecasting.models import AccountState, Dataset, Price
from governance.errors import GapInData, ImplausibleData, StaleData
from tests.forecasting import rows

pytestmark = pytest.mark.django_db


def test_the_same_rows_are_the_same_dataset() -> None:
    snapshot = rows.market(days=30)
    first = datasets.freeze(snapshot)
    assert datasets.freeze(snapshot).dataset == first.dataset
    assert Dataset.objects.count() == 1
    assert first.dataset.rows == (30 * 24 + 1) * 5
    assert first.symbols == ("WETH", "WBTC", "TIDE", "USDC", "DAI")
    assert (datasets.load(first.dataset).grid.prices == first.grid.prices).all()


def test_later_prices_are_not_part_of_it() -> None:
    snapshot = rows.market(days=30)
    before = datasets.freeze(snapshot)
    for reserve in before.reserves:
        Price.objects.create(reserve=reserve, block_number=10_000, timestamp=snapshot.timestamp + 3600, price=10**8)
    assert datasets.freeze(snapshot).dataset == before.dataset
    assert datasets.load(before.dataset).dataset == before.dataset


def test_rows_that_changed_are_noticed() -> None:
    frozen = datasets.freeze(rows.market(days=30))
    Price.objects.filter(reserve=frozen.reserves[2], block_number=77).update(price=1)
    with pytest.raises(StaleData, match="train again"):
        datasets.load(frozen.dataset)


def test_rows_that_are_gone_are_noticed() -> None:
    frozen = datasets.freeze(rows.market(days=30))
    frozen.reserves[2].delete()
    with pytest.raises(StaleData, match="train again"):
        datasets.load(frozen.dataset)


def test_a_gap_is_refused() -> None:
    snapshot = rows.market(days=30)
    Price.objects.filter(block_number__range=(100, 120)).delete()
    with pytest.raises(GapInData, match="any asset for 22 hours"):
        datasets.freeze(snapshot)
    assert not Dataset.objects.exists()


def test_a_dataset_is_written_once() -> None:
    dataset = datasets.freeze(rows.market(days=30)).dataset
    with pytest.raises(ProgrammingError, match=r"(?i)cannot update"):
        Dataset.objects.filter(pk=dataset.pk).update(rows=1)


def test_the_book_is_checked_against_the_chain() -> None:
    snapshot = rows.market(days=30)
    assert len(datasets.book(snapshot).accounts) == 12
    victim = AccountState.objects.filter(snapshot=snapshot).order_by("account")[3]
    victim.health_factor = int(victim.health_factor) * 2
    victim.save()
    with pytest.raises(ImplausibleData, match=victim.account):
        datasets.book(snapshot)
