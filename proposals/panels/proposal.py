"""The exhibits of a proposal: what it changes, what it calls, who voted how, and what was verified afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecasting.models import Reserve
from governance import formatting, selectors
from governance.decoding import Action, action
from governance.domain.action import Call
from governance.domain.bundle import from_json
from governance.domain.lifecycle import ProposalState
from governance.domain.units import UNITS, render
from governance.exhibits import Badge, Column, Table, Tone, Value
from governance.models import Deployment, OnchainProposal, Vote
from governance.overview import proposal_title
from governance.selectors import Tally
from proposals.models import Draft

TONES: dict[str, Tone] = {
    ProposalState.PENDING: "info",
    ProposalState.ACTIVE: "info",
    ProposalState.SUCCEEDED: "good",
    ProposalState.QUEUED: "info",
    ProposalState.EXECUTED: "good",
    ProposalState.CANCELED: "bad",
    ProposalState.DEFEATED: "bad",
    ProposalState.EXPIRED: "bad",
}
WORDS: dict[str, str] = {
    ProposalState.PENDING: "Voting opens soon",
    ProposalState.ACTIVE: "Voting is open",
    ProposalState.SUCCEEDED: "Passed, to be queued",
    ProposalState.QUEUED: "Queued in the timelock",
    ProposalState.EXECUTED: "Executed",
    ProposalState.CANCELED: "Canceled",
    ProposalState.DEFEATED: "Defeated",
    ProposalState.EXPIRED: "Expired",
}
EVIDENCE = re.compile(r"\b0x[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One row of the ballot."""

    label: str
    tone: str
    votes: int
    share: float


def state(proposal: OnchainProposal) -> Badge:
    """Return where a proposal is."""
    return Badge(text=WORDS[proposal.state], tone=TONES[proposal.state])


def bar(count: Tally) -> dict[str, object]:
    """Return the vote as one bar: for and abstain first, because they count towards the quorum, whose mark it bears."""
    scale = max(count.total, count.quorum or 0, 1)
    parts = (
        ("for", count.for_votes, "good"),
        ("abstain", count.abstain_votes, "quiet"),
        ("against", count.against_votes, "bad"),
    )
    share = formatting.percent(count.for_votes / count.total if count.total else 0.0, digits=0)
    reached = "reached" if count.quorum_reached else "not reached"
    return {
        "parts": [(name, votes / scale, tone) for name, votes, tone in parts],
        "marks": [("quorum", count.quorum / scale)] if count.quorum else [],
        "words": f"{share} of the votes are for; the quorum is {reached}.",
    }


def ballot(count: Tally) -> list[Choice]:
    """Return the rows of the ballot."""
    rows = (
        ("For", "good", count.for_votes),
        ("Against", "bad", count.against_votes),
        ("Abstain", "quiet", count.abstain_votes),
    )
    return [
        Choice(label=label, tone=tone, votes=votes, share=votes / max(count.total, 1)) for label, tone, votes in rows
    ]


def address_book(deployments: Sequence[Deployment], reserves: Sequence[Reserve]) -> dict[str, str]:
    """Return the names of the contracts that we know, by address."""
    names = {
        address: f"{deployment.name}: {role.replace('_', ' ')}"
        for deployment in deployments
        for role, address in deployment.addresses.items()
        if isinstance(address, str)
    }
    for reserve in reserves:
        names |= {reserve.address: reserve.symbol, reserve.a_token: f"{reserve.symbol} receipt token"}
    return names


def actions(calls: Sequence[Call], *, names: Mapping[str, str]) -> list[Action]:
    """Return every call in words."""
    return [action(call, names=names) for call in calls]


def calls(proposal: OnchainProposal) -> list[Call]:
    """Return the calls of a proposal as the governor has them."""
    return [
        Call(target=target, value=int(value), data=bytes.fromhex(data.removeprefix("0x")))
        for target, value, data in zip(proposal.targets, proposal.values, proposal.calldatas, strict=True)
    ]


def changes(expectations: Sequence[Mapping[str, Any]], verified: Mapping[int, bool]) -> Table:
    """Return what must hold after execution, before -> after in units.

    Parameters
    ----------
    expectations : sequence of Mapping
        The bundle's expectations as JSON.
    verified : Mapping
        Index of an expectation -> whether the chain said so after execution.
    """

    def check(row: tuple[int, Mapping[str, Any]]) -> Badge:
        holds = verified.get(row[0])
        if holds is None:
            return Badge(text="Not executed yet")
        return Badge(text="Verified", tone="good") if holds else Badge(text="Does not hold", tone="bad")

    return Table(
        slug="changes",
        caption="What changes on chain",
        columns=(
            Column(label="Parameter", value=lambda row: row[1]["label"]),
            Column(
                label="Before", value=lambda row: Value(word=int(row[1]["before"]), unit=row[1]["unit"]), kind="value"
            ),
            Column(
                label="After", value=lambda row: Value(word=int(row[1]["after"]), unit=row[1]["unit"]), kind="value"
            ),
            Column(label="Raw", value=lambda row: _raw(row[1])),
            Column(label="Read back", value=check, kind="badge"),
        ),
        rows=list(enumerate(expectations)),
        marked=lambda row: "chosen" if row[1]["before"] != row[1]["after"] else "",
        empty="Nobody drafted this here, so it is not known what must hold afterwards. Read the calls below.",
    )


