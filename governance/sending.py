"""Transactions of the executor: signed and stored first, broadcast second, settled by what the chain says.

The rules that make a crash harmless at any point:

1. The signed bytes are committed to the database before any node sees them. A process that dies in between, or after
   the broadcast, finds them again and broadcasts the *same* bytes, which a chain can include once only.
2. All transactions of one nonce are kept. Whichever is mined settles the nonce and makes the others impossible.
3. A receipt counts when its block is part of the chain, as deep as is asked for; success and failure alike.

The database is not believed about what was signed. A stored transaction counts only while its bytes carry the
executor's signature and say what the row says, and a dearer one is built from the approved bundle, never from bytes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from django.db import transaction

from governance import audit
from governance.bundles import approved_call
from governance.chain import eth
from governance.chain.signer import Transaction, recover
from governance.domain.lifecycle import UNSETTLED, AttemptStatus, StepStatus
from governance.errors import ChainError, ChainUnavailable, ConflictError, ExcessiveGas, ImplausibleData, WrongChain
from governance.models import RelayAttempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.chain.client import Client, Header, Receipt
    from governance.chain.signer import Signer
    from governance.domain.action import Call
    from governance.models import RelayStep

GWEI = 10**9
FEE_CAP = 500 * GWEI  # wei for a unit of gas; above it the executor waits
TIP_CAP = 50 * GWEI  # the highest tip that a node's suggestion is followed to; replacements stop at twice as much
GAS_CAP = 3_000_000  # gas of one step; a node that asks for more is refused
PATIENCE_BLOCKS = 10  # after so many blocks without being mined a transaction is replaced by a dearer one
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where transactions are written: whose they are, on which chain, and how deep a receipt must lie.

    Attributes
    ----------
    client : Client
        The chain.
    signer : Signer
        The executor's key.
    chain_id : int
        The chain that is signed for.
    confirmations : int
        Blocks on top of a block after which it is taken as final.
    """

    client: Client
    signer: Signer
    chain_id: int
    confirmations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What is offered, in wei for a unit of gas."""

    max_fee: int
    priority_fee: int

    def raised(self) -> Fees:
        """Return fees an eighth higher, which every node takes as a replacement."""
        return Fees(max_fee=self.max_fee * 9 // 8 + 1, priority_fee=self.priority_fee * 9 // 8 + 1)


def subject(step: RelayStep) -> str:
    """Return how the audit log names ``step``."""
    return f"{step.step} {step.proposal.proposal_id}"


def fees(*, client: Client, head: Header) -> Fees:
    """Return fees that are enough for the next blocks even if the base fee doubles; the tip is capped."""
    priority = min(max(1, eth.priority_fee(client)), TIP_CAP)
    return Fees(max_fee=2 * head.base_fee + priority, priority_fee=priority)


def estimate(call: Call, *, desk: Desk) -> int:
    """Simulate ``call`` as the executor, now, and return the gas to send it with.

    Raises
    ------
    CallReverted
        When the contract refuses it.
    ExcessiveGas
        When it would take more than `GAS_CAP`.
    """
    gas = eth.estimate_gas(desk.client, call, sender=desk.signer.address)
    if gas > GAS_CAP:
        raise ExcessiveGas(f"The node asks for {gas} gas, above the cap of {GAS_CAP}; nothing was signed.", gas=gas)
    return gas * 5 // 4


def missing_funds(*, gas: int, offer: Fees, desk: Desk) -> int:
    """Return how many wei the executor lacks to send; 0 when it has enough."""
    return max(0, gas * offer.max_fee - eth.balance(desk.client, desk.signer.address))


def prepare(step: RelayStep, call: Call, *, gas: int, offer: Fees, head: Header, desk: Desk) -> RelayAttempt:
    """Sign ``call`` with the next free nonce and commit it, together with the step's move to ``sent``."""
    with transaction.atomic(durable=True):
        step.status = StepStatus.SENT.value
        step.detail = ""
        step.save(update_fields=["status", "detail"])
        return _store(step, call, nonce=_next_nonce(desk), gas=gas, offer=offer, head=head, desk=desk)


