"""Proposals and votes from the raw logs: indexed, and compared with what the contract itself counts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pgtrigger
from django.db import transaction
from django.db.models import Sum

from governance import audit
from governance.bundles import approved_ids, governor_of
from governance.chain.logs import covered_to, read_logs
from governance.domain.lifecycle import PROPOSAL
from governance.errors import StaleData
from governance.governors.base import Cast, Changed, Created
from governance.locks import hold
from governance.models import OnchainProposal, ProposalEvent, Vote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    """

    block_number: int
    proposals: int
    votes: int
    new_votes: int
    removed_votes: int
    mismatches: tuple[str, ...]

    @property
    def tally_equal(self) -> bool:
        """Whether every proposal's votes add up to the contract's own tally."""
        return not self.mismatches


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One decoded log and where it is."""

    event: GovernorEvent
    block_number: int
    timestamp: int
    tx_hash: str
    log_index: int

    @property
    def place(self) -> tuple[str, int]:
        """What makes the log unique on its chain."""
        return self.tx_hash, self.log_index


def index(deployment: Deployment, *, client: Client) -> IndexReport:
    """Bring proposals, their events and votes up to the collected head; running it twice changes nothing.

    States and tallies are read back from the contracts at that same block, because a governor changes state without
    an event. Rows whose logs a reorganisation took away are taken back.

    Raises
    ------
    StaleData
        When nothing of this governor was collected yet.
    """
    last = covered_to(deployment)
    if last < deployment.first_block:
        raise StaleData(f"Nothing of {deployment.name} was collected yet; run: manage.py collect", slug=deployment.slug)
    with transaction.atomic():
        hold(f"index {deployment.pk}")
        entries = tuple(_entries(deployment, last=last))
        proposals = _proposals(deployment, entries, client=client, block=last)
        _replace_events(proposals, entries)
        added, removed = _replace_votes(proposals, entries, chain_id=deployment.chain_id)
    return IndexReport(
        block_number=last,
        proposals=len(proposals),
        votes=Vote.objects.filter(proposal__deployment=deployment).count(),
        new_votes=added,
        removed_votes=removed,
        mismatches=tuple(_mismatches(proposals.values())),
    )


def _entries(deployment: Deployment, *, last: int) -> Iterator[Entry]:
    governor = governor_of(deployment)
    first, addresses = deployment.first_block, [governor.address]
    for log in read_logs(deployment, first=first, last=last, topics=governor.topics, addresses=addresses):
        topics = [topic for topic in (log.topic0, log.topic1, log.topic2, log.topic3) if topic]
        yield Entry(
            event=governor.decode(topics, log.data),
            block_number=log.block_number,
            timestamp=log.timestamp,
            tx_hash=f"0x{log.tx_hash.hex()}",
            log_index=log.log_index,
        )


def _proposals(
    deployment: Deployment, entries: tuple[Entry, ...], *, client: Client, block: int
) -> dict[int, OnchainProposal]:
    """Create or update every proposal, and return them by their id."""
    known = {int(row.proposal_id): row for row in OnchainProposal.objects.filter(deployment=deployment)}
    made = {entry.event.proposal_id: entry for entry in entries if isinstance(entry.event, Created)}
    touched = _touched(deployment, entries)
    ids = [key for key in made if key not in known or key in touched or known[key].state not in PROPOSAL.final]
    facts = governor_of(deployment).read(client, ids, block=block)
    timestamp = client.header(block).timestamp
    approved = approved_ids(deployment)
    for key in ids:
        row = known.setdefault(key, OnchainProposal(deployment=deployment, proposal_id=key))
        _describe(row, made[key], approved.get(key))
        _update(row, facts[key], block=block, timestamp=timestamp)
    _forget(deployment, set(known) - set(made))
    return {key: row for key, row in known.items() if key in made}


def _touched(deployment: Deployment, entries: tuple[Entry, ...]) -> set[int]:
    """Return the ids of proposals whose logs are not the ones that are stored."""
    now: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for entry in entries:
        now[entry.event.proposal_id].add(entry.place)
    before: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for model in (ProposalEvent, Vote):
        rows = model.objects.filter(proposal__deployment=deployment)
        for key, tx_hash, log_index in rows.values_list("proposal__proposal_id", "tx_hash", "log_index"):
            before[int(key)].add((tx_hash, log_index))
    return {key for key in now.keys() | before.keys() if now[key] != before[key]}


def _describe(row: OnchainProposal, entry: Entry, bundle: BundleRecord | None) -> None:
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
    row.bundle = bundle


def _update(row: OnchainProposal, facts: ProposalFacts, *, block: int, timestamp: int) -> None:
    before = row.state
    row.state = facts.state.value
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
    model: type[Row], proposals: dict[int, OnchainProposal], wanted: dict[tuple[str, int], Row]
) -> tuple[int, int]:
    """Make the stored rows equal to ``wanted``; return how many were added and how many taken back."""
    stored = {(row.tx_hash, row.log_index): row for row in model.objects.filter(proposal__in=list(proposals.values()))}
    # The same transaction may come back in another block after a reorganisation: then the row is another one.
    same = {place for place, row in stored.items() if place in wanted and _equal(row, wanted[place])}
    gone = [row.pk for place, row in stored.items() if place not in same]
    model.objects.filter(pk__in=gone).delete()
    model.objects.bulk_create([row for place, row in wanted.items() if place not in same])
    return len(wanted) - len(same), len(gone)


def _equal(stored: ProposalEvent | Vote, wanted: ProposalEvent | Vote) -> bool:
    return (stored.block_number, stored.timestamp) == (wanted.block_number, wanted.timestamp)


def _mismatches(proposals: Iterable[OnchainProposal]) -> Iterator[str]:
    found = list(proposals)
    rows = (
        Vote.objects.filter(proposal__in=found).values("proposal", "support").annotate(total=Sum("weight")).order_by()
    )
    sums = {(row["proposal"], row["support"]): int(row["total"]) for row in rows}
    for proposal in found:
        contract = (proposal.against_votes, proposal.for_votes, proposal.abstain_votes)
        if tuple(int(part) for part in contract) != tuple(sums.get((proposal.pk, support), 0) for support in range(3)):
            yield str(proposal.proposal_id)
