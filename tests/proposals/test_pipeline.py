"""The whole loop on the small world: a worker that trains, an executor in its own process, and a second turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from governance.lab.world import World
from governance.models import OnchainProposal, RelayAttempt, Vote
from proposals.local import Site
from proposals.models import Draft
from proposals.pipeline import Advance, Loop, LoopReport
from tests.fixtures.celery import database_url


class Here(Site):
    """The tests' world instead of the embedded services."""

    def __init__(self, world: World) -> None:
        super().__init__(world.spec, fresh=False)
        self._world = world

    def start(self, tell):
        tell("nothing to start")

    def world(self, progress):
        return self._world


class Notes:
    """A teller that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def progress(self, title: str) -> Iterator[Advance]:
        yield lambda *_: None


@pytest.fixture
def loop(world, celery_worker_process, monkeypatch):
    """Return a function that goes once around and returns the report and what was told."""
    monkeypatch.setenv("DATABASE_URL", database_url())  # for the executor's process

    def turn() -> tuple[LoopReport, list[str]]:
        notes = Notes()
        return Loop(Here(world), teller=notes).run(), notes.lines

    return turn


@pytest.mark.timeout(400)
def test_once_around_and_a_second_turn_that_only_verifies(loop):
    first, told = loop()

    assert first.sound
    assert first.accounts_compared > 40
    assert first.liquidations > 0
    assert Draft.objects.get().status == Draft.Status.SCORED
    assert [line[:2] for line in told if line.startswith("\n")] == [f"\n{number}" for number in range(1, 9)]
    sent, votes = RelayAttempt.objects.count(), Vote.objects.count()
    assert sent == 2  # one to queue, one to execute

    second, _ = loop()
    assert second.sound
    assert second.evidence_hash == first.evidence_hash
    assert second.executions == 1
    assert OnchainProposal.objects.count() == 1
    assert (RelayAttempt.objects.count(), Vote.objects.count()) == (sent, votes)


def test_a_report_is_sound_only_when_everything_holds():
    whole = LoopReport(
        accounts_compared=3,
        tally_equal=True,
        expectations_verified=2,
        expectations_total=2,
        executions=1,
        outcome_scored=True,
    )
    assert whole.sound
    for flaw in (
        {"accounts_compared": 0},
        {"health_mismatches": 1},
        {"tally_equal": False},
        {"expectations_verified": 1},
        {"expectations_total": 0, "expectations_verified": 0},
        {"executions": 2},
        {"outcome_scored": False},
    ):
        assert not replace(whole, **flaw).sound, flaw
