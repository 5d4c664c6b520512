"""All archived logs by what they are about: proposals, votes on each voting machine, payloads of each controller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.archive.blocks import settled
from governance.archive.clock import Clock, clock
from governance.archive.entries import ArchivedLog
from governance.archive.signatures import CONTROLLER, CORE, MACHINE

type Contract = tuple[int, str]
"""Chain and address."""

type Readings = Mapping[Contract, Mapping[int, Mapping[str, Any]]]
"""Contract -> id -> what the contract was read to say of that proposal or payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One event: its arguments by name, and the log that holds it."""

    args: Mapping[str, Any]
    log: ArchivedLog


type Life = dict[str, list[Said]]
"""Event name -> what was said, of one proposal or payload, in the order of the chain."""


def _lives() -> dict[int, Life]:
    return defaultdict(lambda: defaultdict(list))


@dataclass(slots=True, kw_only=True)
class History:
    """The logs of an archive, sorted.

    Attributes
    ----------
    core : Contract or None
        The governance core; None when the archive has no log of it.
    proposals : dict
        Proposal id -> its life on the core.
    machines, controllers : dict
        Contract -> proposal or payload id -> its life there.
    settings : dict
        Contract -> the events that are about no single proposal or payload, by name.
    sent : dict
        (chain, controller, payload id) -> the proposals that sent it, ascending.
    clocks : dict
        Chain -> when its blocks were.
    events : dict
        Contract -> event name, or first topic of one that is not known -> how many logs.
    differences : list of dict
        What logs say of one block or transaction and cannot be true together.
    """

    core: Contract | None = None
    proposals: dict[int, Life] = field(default_factory=_lives)
    machines: dict[Contract, dict[int, Life]] = field(default_factory=lambda: defaultdict(_lives))
    controllers: dict[Contract, dict[int, Life]] = field(default_factory=lambda: defaultdict(_lives))
    settings: dict[Contract, Life] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    sent: dict[tuple[int, str, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    clocks: dict[int, Clock] = field(default_factory=dict)
    events: dict[Contract, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    roles: dict[Contract, str] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)

    def clock(self, chain_id: int) -> Clock:
        """Return the clock of a chain; one that knows nothing where the archive tells no time."""
        return self.clocks.get(chain_id, Clock(blocks=(), times=()))


def history(logs: Iterable[ArchivedLog]) -> History:
    """Return ``logs`` (each once, in any order) by what they are about."""
    found = History()
    times: dict[int, list[tuple[int, int]]] = defaultdict(list)
    kept, found.differences = settled(logs)
    for log in kept:
        said = Said(args=log.args, log=log)
        _file(found, said)
        times[log.chain_id] += _times(said)
    for lives in found.sent.values():
        lives[:] = sorted(set(lives))
    found.clocks = {chain_id: clock(known) for chain_id, known in times.items()}
    return found


def _file(found: History, said: Said) -> None:
    log, contract = said.log, (said.log.chain_id, said.log.address)
    event = log.event
    name = event.name if event else f"0x{log.topics[0].hex()}" if log.topics else "anonymous"
    found.events[contract][name] += 1
    if event is None:
        found.roles.setdefault(contract, "unknown")
        return
    found.roles[contract] = event.role
    number = said.args.get("payloadId" if event.role == CONTROLLER else "proposalId")
    if number is None:
        found.settings[contract][name].append(said)
    elif event.role == CORE:
        found.core = contract
        found.proposals[number][name].append(said)
        if name == "PayloadSent":
            args = said.args
            found.sent[args["chainId"], args["payloadsController"], args["payloadId"]].append(number)
    else:
        (found.machines if event.role == MACHINE else found.controllers)[contract][number][name].append(said)


def _times(said: Said) -> Iterator[tuple[int, int]]:
    """Yield when the log's block was, as far as it says; a vote starts in the second of the block that starts it."""
    if said.log.timestamp is not None:
        yield said.log.block_number, said.log.timestamp
    elif said.log.event is not None and said.log.event.name == "ProposalVoteStarted":
        yield said.log.block_number, said.args["startTime"]