def broadcast(attempt: RelayAttempt, *, client: Client) -> None:
    """Hand a stored transaction to a node, once more if need be.

    A refusal is noted, not raised: "already known" and "nonce too low" mean that the chain knows better, and
    `settle` asks it.

    Raises
    ------
    ChainUnavailable
        When no node answers; the next run broadcasts it again.
    """
    try:
        client.send_raw(_raw(attempt))
    except (ChainUnavailable, WrongChain):
        raise
    except ChainError as error:
        if attempt.status == AttemptStatus.PREPARED:
            attempt.step.detail = f"the node refused the transaction: {error.message}"
            attempt.step.save(update_fields=["detail"])
    else:
        _mark(attempt, AttemptStatus.SENT)


def await_receipt(attempt: RelayAttempt, *, client: Client, seconds: float) -> None:
    """Wait until ``attempt`` is mined, at the most for ``seconds``."""
    deadline = time.monotonic() + seconds
    while client.receipt(attempt.tx_hash) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def settle(*, head: Header, desk: Desk, may_send: bool) -> None:
    """Ask the chain about every transaction that is under way; broadcast again what it does not know.

    Parameters
    ----------
    head : Header
        The chain's head.
    desk : Desk
        Whose transactions.
    may_send : bool
        False while the executor is paused: then nothing leaves it.
    """
    for nonce, group in groupby(_under_way(desk), key=lambda attempt: attempt.nonce):
        attempts = list(group)
        if _settle_nonce(nonce, attempts, head=head, desk=desk) or not may_send:
            continue
        newest = attempts[-1]
        try:
            call = approved_call(newest.step)
        except (ConflictError, ImplausibleData):
            continue  # the approval is no longer what it was: the relay names that, and nothing is sent again
        if head.number - newest.prepared_block >= PATIENCE_BLOCKS:
            newest = _replacement(newest, call, head=head, desk=desk)
        broadcast(newest, client=desk.client)


def _under_way(desk: Desk) -> list[RelayAttempt]:
    """Return the executor's unsettled transactions by nonce; rows that it did not write are closed and audited."""
    stored = RelayAttempt.objects.filter(chain_id=desk.chain_id, sender=desk.signer.address, status__in=UNSETTLED)
    attempts = stored.select_related("step__proposal__deployment", "step__proposal__bundle").order_by("nonce", "pk")
    ours = []
    for attempt in attempts:
        if _is_ours(attempt, desk=desk):
            ours.append(attempt)
        else:
            _disown(attempt)
    return ours


def _is_ours(attempt: RelayAttempt, *, desk: Desk) -> bool:
    """Return whether the stored bytes carry our signature and are what the row says that they are."""
    try:
        found = recover(_raw(attempt))
    except (ImplausibleData, ValueError):
        return False
    said = (attempt.sender, attempt.tx_hash, attempt.nonce, attempt.chain_id)
    return found.signer == desk.signer.address and said == (
        found.signer,
        found.tx_hash,
        found.transaction.nonce,
        found.transaction.chain_id,
    )


def _disown(attempt: RelayAttempt) -> None:
    facts: dict[str, audit.Fact] = {"tx_hash": attempt.tx_hash, "nonce": attempt.nonce}
    with transaction.atomic():
        _mark(attempt, AttemptStatus.REPLACED)
        audit.record(actor="executor", action="relay.forged", subject=subject(attempt.step), facts=facts)


def _raw(attempt: RelayAttempt) -> bytes:
    return bytes.fromhex(attempt.raw_transaction.removeprefix("0x"))


def _settle_nonce(nonce: int, attempts: list[RelayAttempt], *, head: Header, desk: Desk) -> bool:
    """Return whether there is nothing left to broadcast for ``nonce``."""
    used = _count(desk) > nonce  # asked before the receipts: then a used nonce without a receipt was not ours
    mined = [(attempt, receipt) for attempt in attempts if (receipt := desk.client.receipt(attempt.tx_hash))]
    if mined:
        attempt, receipt = mined[0]
        if _is_final(receipt, head=head, desk=desk):
            _close(attempt, receipt, others=[other for other in attempts if other is not attempt])
        return True
    if used:
        with transaction.atomic():
            for attempt in attempts:
                _mark(attempt, AttemptStatus.REPLACED)
            _reopen(attempts[0].step, "another transaction of the executor's address used its nonce")
    return used


