"""Learn once from contracts what their logs do not say, and keep it with the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from governance.chain.store import read_logs
from governance.deployments import protocol_of
from governance.models import Deployment
from governance.protocols.base import LEARNED

if TYPE_CHECKING:
    from governance.chain.client import Client


def learn(deployment: Deployment, *, client: Client, to_block: int) -> bool:
    """Ask the contracts that the collected logs name up to ``to_block`` what decoding needs (`Protocol.learn`).

    Returns
    -------
    bool
        Whether anything is known that was not before; then the protocol may watch more contracts.

    Raises
    ------
    InputError
        When a contract is of a version that we do not know.
    ChainError
        When the node cannot answer.
    """
    protocol = protocol_of(deployment)
    if not protocol.lore_topics:
        return False
    named = read_logs(deployment, first=deployment.first_block, last=to_block, topics=protocol.lore_topics)
    learned = protocol.learn(client, named)
    with transaction.atomic():
        row = Deployment.objects.select_for_update().get(pk=deployment.pk)
        before = dict(row.addresses)
        row.addresses = {role: held for role, held in before.items() if not role.startswith(LEARNED)} | learned
        row.save(update_fields=["addresses"])
    deployment.addresses = row.addresses
    return bool(row.addresses != before)
