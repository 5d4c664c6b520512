"""Reorganisations: found by hash, taken back to the block on which the node and the tables agree.

Every two neighbouring blocks that are held are linked, because landing checks both sides of a range. So whatever was
orphaned is the upper end of a run of held blocks, and bisection finds where it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from governance.chain import incidents, store
from governance.env import env
from governance.errors import ChainUnavailable, DeepReorg
from governance.models import Block, Incident

if TYPE_CHECKING:
    from governance.chain.client import Client
    from governance.models import Chain

_BOTTOM = """
SELECT number FROM governance_block AS own
WHERE chain_id = %(chain)s AND number <= %(top)s AND NOT EXISTS (
    SELECT FROM governance_block AS parent WHERE parent.chain_id = %(chain)s AND parent.number = own.number - 1)
ORDER BY number DESC LIMIT 1
"""


def settle(client: Client, chain: Chain, *, at: int | None = None) -> bool:
    """Take back what the node no longer holds; return whether there was something to take back.

    Parameters
    ----------
    client : Client
        Of the chain.
    chain : Chain
        Whose blocks are compared.
    at : int or None
        The held block that is in doubt; None for the newest one.

    Raises
    ------
    ChainUnavailable
        When the node has not come as far as what is held.
    DeepReorg
        When more than REORG_LIMIT blocks would have to be taken back; it stays so until `accept_reorg` is called.
    """
    held = store.held_blocks(chain)
    if held is None:
        return False
    top = held[1] if at is None else at
    client = client.leader(at=top)
    if _agrees(client, chain, top):
        return False
    head = client.head().number
    if head < held[1]:
        message = f"The node is behind: it stands at block {head:,}, and block {held[1]:,} was collected already."
        raise ChainUnavailable(f"{message} Wait until it has caught up, or use another one.", head=head, held=held[1])
    ancestor = _ancestor(client, chain, top)
    _require_shallow(chain, ancestor, highest=held[1])
    store.rewind(chain, ancestor=ancestor)
    return True


def require_settled(chain: Chain) -> None:
    """Refuse a chain on which a reorganisation was found that is too deep to be taken back without a person.

    Raises
    ------
    DeepReorg
        When there is one.
    """
    found = incidents.open_incidents(chain.chain_id).filter(kind=Incident.Kind.DEEP_REORG).first()
    if found is not None:
        raise _alarm(found.first, found.last)


def accept_reorg(chain: Chain) -> int:
    """Let a person's word stand: take back the blocks of the reorganisation that was too deep; return how many.

    The next collection reads them anew, and takes back more if that was not all.
    """
    blocks = 0
    for found in incidents.open_incidents(chain.chain_id).filter(kind=Incident.Kind.DEEP_REORG):
        blocks += Block.objects.filter(chain=chain, number__gte=found.first).count()
        store.rewind(chain, ancestor=found.first - 1)
        incidents.resolve(chain_id=chain.chain_id, kind=found.kind, first=found.first, last=found.last)
    return blocks


def block_hash(client: Client, number: int) -> str:
    """Return the hash of block ``number``; empty when the node does not hold it."""
    found = client.call("eth_getBlockByNumber", [hex(number), False])
    return str(found["hash"]).lower() if isinstance(found, dict) and "hash" in found else ""


def _agrees(client: Client, chain: Chain, number: int) -> bool:
    """Return whether the node has the block that is held."""
    held = Block.objects.filter(chain=chain, number=number).first()
    return held is not None and block_hash(client, number) == f"0x{bytes(held.hash).hex()}"


def _ancestor(client: Client, chain: Chain, bad: int) -> int:
    """Return the newest block below ``bad`` on which both agree, or the last one below the run of held blocks."""
    low = _bottom(chain, bad)
    step = 1
    while (number := max(bad - step, low - 1)) >= low and not _agrees(client, chain, number):
        bad, step = number, step * 2
    good = number
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _agrees(client, chain, middle) else (good, middle)
    return good


def _bottom(chain: Chain, top: int) -> int:
    """Return the first block of the unbroken run of held blocks that ends at or above ``top``."""
    with connection.cursor() as cursor:
        cursor.execute(_BOTTOM, {"chain": chain.chain_id, "top": top})
        found = cursor.fetchone()
    return int(found[0]) if found else top


def _require_shallow(chain: Chain, ancestor: int, *, highest: int) -> None:
    depth = Block.objects.filter(chain=chain, number__gt=ancestor).count()
    if depth <= env().reorg_limit:
        return
    error = _alarm(ancestor + 1, highest)
    incidents.record(
        chain_id=chain.chain_id,
        kind=Incident.Kind.DEEP_REORG,
        provider="",
        first=ancestor + 1,
        last=highest,
        detail=error.message,
    )
    raise error


def _alarm(first: int, last: int) -> DeepReorg:
    message = (
        f"The chain was reorganised from block {first:,} on, {last - first + 1:,} blocks below what was collected, and"
        f" REORG_LIMIT is {env().reorg_limit}. Nothing was taken back: find out what the nodes say, then accept it with"
        " manage.py collect --accept-reorg, or point RPC_URLS elsewhere."
    )
    return DeepReorg(message, first=first, last=last)
