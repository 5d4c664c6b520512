"""The exhibits of the executor's work: its steps, its transactions, and what it read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.domain.lifecycle import AttemptStatus, StepStatus
from governance.exhibits import Badge, Column, Table, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from governance.models import RelayAttempt, RelayStep, Verification

GWEI = 10**9

STEP_STATES: dict[str, Badge] = {
    StepStatus.WAITING: Badge(text="Waiting for its time", tone="info"),
    StepStatus.READY: Badge(text="Ready to be sent", tone="info"),
    StepStatus.SENT: Badge(text="Sent, not settled", tone="info"),
    StepStatus.DONE: Badge(text="Done on chain", tone="good"),
    StepStatus.FAILED: Badge(text="Refused by the contract", tone="bad"),
    StepStatus.VOID: Badge(text="Void"),
}
ATTEMPT_STATES: dict[str, Badge] = {
    AttemptStatus.PREPARED: Badge(text="Signed", tone="info"),
    AttemptStatus.SENT: Badge(text="Broadcast", tone="info"),
    AttemptStatus.MINED: Badge(text="Mined", tone="good"),
    AttemptStatus.REVERTED: Badge(text="Reverted", tone="bad"),
    AttemptStatus.REPLACED: Badge(text="Replaced"),
}
DONE_BY = {"self": "this executor", "stranger": "somebody else", "": None}


def steps(rows: Sequence[RelayStep], *, title: Callable[[RelayStep], str], link: Callable[[RelayStep], str]) -> Table:
    """Return the executor's intents, the newest first."""
    return Table(
        slug="steps",
        caption="What the executor does with approved proposals",
        columns=(
            Column(label="Proposal", value=title, link=link),
            Column(label="Step", value=lambda row: row.get_step_display().capitalize()),
            Column(label="State", value=lambda row: STEP_STATES[row.status], kind="badge"),
            Column(label="Legal from", value=lambda row: row.not_before, kind="time"),
            Column(label="Done by", value=lambda row: DONE_BY[row.done_by]),
            Column(label="Transaction", value=lambda row: row.done_tx or None, kind="hash"),
            Column(label="Note", value=lambda row: row.detail or None),
        ),
        rows=rows,
        empty="No approved proposal is on chain yet.",
    )


def attempts(rows: Sequence[RelayAttempt]) -> Table:
    """Return the transactions that the executor signed, the newest first."""
    return Table(
        slug="attempts",
        caption="Transactions, the newest first",
        columns=(
            Column(label="Transaction", value=lambda row: row.tx_hash, kind="hash"),
            Column(label="For", value=lambda row: row.step.get_step_display().capitalize()),
            Column(label="State", value=lambda row: ATTEMPT_STATES[row.status], kind="badge"),
            Column(label="Nonce", value=lambda row: row.nonce, kind="integer"),
            Column(label="Fee cap, gwei", value=lambda row: int(row.max_fee) / GWEI, kind="number"),
            Column(label="Gas used", value=lambda row: row.gas_used, kind="integer"),
            Column(label="Block", value=lambda row: row.block_number, kind="block"),
        ),
        rows=rows,
        empty="Nothing was signed yet.",
    )


def verifications(rows: Sequence[Verification]) -> Table:
    """Return what was read back after execution."""
    return Table(
        slug="verifications",
        caption="Read back from the chain after execution",
        columns=(
            Column(label="Expectation", value=lambda row: row.label),
            Column(label="Approved", value=lambda row: Value(word=int(row.expected), unit=row.unit), kind="value"),
            Column(label="On chain", value=_actual, kind="value"),
            Column(label="Result", value=lambda row: _holds(ok=row.ok), kind="badge"),
            Column(label="Block", value=lambda row: row.block_number, kind="block"),
        ),
        rows=rows,
        empty="Nothing was executed yet.",
    )


def _actual(row: Verification) -> Value | None:
    return None if row.actual is None else Value(word=int(row.actual), unit=row.unit)


def _holds(*, ok: bool) -> Badge:
    return Badge(text="Holds", tone="good") if ok else Badge(text="Does not hold", tone="bad")
