"""Reads of proposals, votes and the executor."""

from __future__ import annotations

import pytest

from governance import selectors
from governance.models import OnchainProposal
from governance.relay import pause
from governance.selectors import Tally
from tests.dao import VOTES


@pytest.mark.parametrize(
    ("for_votes", "against", "abstain", "quorum", "reached", "passing"),
    [
        (10, 0, 0, 10, True, True),
        (9, 0, 0, 10, False, False),
        (6, 5, 4, 10, True, True),  # abstaining counts towards the quorum
        (6, 9, 0, 10, False, False),  # votes against do not
        (10, 10, 0, 10, True, False),  # a tie is lost
        (10, 0, 0, None, False, False),  # not readable yet
    ],
)
def test_a_tally_follows_simple_counting(for_votes, against, abstain, quorum, reached, passing):
    tally = Tally(for_votes=for_votes, against_votes=against, abstain_votes=abstain, quorum=quorum, voters=3)
    assert (tally.quorum_reached, tally.passing) == (reached, passing)
    assert tally.total == for_votes + against + abstain


def test_an_executor_that_never_acted_is_empty_and_running(db):
    state = selectors.executor()
    assert (state.paused, state.address, state.done, state.expectations_total) == (False, "", 0, 0)


def test_a_relayed_proposal_can_be_read_with_everything_about_it(
    dao, watched, signer, relayed, django_assert_num_queries
):
    dao.refresh(watched)
    assert [row.slug for row in selectors.governors()] == ["dao"]
    found = selectors.proposal(relayed)
    assert found.state == "executed"
    assert [vote.weight for vote in selectors.votes(found)] == sorted(
        (vote.weight for vote in found.votes.all()), reverse=True
    )
    assert sum(int(vote.weight) for vote in selectors.votes(found)) == VOTES
    assert [event.kind for event in selectors.events(found)] == ["created", "queued", "executed"]
    assert [attempt.step.step for attempt in selectors.attempts(found)] == ["queue", "execute"]
    assert [row.ok for row in selectors.verifications(found)] == [True, True]
    state = selectors.executor()
    assert (state.done, state.expectations_verified, state.address) == (2, 2, signer.address)
    assert list(selectors.open_steps()) == []
    with django_assert_num_queries(3):
        assert [(step.step, len(step.attempts.all())) for step in selectors.steps()] == [("queue", 1), ("execute", 1)]
    with django_assert_num_queries(2):
        assert [len(row.steps.all()) for row in selectors.proposals()] == [2]
    assert selectors.audit_entries()[0].action == "relay.verified"


def test_a_pause_shows_its_reason(db):
    pause(actor="steward", reason="an incident")
    state = selectors.executor()
    assert (state.paused, state.pause_reason) == (True, "an incident")


def test_an_unknown_proposal_is_an_error(db):
    with pytest.raises(OnchainProposal.DoesNotExist):
        selectors.proposal(7)