def ballots(votes: Sequence[Vote], *, total: int) -> Table:
    """Return every vote that was cast."""
    tones: dict[int, Tone] = {0: "bad", 1: "good", 2: "quiet"}
    return Table(
        slug="votes",
        caption="Votes, the heaviest first",
        columns=(
            Column(label="Voter", value=lambda row: row.voter, kind="address"),
            Column(
                label="Choice",
                value=lambda row: Badge(text=row.get_support_display().capitalize(), tone=tones[row.support]),
                kind="badge",
            ),
            Column(label="Votes", value=lambda row: row.weight, kind="votes"),
            Column(label="Share", value=lambda row: int(row.weight) / max(total, 1), kind="percent"),
            Column(label="Reason", value=lambda row: row.reason or None),
            Column(label="Block", value=lambda row: row.block_number, kind="block"),
        ),
        rows=votes,
        shown=15,
        empty="Nobody has voted yet.",
    )


def listing(rows: Sequence[tuple[OnchainProposal, str]], *, link: Callable[[Any], str]) -> Table:
    """Return proposals, each with its title, as a list."""
    return Table(
        slug="proposals",
        caption="Proposals, the newest first",
        columns=(
            Column(label="Proposal", value=lambda row: row[1], link=link),
            Column(label="State", value=lambda row: state(row[0]), kind="badge"),
            Column(label="For", value=lambda row: row[0].for_votes, kind="votes"),
            Column(label="Against", value=lambda row: row[0].against_votes, kind="votes"),
            Column(label="Voting closes", value=lambda row: row[0].vote_end, kind="time"),
        ),
        rows=rows,
    )


def named_evidence(description: str, draft: Draft | None) -> tuple[str, bool]:
    """Return the evidence hash that the on-chain text names (empty for none), and whether it is the report's own."""
    report = getattr(draft.recommendation, "evidence", None) if draft else None
    named = EVIDENCE.findall(description)
    if report and report.hash in named:
        return report.hash, True
    return (named[-1] if named else ""), False


def _raw(expectation: Mapping[str, Any]) -> str:
    before, after, places = expectation["before"], expectation["after"], UNITS[expectation["unit"]].decimals
    return f"{before} → {after}" + (f" ({places} decimals)" if places else "")


def words(expectation: Mapping[str, Any]) -> str:
    """Return one expectation as a sentence's part, e.g. ``WETH supply cap 10 tokens → 12 tokens``."""
    unit = expectation["unit"]
    return (
        f"{expectation['label']} {render(int(expectation['before']), unit)} → {render(int(expectation['after']), unit)}"
    )


def of_proposal(proposal: OnchainProposal, *, draft: Draft | None) -> dict[str, object]:
    """Return the page's context for a proposal on chain; ``draft`` is ours, or None when a stranger made it."""
    count = selectors.tally(proposal)
    body: Mapping[str, Any] = proposal.bundle.body if proposal.bundle else {}
    expectations = body.get("expectations", [])
    named, matches = named_evidence(proposal.description, draft)
    names = _names()
    return {
        "proposal": proposal,
        "draft": draft,
        "title": proposal_title(proposal.description),
        "state": state(proposal),
        "text": without_title(proposal.description),
        "tally": count,
        "bar": bar(count),
        "ballot": ballot(count),
        "changes": changes(expectations, _verified(proposal)),
        "actions": actions(calls(proposal), names=names),
        "votes": ballots(list(selectors.votes(proposal)), total=count.total),
        "checks": draft.checks if draft else [],
        "sign_offs": list(draft.sign_offs.all()) if draft else [],
        "outcome": getattr(draft, "outcome", None) if draft else None,
        "evidence_hash": named,
        "evidence_matches": matches,
        "steps": list(proposal.steps.all()),
    }


def of_draft(draft: Draft) -> dict[str, object]:
    """Return the page's context for a draft that is not on chain yet."""
    bundle = from_json(draft.bundle)
    named, matches = named_evidence(draft.description, draft)
    tone: Tone = "info" if draft.status == Draft.Status.DRAFT else "good"
    return {
        "draft": draft,
        "title": draft.title,
        "state": Badge(text=draft.get_status_display(), tone=tone),
        "text": without_title(draft.description),
        "changes": changes(draft.bundle["expectations"], {}),
        "actions": actions(bundle.calls, names=_names()),
        "checks": draft.checks,
        "sign_offs": list(draft.sign_offs.all()),
        "evidence_hash": named,
        "evidence_matches": matches,
    }


def draft_listing(rows: Sequence[Draft], *, link: Callable[[Any], str]) -> Table:
    """Return drafts that are not on chain yet as a list."""
    return Table(
        slug="drafts",
        caption="Drafts, the newest first",
        columns=(
            Column(label="Draft", value=lambda row: row.title, link=link),
            Column(label="State", value=lambda row: Badge(text=row.get_status_display(), tone="info"), kind="badge"),
            Column(label="Sign-offs", value=lambda row: len(row.sign_offs.all()), kind="integer"),
            Column(label="Checked at block", value=lambda row: row.checked_block, kind="block"),
        ),
        rows=rows,
    )


def without_title(description: str) -> str:
    """Return a text without what the page says elsewhere: its title, and the suffix that names the proposer."""
    first, _, rest = description.lstrip().partition("\n")
    text = rest if first.startswith("# ") else description
    return re.sub(r"#proposer=0x[0-9a-fA-F]{40}\s*$", "", text)


def _verified(proposal: OnchainProposal) -> dict[int, bool]:
    return {entry.index: entry.ok for entry in selectors.verifications(proposal)}


def _names() -> dict[str, str]:
    return address_book(list(Deployment.objects.all()), list(Reserve.objects.all()))
