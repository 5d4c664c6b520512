"""What no log tells: read from the contracts at one block, kept beside the logs, and pinned to the block's hash.

A protocol says by `Protocol.pinned` what its books need (prices that are only ever asked for, the rate of an interest
rate model). It is read once for each block, so that a book is rebuilt later without the node, and to the same digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from forecasting.books import ledger_at
from forecasting.models import Reading
from governance.chain import multicall, store
from governance.chain.client import default_client, place
from governance.chain.logs import block_hash
from governance.deployments import protocol_of
from governance.errors import CallReverted, ChainError, StaleData
from governance.models import Block

if TYPE_CHECKING:
    from governance.chain.client import Client
    from governance.domain.action import Call
    from governance.models import Deployment
    from governance.protocols.base import Check, Protocol

BATCH = 1_000  # calls in one request, of which a multicall contract takes some hundred at once
MULTICALL = "multicall"  # role of a deployment that has a contract with ``aggregate3`` of its own


def at_block(
    deployment: Deployment, checks: Sequence[Check], *, block: int, block_id: str, client: Client | None
) -> dict[str, int]:
    """Return field -> number for each of ``checks`` at ``block``; asked only for what is not kept yet.

    Raises
    ------
    StaleData
        When the node does not hold that block, or no longer its state.
    """
    if not checks:
        return {}
    held = Reading.objects.filter(deployment=deployment, block_number=block, block_hash=block_id).first()
    words: dict[str, str] = {} if held is None else dict(held.words)
    missing = [check for check in checks if check.field not in words]
    if missing:
        node = default_client() if client is None else client
        try:
            answers = read_pinned(
                node, [check.call for check in missing], block=block, block_id=block_id, deployment=deployment
            )
        except ChainError as error:
            if error.retryable:
                raise
            message = f"{deployment.name} cannot be read at block {block}: {error.message}"
            raise StaleData(message, block=block, fields=[check.field for check in missing]) from error
        words |= {check.field: str(check.read(answers[check.call])) for check in missing}
        Reading.objects.update_or_create(
            deployment=deployment, block_number=block, block_hash=block_id, defaults={"words": words}
        )
    return {check.field: int(words[check.field]) for check in checks}


def forget_lies(deployment: Deployment, *, block: int, client: Client | None) -> bool:
    """Read what was read for a book again, and delete what a node now says otherwise; return whether it did.

    Asked is another node than the one that answered last, where there is one. What no node can be asked any more stays.
    """
    protocol = protocol_of(deployment)
    rows = Reading.objects.filter(deployment=deployment, block_number__lte=block)
    if not protocol.anchored_topics:  # else the book depends on earlier blocks' readings as well
        rows = rows.filter(block_number=block)
    if not rows:
        return False
    ledger = ledger_at(deployment, block=block)
    checks = {check.field: check for check in protocol.pinned(ledger)}
    asked = default_client() if client is None else client
    node = asked.without(asked.host) or asked
    return sum(_forget(row, checks, client=node) for row in rows) > 0


def _forget(row: Reading, checks: Mapping[str, Check], *, client: Client) -> bool:
    """Delete a reading when the node says otherwise."""
    asked = [checks[field] for field in row.words if field in checks]
    calls = [check.call for check in asked]
    try:
        answers = read_pinned(client, calls, block=row.block_number, block_id=row.block_hash, deployment=row.deployment)
    except (ChainError, StaleData):
        return False
    if all(str(check.read(answers[check.call])) == row.words[check.field] for check in asked):
        return False
    row.delete()
    return True


def require_block(client: Client, *, block: int, block_id: str) -> None:
    """Make sure that the node still holds the block of that hash.

    Raises
    ------
    StaleData
        When it holds another one, or none.
    """
    if block_hash(client, block) != block_id:
        message = f"The node does not hold block {block} of the snapshot any more; collect and snapshot again."
        raise StaleData(message, block=block, block_hash=block_id)


def read_pinned(
    client: Client, calls: Sequence[Call], *, block: int, block_id: str, deployment: Deployment
) -> Mapping[Call, bytes]:
    """Return each call's answer at exactly the block of hash ``block_id``, whichever of several nodes gives it.

    Nodes that do not take a hash (EIP-1898) are asked by number, and for the block's hash before and after.

    Raises
    ------
    StaleData
        When the node does not hold that block.
    ChainError
        When it cannot answer for it.
    """
    require_block(client, block=block, block_id=block_id)
    try:
        return read_calls(client, calls, block=block_id, deployment=deployment)
    except ChainError as error:
        if error.retryable or isinstance(error, CallReverted):
            raise
    found = read_calls(client, calls, block=block, deployment=deployment)
    require_block(client, block=block, block_id=block_id)
    return found


def read_calls(
    client: Client, calls: Sequence[Call], *, block: int | str, deployment: Deployment
) -> Mapping[Call, bytes]:
    """Return each call's answer at ``block`` (number or hash): many in one over a multicall contract, or in batches."""
    wanted = list(dict.fromkeys(calls))
    address = deployment.addresses.get(MULTICALL, multicall.CANONICAL)
    there = len(wanted) > 1 and client.call("eth_getCode", [address, place(block)]) != "0x"
    found: dict[Call, bytes] = {}
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        if there:
            answers = multicall.aggregate(client, part, address=address, block=block)
        else:
            answers = client.eth_calls(part, block=block)
        found.update(zip(part, answers, strict=True))
    return found


def anchored(deployment: Deployment, protocol: Protocol, *, block: int, client: Client | None) -> Any:  # noqa: ANN401
    """Return the ledger at ``block`` rebuilt with `Protocol.anchors` read at every block that needs them.

    That many reads are made once; they are kept like all others. The node must hold the state of those blocks.

    Raises
    ------
    StaleData
        When it does not.
    """
    checks = protocol.anchors()
    ledger: Any = protocol.ledger()  # one that takes anchors
    logs = store.read_logs(deployment, first=deployment.first_block, last=block, topics=protocol.book_topics)
    for number, group in groupby(logs, key=lambda log: log.block_number):
        told = list(group)
        if any(log.topic0 in protocol.anchored_topics for log in told):
            block_id = _held_hash(deployment, number)
            ledger.anchor(at_block(deployment, checks, block=number, block_id=block_id, client=client))
        for log in told:
            for said in protocol.decode(log):
                for event in protocol.expand(ledger, said):
                    ledger.apply(event, log.timestamp)
    return ledger


def _held_hash(deployment: Deployment, number: int) -> str:
    return f"0x{bytes(Block.objects.get(chain=deployment.chain_id, number=number).hash).hex()}"
