"""The moment as of which an archive knows each contract: states that only time changes depend on it.

Where a contract was read, that reading has its moment: not before anything that it tells of, nor before the end of what
it calls expired. Where it was not, the newest moment anywhere in the archive counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from governance.archive.clock import Span
from governance.archive.history import Contract, History, Readings
from governance.archive.rules import GRACE, PROPOSAL_LIFE
from governance.domain.lifecycle import AaveState, PayloadState

_PAST = (
    *("creationTime", "votingActivationTime", "queuingTime", "cancelTimestamp"),
    *("createdAt", "queuedAt", "executedAt", "cancelledAt"),
)


def moments(found: History, *, proposal_readings: Readings, payload_readings: Readings) -> dict[Contract, int]:
    """Return contract -> unix second as of which it is known, for the core and every payloads controller."""
    newest = {contract: _newest_log(found, contract) for contract in found.roles}
    read: dict[Contract, int] = {}
    for contract, records in proposal_readings.items():
        read[contract] = max(
            [newest.get(contract, 0), *_moments(records.values(), partial(_proposal_end, found, contract))]
        )
    for contract, records in payload_readings.items():
        read[contract] = max([newest.get(contract, 0), *_moments(records.values(), payload_end)])
    overall = max([0, *read.values(), *(known.newest for known in found.clocks.values())])
    wanted = {*found.controllers, *read} | ({found.core} if found.core else set())
    return {contract: read.get(contract, overall) for contract in wanted}


def _newest_log(found: History, contract: Contract) -> int:
    """Return the newest time that is known of a block in which the contract spoke, or of one before it."""
    chain = found.clock(contract[0])
    lives = [*found.controllers.get(contract, {}).values(), *found.machines.get(contract, {}).values()]
    lives += found.proposals.values() if contract == found.core else []
    blocks = [said.log.block_number for life in lives for told in life.values() for said in told]
    return chain.span(max(blocks), latest=0)[0] if blocks else 0


def _moments(records: Any, end: Any) -> Iterator[int]:  # noqa: ANN401 - a view of JSON objects, and one of two below
    for record in records:
        yield from past(record)
        yield end(record)


def past(record: Mapping[str, Any]) -> Iterator[int]:
    """Yield the moments that a reading tells of: it was made after them."""
    yield from (int(record[name]) for name in _PAST if record.get(name))


def vote_span(found: History, core: Contract, level: int | None) -> Span:
    """Return how many seconds a vote at an access level may last, from what the core said of it."""
    told = found.settings[core].get("VotingConfigUpdated", ()) if core in found.settings else ()
    known = [said.args["votingDuration"] for said in told if said.args["accessLevel"] == level]
    if not known:
        known = [
            other["VotingActivated"][0].args["votingDuration"]
            for other in found.proposals.values()
            if "VotingActivated" in other
        ]
    return (min(known), max(known)) if known else (0, PROPOSAL_LIFE)


def _proposal_end(found: History, core: Contract, record: Mapping[str, Any]) -> int:
    """Return the first second in which a proposal that was read as expired may have been; 0 for any other."""
    if record["state"] != AaveState.EXPIRED or not record.get("creationTime"):
        return 0
    # One whose vote was never opened expires as soon as a vote could not end in time.
    ahead = 0 if record.get("votingActivationTime") else vote_span(found, core, record.get("accessLevel"))[1]
    return int(record["creationTime"]) + PROPOSAL_LIFE - ahead + 1


def payload_end(record: Mapping[str, Any]) -> int:
    """Return the second from which on a payload that was read as expired is so; 0 for any other."""
    if record["state"] != PayloadState.EXPIRED:
        return 0
    if record.get("queuedAt"):
        return int(record["queuedAt"]) + int(record.get("delay", 0)) + int(record.get("gracePeriod", GRACE))
    return int(record.get("expirationTime", 0))
