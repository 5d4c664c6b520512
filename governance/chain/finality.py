"""Which block collection follows, and up to which block history is settled for models and evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.env import env
from governance.errors import ChainError, ChainUnavailable, InputError

if TYPE_CHECKING:
    from governance.chain.client import Client

_LATEST = "latest"


def head(client: Client) -> int:
    """Return the block that collection follows, as the setting ``FOLLOW`` says; at least 0.

    Raises
    ------
    InputError
        When the nodes do not know the block that the setting names.
    ChainError
        When no node answers.
    """
    chosen = env().follow
    return _number(client, f"{_LATEST}-{env().confirmations}" if chosen == "auto" else chosen, setting="FOLLOW")


def final(client: Client) -> int:
    """Return the newest block that models may train on and evidence may cite, as ``FINALITY`` says; at least 0.

    The embedded node finalises nothing, and nobody takes its blocks back: ``auto`` is its newest block. Of other nodes
    it is the block that they call finalized.

    Raises
    ------
    InputError
        When the nodes do not know the block that the setting names.
    ChainError
        When no node answers.
    """
    chosen = env().finality
    if chosen == "auto":
        chosen = "finalized" if env().rpc_urls else _LATEST
    return _number(client, chosen, setting="FINALITY")


def _number(client: Client, reference: str, *, setting: str) -> int:
    if reference.startswith(_LATEST):
        return max(client.newest() - int(reference.removeprefix(_LATEST).lstrip("-") or 0), 0)
    try:
        return client.header(reference).number
    except ChainUnavailable:
        raise
    except ChainError as error:
        raise InputError(
            f"The node at {client.host} does not know a {reference!r} block, which {setting} asks for; set {setting} to"
            " latest-N with an N that is deep enough for this chain.",
            field=setting,
            value=reference,
        ) from error
