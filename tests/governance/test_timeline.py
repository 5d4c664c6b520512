"""A proposal's life as the page draws it."""

from __future__ import annotations

import pytest

from governance.models import Deployment, OnchainProposal, ProposalEvent
from governance.timeline import moments

OPENS, CLOSES = 1_000, 2_000


def life(state: str, *kinds: str, now: int, eta: int | None = None) -> list[tuple[str, str]]:
    made = {"state": state, "vote_start": OPENS, "vote_end": CLOSES, "read_timestamp": now, "eta": eta}
    proposal = OnchainProposal(deployment=Deployment(), **made)
    events = [ProposalEvent(kind=kind, block_number=n, timestamp=500 + n, tx_hash="0x") for n, kind in enumerate(kinds)]
    return [(moment.label, moment.phase) for moment in moments(proposal, events)]


def phases(state: str, *kinds: str, now: int, eta: int | None = None) -> list[str]:
    return [phase for _, phase in life(state, *kinds, now=now, eta=eta)]


def test_before_the_vote_everything_else_is_ahead():
    assert phases("pending", "created", now=900) == ["done", "ahead", "ahead", "ahead", "ahead"]


def test_during_the_vote_its_end_is_what_is_going_on():
    assert phases("active", "created", now=1_500) == ["done", "done", "now", "ahead", "ahead"]


def test_a_passed_proposal_waits_for_the_queue():
    assert phases("succeeded", "created", now=2_100) == ["done", "done", "done", "now", "ahead"]


def test_a_queued_proposal_names_the_moment_from_which_it_is_legal():
    assert life("queued", "created", "queued", now=2_200, eta=3_000)[3:] == [
        ("Queued in the timelock", "done"),
        ("Executable", "ahead"),
        ("Executed", "now"),
    ]


def test_an_executed_proposal_is_all_done():
    assert set(phases("executed", "created", "queued", "executed", now=9_000, eta=3_000)) == {"done"}


def test_a_late_quorum_shows():
    assert ("Voting extended: the quorum came late", "done") in life("active", "created", "extended", now=1_500)


@pytest.mark.parametrize(
    ("state", "word"), [("defeated", "Defeated"), ("canceled", "Canceled"), ("expired", "Expired")]
)
def test_an_ending_says_why_and_nothing_follows(state, word):
    label, phase = life(state, "created", *(["canceled"] if state == "canceled" else []), now=9_000)[-1]
    assert (label.startswith(word), phase) == (True, "failed")


def test_a_clock_of_blocks_is_compared_with_blocks():
    counted = Deployment(facts={"clock": "blocknumber"})
    made = {"vote_start": OPENS, "vote_end": CLOSES, "read_block": 1_500, "read_timestamp": 1_700_000_000}
    told = list(moments(OnchainProposal(deployment=counted, state="defeated", **made), []))
    assert [(moment.phase, moment.block, moment.timestamp) for moment in told[1:3]] == [
        ("done", OPENS, 0),
        ("ahead", CLOSES, 0),
    ]
