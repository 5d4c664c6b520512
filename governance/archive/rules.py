"""The states that a proposal and a payload of Aave Governance v3 can be in, from what is known of them, at a moment.

Expired is never an event: both contracts derive it when they are read. Times may be known only within bounds; then
more than one state can be true, and all of them are returned.

References
----------
aave-governance-v3, ``GovernanceCore`` (a proposal expires 30 days after its creation: strictly later; a created one
already when its vote would end too late) and ``PayloadsControllerCore`` (a created payload expires 35 days after its
creation, a queued one its delay and 7 days after it was queued: in that very second).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from governance.archive.clock import Span
from governance.domain.lifecycle import AaveState, PayloadState

DAY = 86_400
PROPOSAL_LIFE = 30 * DAY
PAYLOAD_LIFE = 35 * DAY
GRACE = 7 * DAY
DELAYS: Span = (0, 10 * DAY)  # every delay that a controller accepts

# Of each state the event that leads to it; the others are derived from the time.
PROPOSAL_PROOF = {
    AaveState.CREATED: "ProposalCreated",
    AaveState.ACTIVE: "VotingActivated",
    AaveState.QUEUED: "ProposalQueued",
    AaveState.EXECUTED: "ProposalExecuted",
    AaveState.FAILED: "ProposalFailed",
    AaveState.CANCELLED: "ProposalCanceled",
}
PAYLOAD_PROOF = {
    PayloadState.CREATED: "PayloadCreated",
    PayloadState.QUEUED: "PayloadQueued",
    PayloadState.EXECUTED: "PayloadExecuted",
    PayloadState.CANCELLED: "PayloadCancelled",
}


def proposal_states(events: AbstractSet[str], *, created: Span, duration: Span, now: int) -> frozenset[AaveState]:
    """Return the states that a proposal with ``events`` can be in at ``now``, if no event of it is missing.

    Parameters
    ----------
    events : set of str
        Names of its events.
    created : Span
        When it was created.
    duration : Span
        Seconds that its vote would last.
    now : int
        Unix seconds; 0: not known.
    """
    for state in (AaveState.CANCELLED, AaveState.FAILED, AaveState.EXECUTED):
        if PROPOSAL_PROOF[state] in events:
            return frozenset({state})
    if "PayloadSent" in events:  # in the same transaction as the execution
        return frozenset({AaveState.EXECUTED})
    state = AaveState.CREATED
    for later in (AaveState.ACTIVE, AaveState.QUEUED):
        state = later if PROPOSAL_PROOF[later] in events else state
    ahead = duration if state is AaveState.CREATED else (0, 0)
    ends = (created[0] + PROPOSAL_LIFE - ahead[1] + 1, created[1] + PROPOSAL_LIFE - ahead[0] + 1)
    return frozenset(_at(now, ends, before=state, after=AaveState.EXPIRED))


def payload_states(
    events: AbstractSet[str], *, created: Span, queued: Span, delay: Span, now: int, grace: int = GRACE
) -> frozenset[PayloadState]:
    """Return the states that a payload with ``events`` can be in at ``now``, if no event of it is missing."""
    for state in (PayloadState.CANCELLED, PayloadState.EXECUTED):
        if PAYLOAD_PROOF[state] in events:
            return frozenset({state})
    if PAYLOAD_PROOF[PayloadState.QUEUED] in events:
        ends = (queued[0] + delay[0] + grace, queued[1] + delay[1] + grace)
        return frozenset(_at(now, ends, before=PayloadState.QUEUED, after=PayloadState.EXPIRED))
    ends = (created[0] + PAYLOAD_LIFE, created[1] + PAYLOAD_LIFE)
    return frozenset(_at(now, ends, before=PayloadState.CREATED, after=PayloadState.EXPIRED))


def _at[State](now: int, ends: Span, *, before: State, after: State) -> set[State]:
    """Return what holds at ``now`` when ``after`` begins in a second within ``ends``; at 0 nobody knows the time."""
    if not now:
        return {before, after}
    return ({before} if now < ends[1] else set()) | ({after} if now >= ends[0] else set())
