"""The sample's decisions: one proposal executed and scored, one of a stranger that is being voted on."""

from __future__ import annotations

import math
import random

from governance import audit, bundles
from governance.domain.action import Bundle, Expectation
from governance.domain.bundle import bundle_hash, to_json
from governance.domain.units import WAD
from governance.governors.base import governor_for
from governance.models import (
    BundleRecord,
    Deployment,
    OnchainProposal,
    ProposalEvent,
    RelayAttempt,
    RelayStep,
    Verification,
    Vote,
)
from governance.protocols.base import plugin
from proposals import evidence
from proposals.core.diff import difference
from proposals.core.text import write_body, write_description, write_title
from proposals.models import Draft, Outcome, Recommendation, SignOff
from tests.e2e.sample.base import DAY, HEAD, HEAD_TIME, START, account_of, hash_of
from tests.e2e.sample.recommendation import NEXT, NOW


def executed(recommendation: Recommendation, governor: Deployment, rng: random.Random) -> tuple[Draft, OnchainProposal]:
    report = evidence.build(recommendation)
    proposer = account_of(801)
    protocol = plugin("aave_v3")(recommendation.reserve.deployment.addresses)
    reserve = recommendation.reserve
    changes = difference(NOW, NEXT, specs=protocol.parameters)
    facts = {"baseline": recommendation.baseline, "chosen": recommendation.chosen, "findings": recommendation.findings}
    body = write_body(
        title=write_title("WETH", changes),
        market=reserve.deployment.name,
        recommendation=facts,
        inputs=recommendation.inputs,
        changes=changes,
    )
    description = write_description(body, evidence_hash=report.hash, proposer=proposer)
    expectations = []
    for spec in protocol.parameters:
        how = protocol.read(spec.name, reserve.address)
        expectations.append(
            Expectation(
                call=how.call,
                word=how.word,
                before=NOW[spec.name],
                after=NEXT[spec.name],
                label=f"WETH {spec.label}",
                unit=spec.unit,
            )
        )
    bundle = Bundle(
        calls=protocol.encode(reserve=reserve.address, before=NOW, after=NEXT),
        description=description,
        expectations=tuple(expectations),
    )
    record = bundles.register(bundle, deployment=governor, actor=account_of(802))
    created = HEAD - 39 * 24
    at = START + created * 3_600
    onchain = _onchain(
        governor, bundle, proposer=proposer, record=record, state="executed", created=created, eta=at + 7 * DAY
    )
    for kind, days in (("created", 0), ("queued", 5), ("executed", 7)):
        ProposalEvent.objects.create(
            proposal=onchain,
            kind=kind,
            block_number=created + days * 24,
            timestamp=at + days * DAY,
            tx_hash=hash_of(kind),
            log_index=1,
        )
    _votes(onchain, rng, against=0.11, voters=31)
    draft = Draft.objects.create(
        recommendation=recommendation,
        title=write_title("WETH", changes),
        body=body,
        description=description,
        proposer=proposer,
        bundle=to_json(bundle),
        bundle_hash=bundle_hash(bundle),
        checked_block=created - 2,
        status="scored",
        onchain=onchain,
        checks=[
            {
                "level": "pass",
                "code": "calldata-equals-text",
                "message": "Every number of the text is in the calldata, and the other way round.",
                "facts": {},
            },
            {
                "level": "pass",
                "code": "simulation",
                "message": "All calls succeed from the timelock, and all 5 expectations hold afterwards.",
                "facts": {},
            },
            {
                "level": "pass",
                "code": "evidence-hash",
                "message": "The text names the stored evidence report.",
                "facts": {},
            },
            {"level": "warn", "code": "proposer", "message": "Only one address can propose this text.", "facts": {}},
        ],
    )
    SignOff.objects.create(
        draft=draft,
        steward=account_of(802),
        bundle_hash=draft.bundle_hash,
        comment="Numbers re-run, calldata decoded by hand.",
    )
    _relay(onchain, bundle, created=created)
    return draft, onchain


def _onchain(
    governor: Deployment,
    bundle: Bundle,
    *,
    proposer: str,
    record: BundleRecord | None,
    state: str,
    created: int,
    eta: int | None,
) -> OnchainProposal:
    targets, values, calldatas = bundles.columns(bundle)
    at = START + created * 3_600
    return OnchainProposal.objects.create(
        deployment=governor,
        proposal_id=governor_for("oz", governor.addresses).proposal_id(bundle),
        proposer=proposer,
        description=bundle.description,
        targets=targets,
        values=values,
        calldatas=calldatas,
        vote_start=at + DAY,
        snapshot=at + DAY,
        vote_end=at + 4 * DAY,
        state=state,
        bundle=record,
        created_block=created,
        tx_hash=hash_of(f"created {created}"),
        eta=eta,
        quorum=400_000 * WAD,
        read_block=HEAD,
        read_timestamp=HEAD_TIME,
    )


