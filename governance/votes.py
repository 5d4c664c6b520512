"""Proposals and votes from the raw logs: indexed, and compared with what the contract itself counts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pgtrigger
from django.db import transaction

from governance import audit
from governance.bundles import approved_contents, governor_of
from governance.chain.logs import covered_to, read_logs
from governance.domain.lifecycle import PROPOSAL, SETTLED
from governance.errors import GapInData, StaleData
from governance.governors.base import Cast, Changed, Created
from governance.locks import hold
from governance.models import OnchainProposal, ProposalEvent, Vote
from governance.tallies import mismatches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.chain.client import Client
    from governance.governors.base import GovernorEvent, ProposalFacts
    from governance.models import Deployment
    from governance.models.bundle import BundleRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What an index run found.

    Attributes
    ----------
    block_number : int
        Block up to which logs were read, and at which the contract was asked.
    proposals, votes : int
        How many there are now.
    new_votes, removed_votes : int
        How many this run added, and how many it took back because their logs were reorganised away.
    mismatches : tuple of str
        Proposal ids whose votes do not add up to the contract's tally.
    votes_here : bool
        Whether votes are cast on the governor's own chain, so that there was anything to add up.
    """

    block_number: int
    proposals: int
    votes: int
    new_votes: int
    removed_votes: int
    mismatches: tuple[str, ...]
    votes_here: bool = True

    @property
    def tally_equal(self) -> bool | None:
        """Whether every proposal's votes add up to the contract's own tally; None where they are cast elsewhere."""
        return not self.mismatches if self.votes_here else None


type Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a log says, or one part of it, and where the log is."""

    event: GovernorEvent
    block_number: int
    timestamp: int
    tx_hash: str
    log_index: int

    @property
    def place(self) -> Place:
        """What makes it unique on its chain: the log, and of a vote that was split the support."""
        return self.tx_hash, self.log_index, self.event.support if isinstance(self.event, Cast) else 0


def index(deployment: Deployment, *, client: Client) -> IndexReport:
    """Bring proposals, their events and votes up to the collected head; running it twice changes nothing.

    States and tallies are read back from the contracts at that same block, because a governor changes state without
    an event. Rows whose logs a reorganisation took away are taken back.

    Raises
    ------
    StaleData
        When nothing of this governor was collected yet.
    GapInData
        When it is watched from a block on that lies after the creation of one of its proposals.
    """
    last = covered_to(deployment)
    if last < deployment.first_block:
        raise StaleData(f"Nothing of {deployment.name} was collected yet; run: manage.py collect", slug=deployment.slug)
    with transaction.atomic():
        hold(f"index {deployment.pk}")
        entries = tuple(_entries(deployment, last=last))
        _require_beginnings(deployment, entries)
        proposals = _proposals(deployment, entries, client=client, block=last)
        _replace_events(proposals, entries)
        added, removed = _replace_votes(proposals, entries, chain_id=deployment.chain_id)
    return IndexReport(
        block_number=last,
        proposals=len(proposals),
        votes=Vote.objects.filter(proposal__deployment=deployment).count(),
        new_votes=added,
        removed_votes=removed,
        mismatches=tuple(mismatches(deployment)),
        votes_here=governor_of(deployment).votes_here,
    )


def _entries(deployment: Deployment, *, last: int) -> Iterator[Entry]:
    governor = governor_of(deployment)
    first, addresses = deployment.first_block, [governor.address]
    for log in read_logs(deployment, first=first, last=last, topics=governor.topics, addresses=addresses):
        topics = [topic for topic in (log.topic0, log.topic1, log.topic2, log.topic3) if topic]
        for event in governor.decode(topics, log.data):
            yield Entry(
                event=event,
                block_number=log.block_number,
                timestamp=log.timestamp,
                tx_hash=f"0x{log.tx_hash.hex()}",
                log_index=log.log_index,
            )


def _require_beginnings(deployment: Deployment, entries: tuple[Entry, ...]) -> None:
    made = {entry.event.proposal_id for entry in entries if isinstance(entry.event, Created)}
    for entry in entries:
        if entry.event.proposal_id not in made:
            message = (
                f"{deployment.name} is watched from block {deployment.first_block} on, but its proposal"
                f" {entry.event.proposal_id} is older; watch it from its first block."
            )
            raise GapInData(message, slug=deployment.slug, proposal=entry.event.proposal_id)


def _proposals(
    deployment: Deployment, entries: tuple[Entry, ...], *, client: Client, block: int
) -> dict[int, OnchainProposal]:
    """Create or update every proposal, and return them by their id."""
    known = {int(row.proposal_id): row for row in OnchainProposal.objects.filter(deployment=deployment)}
    made = {entry.event.proposal_id: entry for entry in entries if isinstance(entry.event, Created)}
    touched = _touched(deployment, entries)
    ids = [key for key in made if key not in known or key in touched or known[key].state not in SETTLED]
    facts = governor_of(deployment).read(client, ids, block=block)
    timestamp = client.header(block).timestamp
    approved = approved_contents(deployment)
    for key in ids:
        row = known.setdefault(key, OnchainProposal(deployment=deployment, proposal_id=key))
        _describe(row, made[key], approved)
        _update(row, facts[key], block=block, timestamp=timestamp)
    _forget(deployment, set(known) - set(made))
    return {key: row for key, row in known.items() if key in made}


def _touched(deployment: Deployment, entries: tuple[Entry, ...]) -> set[int]:
    """Return the ids of proposals whose logs are not the ones that are stored."""
    now: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for entry in entries:
        now[entry.event.proposal_id].add((entry.tx_hash, entry.log_index))
    before: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for model in (ProposalEvent, Vote):
        rows = model.objects.filter(proposal__deployment=deployment)
        for key, tx_hash, log_index in rows.values_list("proposal__proposal_id", "tx_hash", "log_index"):
            before[int(key)].add((tx_hash, log_index))
    return {key for key in now.keys() | before.keys() if now[key] != before[key]}


def _describe(row: OnchainProposal, entry: Entry, approved: Mapping[int | None, BundleRecord]) -> None:
    event = entry.event
    assert isinstance(event, Created)  # noqa: S101 - chosen by the caller
    row.proposer = event.proposer
    row.description = event.description
    row.targets = list(event.targets)
    row.values = [str(value) for value in event.values]
    row.calldatas = [f"0x{data.hex()}" for data in event.calldatas]
    row.vote_start = row.snapshot = event.vote_start
    row.created_block = entry.block_number
    row.tx_hash = entry.tx_hash
    row.bundle = approved.get(event.content)


def _update(row: OnchainProposal, facts: ProposalFacts, *, block: int, timestamp: int) -> None:
    before = row.state
    row.state = facts.state.value
    row.vote_start = row.snapshot = row.vote_start if facts.vote_start is None else facts.vote_start
    row.vote_end = facts.vote_end
    row.eta = facts.eta
    row.quorum = facts.quorum
    row.for_votes = facts.for_votes
    row.against_votes = facts.against_votes
    row.abstain_votes = facts.abstain_votes
    row.read_block = block
    row.read_timestamp = timestamp
    if not before or PROPOSAL.reaches(before, row.state):
        row.save()
        return
    moved: dict[str, audit.Fact] = {"before": before, "after": row.state, "block": block}
    audit.record(actor="index", action="proposal.reorganised", subject=str(row.proposal_id), facts=moved)
    with pgtrigger.ignore("governance.OnchainProposal:lifecycle"):
        row.save()


def _forget(deployment: Deployment, gone: set[int]) -> None:
    """Take back proposals whose creation was reorganised away.

    Those that we approved stay, without events and votes, because drafts and the executor's records name them.
    """
    for row in OnchainProposal.objects.filter(deployment=deployment, proposal_id__in=gone):
        if row.events.exists():
            audit.record(actor="index", action="proposal.vanished", subject=str(row.proposal_id))
        row.events.all().delete()
        row.votes.all().delete()
        if row.bundle_id is None and not row.steps.exists():
            row.delete()


def _replace_events(proposals: dict[int, OnchainProposal], entries: tuple[Entry, ...]) -> None:
    wanted = {
        entry.place: ProposalEvent(
            proposal=proposals[entry.event.proposal_id],
            kind=entry.event.kind if isinstance(entry.event, Changed) else "created",
            block_number=entry.block_number,
            timestamp=entry.timestamp,
            tx_hash=entry.tx_hash,
            log_index=entry.log_index,
        )
        for entry in entries
        if not isinstance(entry.event, Cast)
    }
    _replace(ProposalEvent, proposals, wanted)


def _replace_votes(
    proposals: dict[int, OnchainProposal], entries: tuple[Entry, ...], *, chain_id: int
) -> tuple[int, int]:
    wanted = {
        entry.place: Vote(
            proposal=proposals[entry.event.proposal_id],
            voter=entry.event.voter,
            support=entry.event.support,
            weight=entry.event.weight,
            reason=entry.event.reason,
            chain_id=chain_id,
            block_number=entry.block_number,
            timestamp=entry.timestamp,
            tx_hash=entry.tx_hash,
            log_index=entry.log_index,
        )
        for entry in entries
        if isinstance(entry.event, Cast)
    }
    return _replace(Vote, proposals, wanted)


def _replace[Row: (ProposalEvent, Vote)](
    model: type[Row], proposals: dict[int, OnchainProposal], wanted: dict[Place, Row]
) -> tuple[int, int]:
    """Make the stored rows equal to ``wanted``; return how many were added and how many taken back."""
    rows = model.objects.filter(proposal__in=list(proposals.values()))
    stored = {(row.tx_hash, row.log_index, getattr(row, "support", 0)): row for row in rows}
    # The same transaction may come back in another block after a reorganisation: then the row is another one.
    same = {place for place, row in stored.items() if place in wanted and _equal(row, wanted[place])}
    gone = [row.pk for place, row in stored.items() if place not in same]
    model.objects.filter(pk__in=gone).delete()
    model.objects.bulk_create([row for place, row in wanted.items() if place not in same])
    return len(wanted) - len(same), len(gone)


def _equal(stored: ProposalEvent | Vote, wanted: ProposalEvent | Vote) -> bool:
    """Return whether the rows say the same: the same height and time do not make it the same block."""
    fields = [field.attname for field in stored._meta.concrete_fields if not field.primary_key]  # noqa: SLF001 - Django's documented interface
    return all(getattr(stored, name) == getattr(wanted, name) for name in fields)
