"""Freezing and reading again."""

from __future__ import annotations

import pytest
from django.db.utils import ProgrammingError

from forecasting import datasets, selectors, training
from forecasting.models import AccountState, Dataset, Derivation, Price, TrainingRun
from governance.domain import lattice
from governance.errors import DataError, GapInData, ImplausibleData, StaleData
from governance.models import Block, Coverage
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


def test_only_final_blocks_are_trained_on() -> None:
    snapshot = rows.market(days=30)
    rows.derive(snapshot, final=snapshot.block_number - 1)
    with pytest.raises(DataError, match=r"not final yet \(block 719 is\)") as caught:
        datasets.freeze(snapshot)
    assert caught.value.facts == {"block": 720, "final": 719}
    with pytest.raises(DataError, match="not final yet"):
        training.request(snapshot.deployment, snapshot)
    assert selectors.final_snapshot(snapshot.deployment) is None
    assert selectors.latest_snapshot(snapshot.deployment) == snapshot
    assert not Dataset.objects.exists()
    rows.derive(snapshot)
    assert selectors.final_snapshot(snapshot.deployment) == snapshot
    assert datasets.freeze(snapshot).dataset.block_number == 720


def test_a_block_that_was_reorganised_away_is_not_trained_on() -> None:
    snapshot = rows.market(days=30)
    Block.objects.filter(number=snapshot.block_number).update(hash=b"\7" * 32)
    with pytest.raises(StaleData, match="reorganised away"):
        datasets.freeze(snapshot)
    assert selectors.final_snapshot(snapshot.deployment) is None


def test_a_gap_below_blocks_training_and_is_named() -> None:
    snapshot = rows.market(days=30)
    Coverage.objects.update(last=400)
    Coverage.objects.create(
        stream=snapshot.deployment.streams.get(),
        **dict.fromkeys(("first_parent", "last_hash"), snapshot.block_hash),
        first=500,
        last=720,
        n_logs=0,
        content=lattice.EMPTY,
        provider="test",
        proof="linked",
    )
    for verb in (datasets.freeze, lambda taken: training.request(taken.deployment, taken)):
        with pytest.raises(GapInData, match=r"complete up to block 400\. Blocks 401 to 499 are missing"):
            verb(snapshot)
    assert not TrainingRun.objects.exists()


def test_history_that_was_not_derived_yet_is_not_trained_on() -> None:
    snapshot = rows.market(days=30)
    Derivation.objects.update(block_number=700)
    with pytest.raises(GapInData, match="derived up to block 700, not to block 720"):
        datasets.freeze(snapshot)


def test_a_snapshot_that_is_trained_on_is_kept_and_its_logs_are_named() -> None:
    snapshot = rows.market(days=30)
    dataset = datasets.freeze(snapshot).dataset
    snapshot.refresh_from_db()
    assert snapshot.pinned
    assert dataset.coverage_digest == snapshot.coverage_digest
    run = training.request(snapshot.deployment, snapshot)
    assert run.request["coverage_digest"] == snapshot.coverage_digest
    assert run.request["block"] == snapshot.block_number


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