def _is_final(receipt: Receipt, *, head: Header, desk: Desk) -> bool:
    if head.number - receipt.block_number < desk.confirmations:
        return False
    return desk.client.header(receipt.block_number).hash == receipt.block_hash


def _close(attempt: RelayAttempt, receipt: Receipt, *, others: Iterable[RelayAttempt]) -> None:
    with transaction.atomic():
        attempt.block_number = receipt.block_number
        attempt.gas_used = receipt.gas_used
        _mark(attempt, AttemptStatus.MINED if receipt.ok else AttemptStatus.REVERTED)
        for other in others:
            _mark(other, AttemptStatus.REPLACED)
        if not receipt.ok:
            _reopen(attempt.step, f"transaction {attempt.tx_hash} reverted")
            facts: dict[str, audit.Fact] = {"tx_hash": attempt.tx_hash, "block": receipt.block_number}
            audit.record(actor=attempt.sender, action="relay.reverted", subject=subject(attempt.step), facts=facts)


def _reopen(step: RelayStep, detail: str) -> None:
    step.refresh_from_db()
    if step.status == StepStatus.SENT:
        step.status = StepStatus.READY.value
        step.detail = detail
        step.save(update_fields=["status", "detail"])


def _replacement(attempt: RelayAttempt, call: Call, *, head: Header, desk: Desk) -> RelayAttempt:
    """Return a dearer transaction of the same nonce for ``call``, or the old one where a cap is reached.

    Gas and fees are read from the bytes that we signed: those columns of the row can be changed by others.
    """
    signed = recover(_raw(attempt)).transaction
    raised = Fees(max_fee=signed.max_fee, priority_fee=signed.priority_fee).raised()
    now = fees(client=desk.client, head=head)
    offer = Fees(max_fee=max(raised.max_fee, now.max_fee), priority_fee=max(raised.priority_fee, now.priority_fee))
    if offer.max_fee > FEE_CAP or offer.priority_fee > 2 * TIP_CAP:
        return attempt
    with transaction.atomic(durable=True):
        return _store(attempt.step, call, nonce=signed.nonce, gas=signed.gas, offer=offer, head=head, desk=desk)


def _store(step: RelayStep, call: Call, *, nonce: int, gas: int, offer: Fees, head: Header, desk: Desk) -> RelayAttempt:
    signed = desk.signer.sign(
        Transaction(
            chain_id=desk.chain_id,
            nonce=nonce,
            target=call.target,
            data=call.data,
            gas=gas,
            max_fee=offer.max_fee,
            priority_fee=offer.priority_fee,
        )
    )
    facts: dict[str, audit.Fact] = {"tx_hash": signed.tx_hash, "nonce": nonce, "max_fee": str(offer.max_fee)}
    audit.record(actor=desk.signer.address, action="relay.signed", subject=subject(step), facts=facts)
    return RelayAttempt.objects.create(
        step=step,
        chain_id=desk.chain_id,
        sender=desk.signer.address,
        nonce=nonce,
        raw_transaction=f"0x{signed.raw.hex()}",
        tx_hash=signed.tx_hash,
        gas=gas,
        max_fee=offer.max_fee,
        priority_fee=offer.priority_fee,
        prepared_block=head.number,
    )


def _next_nonce(desk: Desk) -> int:
    """Return the first nonce that neither the chain nor a transaction under way has used."""
    return max(_count(desk), *(attempt.nonce + 1 for attempt in _under_way(desk)), 0)


def _count(desk: Desk) -> int:
    return eth.transaction_count(desk.client, desk.signer.address)


def _mark(attempt: RelayAttempt, status: AttemptStatus) -> None:
    attempt.status = status.value
    attempt.save(update_fields=["status", "block_number", "gas_used"])
