"""Cited snapshots are kept; of the others, fewer the older they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting import pruning
from forecasting.models import AccountState, Snapshot
from forecasting.pruning import DAY, HOUR, kept, pin, prune
from tests.forecasting import rows

NOW = 1_700_000_000
AGES = st.lists(st.integers(0, 400 * DAY), min_size=1, max_size=60, unique=True)


def taken(deployment, age: int, number: int) -> Snapshot:
    made = Snapshot.objects.create(
        deployment=deployment,
        block_number=number,
        block_hash=f"0x{number:064x}",
        timestamp=NOW - age,
        coverage_digest="0x" + "c" * 64,
        dataset_hash=f"0x{number:064x}",
    )
    rows.mine(made)
    AccountState.objects.create(
        snapshot=made,
        account="0x1",
        collateral_base=0,
        debt_base=0,
        ltv=0,
        liquidation_threshold=0,
        health_factor=0,
    )
    return made


def test_the_newest_of_each_hour_day_and_week_is_kept():
    half_hours = [NOW - number * HOUR // 2 for number in range(48 * 365)]
    found = kept(half_hours, now=NOW)
    young = [time for time in found if NOW - time < 2 * DAY]
    middle = [time for time in found if 2 * DAY <= NOW - time < 90 * DAY]
    old = [time for time in found if NOW - time >= 90 * DAY]
    assert 48 <= len(young) <= 49
    assert 88 <= len(middle) <= 90
    assert 39 <= len(old) <= 41
    assert NOW in found


@given(AGES)
def test_pruning_twice_is_pruning_once_and_the_newest_stays(ages):
    times = {NOW - age for age in ages}
    once = kept(times, now=NOW)
    assert kept(once, now=NOW) == once
    assert max(times) in once
    assert once <= times


@given(AGES, st.integers(1, 200 * DAY))
def test_what_is_kept_later_was_kept_before(ages, later):
    times = {NOW - age for age in ages}
    assert kept(kept(times, now=NOW), now=NOW + later) <= kept(times, now=NOW)


@pytest.mark.django_db
def test_old_snapshots_go_with_their_rows_unless_they_are_cited():
    deployment = rows.market(days=3).deployment
    Snapshot.objects.all().delete()
    ages = [number * HOUR // 2 for number in range(20)] + [200 * DAY + number * HOUR for number in range(20)]
    made = [taken(deployment, age, 10_000 - number) for number, age in enumerate(ages)]
    pin(made[1])
    pin(made[25])
    assert prune(deployment) == 40 - Snapshot.objects.count() > 20
    left = set(Snapshot.objects.values_list("pk", flat=True))
    assert {made[0].pk, made[1].pk, made[25].pk} < left
    assert AccountState.objects.count() == len(left)
    assert prune(deployment) == 0


@pytest.mark.django_db
def test_a_snapshot_of_an_orphaned_block_goes_and_a_cited_one_stays():
    deployment = rows.market(days=3).deployment
    kept_one, orphan, cited = (taken(deployment, number * DAY, 9_000 - number) for number in range(3))
    for row in (orphan, cited):
        row.block_hash = "0x" + "d" * 64
        row.save()
    pin(cited)
    prune(deployment)
    assert set(Snapshot.objects.filter(block_number__gt=5_000)) == {kept_one, cited}


@pytest.mark.django_db
def test_nothing_is_pruned_of_nothing():
    deployment = rows.market(days=3).deployment
    Snapshot.objects.all().delete()
    assert prune(deployment) == 0
    assert pruning.PACES[0] == (2 * DAY, HOUR)
