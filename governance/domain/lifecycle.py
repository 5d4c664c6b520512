"""The state machines of proposals, relay steps and transactions, one table each.

The tables are the only place that says which move is legal: the database enforces them through triggers (see
`governance.models`), the executor asks them, and the pages draw them.

A governor changes state by the mere passing of time and without an event, so a mirror of it may sleep through
some states. `Machine.leaps` therefore holds every pair that a *mirror* may see, `Machine.steps` those that the
thing itself takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProposalState(StrEnum):
    """States of a proposal, in the order of OpenZeppelin's ``IGovernor.ProposalState`` (Governor Bravo's as well)."""

    PENDING = "pending"
    ACTIVE = "active"
    CANCELED = "canceled"
    DEFEATED = "defeated"
    SUCCEEDED = "succeeded"
    QUEUED = "queued"
    EXPIRED = "expired"
    EXECUTED = "executed"


class AaveState(IntEnum):
    """States of a proposal of Aave Governance v3, as ``IGovernanceCore.State`` numbers them."""

    NULL = 0
    CREATED = 1
    ACTIVE = 2
    QUEUED = 3
    EXECUTED = 4
    FAILED = 5
    CANCELLED = 6
    EXPIRED = 7


class PayloadState(IntEnum):
    """States of a payload of Aave Governance v3, as ``IPayloadsControllerCore.PayloadState`` numbers them.

    A proposal that is executed has only *sent* its payloads: each of them waits and is executed on its own chain.
    """

    NONE = 0
    CREATED = 1
    QUEUED = 2
    EXECUTED = 3
    CANCELLED = 4
    EXPIRED = 5


class Step(StrEnum):
    """What the executor does with an approved proposal, in order."""

    QUEUE = "queue"
    EXECUTE = "execute"


class StepStatus(StrEnum):
    """Where a step is.

    ``waiting`` for its time, ``ready`` to be sent, ``sent`` and not yet settled, ``done`` on chain (by whomever),
    ``failed`` because the contract refuses it now, ``void`` because the proposal can never be relayed any more.
    """

    WAITING = "waiting"
    READY = "ready"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    VOID = "void"


class AttemptStatus(StrEnum):
    """Where one signed transaction is.

    ``prepared``: signed and stored, perhaps broadcast; ``sent``: a node took it; ``mined`` and ``reverted``: it is in
    the chain; ``replaced``: another transaction used its nonce, so it can never be mined.
    """

    PREPARED = "prepared"
    SENT = "sent"
    MINED = "mined"
    REVERTED = "reverted"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine: for each state the states that may follow it at once."""

    moves: Mapping[str, tuple[str, ...]]

    @property
    def states(self) -> tuple[str, ...]:
        """All states, in the table's order."""
        return tuple(self.moves)

    @property
    def final(self) -> frozenset[str]:
        """States that nothing follows."""
        return frozenset(state for state, following in self.moves.items() if not following)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Every single move, as ``(before, after)``."""
        return [(before, after) for before, following in self.moves.items() for after in following]

    @property
    def leaps(self) -> list[tuple[str, str]]:
        """Every move that one or more single moves make up, as ``(before, after)``."""
        return [(before, after) for before in self.moves for after in self.states if after in self._later(before)]

    def allows(self, before: str, after: str) -> bool:
        """Return whether ``after`` may follow ``before`` at once; staying is always allowed."""
        return before == after or after in self.moves[before]

    def reaches(self, before: str, after: str) -> bool:
        """Return whether ``after`` can come later than ``before``; staying counts."""
        return before == after or after in self._later(before)

    def _later(self, state: str) -> set[str]:
        found: set[str] = set()
        todo = list(self.moves[state])
        while todo:
            following = todo.pop()
            if following not in found:
                found.add(following)
                todo.extend(self.moves[following])
        return found - {state}


# Governor Bravo's proposer and a guardian may cancel even what is defeated or expired; and Aave's proposals expire in
# whatever state they are 30 days after they were made.
PROPOSAL = Machine(
    {
        ProposalState.PENDING: (ProposalState.ACTIVE, ProposalState.CANCELED, ProposalState.EXPIRED),
        ProposalState.ACTIVE: (
            ProposalState.SUCCEEDED,
            ProposalState.DEFEATED,
            ProposalState.CANCELED,
            ProposalState.EXPIRED,
        ),
        ProposalState.SUCCEEDED: (ProposalState.QUEUED, ProposalState.EXECUTED, ProposalState.CANCELED),
        ProposalState.QUEUED: (ProposalState.EXECUTED, ProposalState.CANCELED, ProposalState.EXPIRED),
        ProposalState.CANCELED: (),
        ProposalState.DEFEATED: (ProposalState.CANCELED,),
        ProposalState.EXPIRED: (ProposalState.CANCELED,),
        ProposalState.EXECUTED: (),
    }
)

AAVE_PROPOSAL = Machine(
    {
        AaveState.NULL.name: (AaveState.CREATED.name,),
        AaveState.CREATED.name: (AaveState.ACTIVE.name, AaveState.CANCELLED.name, AaveState.EXPIRED.name),
        AaveState.ACTIVE.name: (
            AaveState.QUEUED.name,
            AaveState.FAILED.name,
            AaveState.CANCELLED.name,
            AaveState.EXPIRED.name,
        ),
        AaveState.QUEUED.name: (AaveState.EXECUTED.name, AaveState.CANCELLED.name, AaveState.EXPIRED.name),
        AaveState.EXECUTED.name: (),
        AaveState.FAILED.name: (),
        AaveState.CANCELLED.name: (),
        AaveState.EXPIRED.name: (),
    }
)

PAYLOAD = Machine(
    {
        PayloadState.NONE.name: (PayloadState.CREATED.name,),
        PayloadState.CREATED.name: (PayloadState.QUEUED.name, PayloadState.CANCELLED.name, PayloadState.EXPIRED.name),
        PayloadState.QUEUED.name: (PayloadState.EXECUTED.name, PayloadState.CANCELLED.name, PayloadState.EXPIRED.name),
        PayloadState.EXECUTED.name: (),
        PayloadState.CANCELLED.name: (),
        PayloadState.EXPIRED.name: (),
    }
)

RELAY_STEP = Machine(
    {
        StepStatus.WAITING: (StepStatus.READY, StepStatus.DONE, StepStatus.FAILED, StepStatus.VOID),
        StepStatus.READY: (StepStatus.SENT, StepStatus.WAITING, StepStatus.DONE, StepStatus.FAILED, StepStatus.VOID),
        StepStatus.SENT: (StepStatus.READY, StepStatus.DONE, StepStatus.FAILED, StepStatus.VOID),
        StepStatus.FAILED: (StepStatus.READY, StepStatus.DONE, StepStatus.VOID),
        StepStatus.DONE: (),
        StepStatus.VOID: (),
    }
)

ATTEMPT = Machine(
    {
        AttemptStatus.PREPARED: (
            AttemptStatus.SENT,
            AttemptStatus.MINED,
            AttemptStatus.REVERTED,
            AttemptStatus.REPLACED,
        ),
        AttemptStatus.SENT: (AttemptStatus.MINED, AttemptStatus.REVERTED, AttemptStatus.REPLACED),
        AttemptStatus.MINED: (),
        AttemptStatus.REVERTED: (),
        AttemptStatus.REPLACED: (),
    }
)

UNSETTLED = (AttemptStatus.PREPARED, AttemptStatus.SENT)
CLOSED = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED)  # never to be relayed any more
SETTLED = frozenset({*CLOSED, ProposalState.EXECUTED})  # time alone changes nothing any more
