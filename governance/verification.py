"""Does the chain now say what was approved? Expectations are read back and the answers kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from governance import audit
from governance.errors import CallReverted
from governance.models import Verification
from governance.sending import subject

if TYPE_CHECKING:
    from governance.chain.client import Client, Header
    from governance.domain.action import Bundle, Expectation
    from governance.models import RelayStep

WORD = 32


def verify(step: RelayStep, bundle: Bundle, *, client: Client, head: Header) -> None:
    """Read every expectation of ``bundle`` at ``head`` and store what was found; once, however often it is asked.

    Parameters
    ----------
    step : RelayStep
        The execution, which must be done.
    bundle : Bundle
        What was approved.
    client : Client
        The chain.
    head : Header
        Block at which is read. Any contract may be changed again later, so the first reading is the one that counts.
    """
    if not bundle.expectations or step.verifications.exists():
        return
    rows = [
        _row(step, number, expectation, client=client, block=head.number)
        for number, expectation in enumerate(bundle.expectations)
    ]
    failed = [row.label for row in rows if not row.ok]
    facts: dict[str, audit.Fact] = {"block": head.number, "expectations": len(rows), "failed": list(failed)}
    with transaction.atomic():
        Verification.objects.bulk_create(rows)
        action = "relay.mismatch" if failed else "relay.verified"
        audit.record(actor="executor", action=action, subject=subject(step), facts=facts)


def _row(step: RelayStep, number: int, expectation: Expectation, *, client: Client, block: int) -> Verification:
    actual = read_word(expectation, client=client, block=block)
    return Verification(
        step=step,
        index=number,
        label=expectation.label,
        unit=expectation.unit,
        expected=expectation.after,
        actual=actual,
        ok=actual == expectation.after,
        block_number=block,
    )


def read_word(expectation: Expectation, *, client: Client, block: int) -> int | None:
    """Return the word that ``expectation`` reads; None says that the read reverted or has no such word."""
    try:
        answer = client.eth_call(expectation.call, block=block)
    except CallReverted:
        return None
    word = answer[WORD * expectation.word : WORD * (expectation.word + 1)]
    return int.from_bytes(word) if len(word) == WORD else None
