"""The state machines' tables."""

from __future__ import annotations

import pytest

from governance.domain.lifecycle import ATTEMPT, CLOSED, PROPOSAL, RELAY_STEP, UNSETTLED, ProposalState

MACHINES = [PROPOSAL, RELAY_STEP, ATTEMPT]


@pytest.mark.parametrize("machine", MACHINES)
def test_a_table_is_closed_and_every_state_can_end(machine):
    assert all(after in machine.moves for _, after in machine.steps)
    assert all(any(machine.reaches(state, end) for end in machine.final) for state in machine.states)
    assert not any(before in machine.final for before, _ in machine.leaps)


@pytest.mark.parametrize("machine", MACHINES)
def test_leaps_are_the_steps_and_whatever_they_make_up(machine):
    leaps = set(machine.leaps)
    assert set(machine.steps) <= leaps
    for before, between in leaps:
        assert machine.reaches(before, between)
        assert {(before, after) for start, after in leaps if start == between and after != before} <= leaps


def test_the_order_of_proposal_states_is_the_contracts():
    assert [state.value for state in ProposalState] == [
        "pending",
        "active",
        "canceled",
        "defeated",
        "succeeded",
        "queued",
        "expired",
        "executed",
    ]


def test_what_must_never_be_relayed_cannot_become_executed():
    assert all(not PROPOSAL.reaches(state, ProposalState.EXECUTED) for state in CLOSED)
    assert PROPOSAL.reaches(ProposalState.PENDING, ProposalState.EXECUTED)
    assert not PROPOSAL.allows(ProposalState.PENDING, ProposalState.EXECUTED)


def test_a_settled_transaction_stays_so():
    assert set(UNSETTLED) == set(ATTEMPT.states) - ATTEMPT.final
    assert RELAY_STEP.final == {"done", "void"}