def _votes(proposal: OnchainProposal, rng: random.Random, *, against: float, voters: int) -> None:
    reasons = ("", "", "The tail stays small, and the cap was nearly full.", '<b>Bold</b> =HYPERLINK("x")', "")
    tally = [0, 0, 0]
    for index in range(voters):
        support = 0 if rng.random() < against else 2 if rng.random() < 0.06 else 1
        weight = int(math.exp(rng.gauss(9.6, 1.2))) * WAD
        tally[support] += weight
        Vote.objects.create(
            proposal=proposal,
            voter=account_of(900 + index),
            support=support,
            weight=weight,
            reason=reasons[index % 5],
            chain_id=31337,
            block_number=proposal.created_block + 24 + index,
            timestamp=proposal.vote_start + index * 3_600,
            tx_hash=hash_of(f"vote {proposal.pk} {index}"),
            log_index=0,
        )
    OnchainProposal.objects.filter(pk=proposal.pk).update(
        against_votes=tally[0], for_votes=tally[1], abstain_votes=tally[2]
    )
    proposal.refresh_from_db()


def active(governor: Deployment, rng: random.Random) -> OnchainProposal:
    protocol = plugin("aave_v3")(Deployment.objects.get(slug="market").addresses)
    after = {**NOW, "borrow_cap": 90_000}
    calls = protocol.encode(reserve=account_of(502), before=NOW, after=after)
    text = (
        "# Raise the GOV borrow cap to 90,000\n\nMore **borrowing** for everybody. <script>alert(1)</script>\n\n"
        "![pixel](https://example.org/p.png) [a link](javascript:alert(1)) and [a plain one](https://example.org)\n"
    )
    bundle = Bundle(calls=calls, description=text)
    proposal = _onchain(
        governor, bundle, proposer=account_of(803), record=None, state="active", created=HEAD - 48, eta=None
    )
    ProposalEvent.objects.create(
        proposal=proposal,
        kind="created",
        block_number=HEAD - 48,
        timestamp=proposal.vote_start - DAY,
        tx_hash=hash_of("active"),
        log_index=0,
    )
    _votes(proposal, rng, against=0.45, voters=9)
    return proposal


def _relay(proposal: OnchainProposal, bundle: Bundle, *, created: int) -> None:
    for index, name in enumerate(("queue", "execute")):
        block = created + (5 + 2 * index) * 24
        tx = hash_of(name + "d")
        step = RelayStep.objects.create(
            proposal=proposal, step=name, status="done", done_by="self", done_tx=tx, not_before=START + block * 3_600
        )
        RelayAttempt.objects.create(
            step=step,
            chain_id=31337,
            sender=account_of(850),
            nonce=index,
            raw_transaction="0x02",
            tx_hash=tx,
            gas=300_000,
            max_fee=2 * 10**9,
            priority_fee=10**9,
            status="mined",
            prepared_block=block,
            block_number=block + 1,
            gas_used=142_310,
        )
    for index, expectation in enumerate(bundle.expectations):
        Verification.objects.create(
            step=step,
            index=index,
            label=expectation.label,
            unit=expectation.unit,
            expected=expectation.after,
            actual=expectation.after,
            ok=True,
            block_number=block + 1,
        )
    audit.record(
        actor="executor", action="relay.executed", subject=str(proposal.proposal_id), facts={"block": block + 1}
    )


def outcome(draft: Draft) -> Outcome:
    start = draft.recommendation.snapshot.timestamp
    specs = plugin("aave_v3").parameters

    def metric(
        key: str, label: str, unit: str, values: tuple[float, float, float, float], note: str = ""
    ) -> dict[str, object]:
        low, forecast, high, realised = values
        return {
            "key": key,
            "label": label,
            "unit": unit,
            "forecast": forecast,
            "low": low,
            "high": high,
            "realised": realised,
            "inside": low <= realised <= high,
            "note": note,
        }

    return Outcome.objects.create(
        draft=draft,
        evidence=draft.recommendation.evidence,
        scored_at=HEAD_TIME,
        block_number=HEAD,
        body={
            "window": {"start": start, "end": start + 7 * DAY, "hours": 168, "forecast_hours": 168},
            "metrics": [
                metric(
                    "bad_debt",
                    "Bad debt at the horizon",
                    "usd",
                    (0, 0, 0, 0),
                    "What accounts owed beyond their collateral.",
                ),
                metric("liquidated", "Debt liquidated", "usd", (40_000, 310_000, 2_400_000, 188_400)),
                metric("borrower_loss", "Lost by liquidated borrowers", "usd", (3_000, 22_000, 160_000, 12_100)),
                metric("volatility", "Volatility of the asset, a year", "fraction", (0.42, 0.61, 0.93, 1.02)),
                {**metric("capacity", "Borrowing power", "usd", (168e6, 174e6, 180e6, 171e6)), "inside": None},
            ],
            "parameters": [
                {
                    "parameter": spec.name,
                    "label": spec.label,
                    "unit": spec.unit,
                    "expected": NEXT[spec.name],
                    "actual": NEXT[spec.name],
                    "holds": True,
                }
                for spec in specs
            ],
        },
    )
