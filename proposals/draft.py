"""From a recommendation to a draft: calls, text, expectations, a simulation on the chain, and the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from governance import audit
from governance.chain.client import Client
from governance.chain.fork import simulate
from governance.deployments import protocol_of
from governance.domain.action import Bundle, Expectation
from governance.domain.bundle import bundle_hash, to_json
from governance.errors import ConflictError, InputError
from governance.models import Deployment
from governance.protocols.base import Protocol
from proposals import evidence
from proposals.checks import DraftCase, Simulation, examine
from proposals.core.diff import difference
from proposals.core.finding import blocks
from proposals.core.text import plain_symbol, write_body, write_description, write_title
from proposals.models import Draft, EvidenceReport, Recommendation


def draft(recommendation: Recommendation, *, proposer: str, client: Client) -> Draft:
    """Write the proposal of ``recommendation``, simulate it and check it; again for the same one returns the first.

    Parameters
    ----------
    recommendation : Recommendation
        One that recommends a change.
    proposer : str
        Checksummed address that will propose it, and alone can.
    client : Client
        The chain to simulate on; it is not changed.

    Raises
    ------
    InputError
        If there is nothing to change, or not exactly one governor is watched on the market's chain.
    ConflictError
        If it was drafted for another proposer, or a check forbids the draft; the facts hold the findings.
    """
    known = Draft.objects.filter(recommendation=recommendation).first()
    if known:
        if known.proposer != proposer:
            raise ConflictError(f"This was drafted for {known.proposer} already.", draft=known.pk)
        return known
    if recommendation.status != Recommendation.Status.RECOMMENDED:
        raise InputError(
            "The recommendation changes nothing, so there is nothing to propose.", status=recommendation.status
        )
    report = evidence.build(recommendation)
    case = prepare(recommendation, report=report, proposer=proposer, client=client)
    findings = examine(case)
    if blocks(findings):
        reasons = [finding for finding in findings if finding.level == "block"]
        raise ConflictError(
            f"The draft fails {len(reasons)} checks; the first: {reasons[0].message}",
            findings=[finding.as_dict() for finding in reasons],
        )
    return _store(recommendation, case=case, findings=[finding.as_dict() for finding in findings])


def governor_of(recommendation: Recommendation) -> Deployment:
    """Return the governor of the recommendation's market: the one that is watched on its chain.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    chain = recommendation.reserve.deployment.chain_id
    found = list(Deployment.objects.filter(chain_id=chain, kind=Deployment.Kind.GOVERNOR))
    if len(found) != 1:
        raise InputError(f"{len(found)} governors are watched on chain {chain}; exactly one is needed.", chain=chain)
    return found[0]


def prepare(recommendation: Recommendation, *, report: EvidenceReport, proposer: str, client: Client) -> DraftCase:
    """Return the draft of ``recommendation`` with its simulation, not stored and not checked yet."""
    reserve = recommendation.reserve
    protocol = protocol_of(reserve.deployment)
    before: Mapping[str, int] = recommendation.baseline["parameters"]
    after: Mapping[str, int] = recommendation.chosen["parameters"]
    changes = difference(before, after, specs=protocol.parameters)
    symbol = plain_symbol(reserve.symbol)
    body = write_body(
        title=write_title(symbol, changes),
        market=reserve.deployment.name,
        recommendation={
            "baseline": recommendation.baseline,
            "chosen": recommendation.chosen,
            "findings": recommendation.findings,
        },
        inputs=recommendation.inputs,
        changes=changes,
    )
    description = write_description(body, evidence_hash=report.hash, proposer=proposer)
    bundle = Bundle(
        calls=protocol.encode(reserve=reserve.address, before=before, after=after),
        description=description,
        expectations=_expectations(protocol, symbol=symbol, reserve=reserve.address, before=before, after=after),
    )
    return DraftCase(
        body=body,
        description=description,
        proposer=proposer,
        bundle=bundle,
        protocol=protocol,
        reserve=reserve.address,
        before=before,
        after=after,
        changes=changes,
        evidence_hash=report.hash,
        evidence=bytes(report.body),
        simulation=run(bundle, sender=governor_of(recommendation).addresses["timelock"], client=client),
    )


def run(bundle: Bundle, *, sender: str, client: Client) -> Simulation:
    """Run ``bundle``'s calls as ``sender`` on a copy of the chain's head; read its expectations before and after."""
    reads = [item.call for item in bundle.expectations]
    result = simulate(client, [(sender, call) for call in bundle.calls], reads)
    block = result.base.number
    return Simulation(
        block_number=block,
        before=_words(client.eth_calls(reads, block=block), bundle),
        after=_words(result.reads, bundle),
        failure="; ".join(outcome.reason for outcome in result.calls if not outcome.ok),
    )


def _words(answers: Sequence[bytes], bundle: Bundle) -> tuple[int, ...]:
    return tuple(
        int.from_bytes(answer[32 * item.word : 32 * (item.word + 1)])
        for answer, item in zip(answers, bundle.expectations, strict=True)
    )


def _expectations(
    protocol: Protocol, *, symbol: str, reserve: str, before: Mapping[str, int], after: Mapping[str, int]
) -> tuple[Expectation, ...]:
    """Return one expectation for each parameter, so that what must not change is verified as well."""
    found = []
    for spec in protocol.parameters:
        how = protocol.read(spec.name, reserve)
        found.append(
            Expectation(
                call=how.call,
                word=how.word,
                before=before[spec.name],
                after=after[spec.name],
                label=f"{symbol} {spec.label}",
                unit=spec.unit,
            )
        )
    return tuple(found)


@transaction.atomic
def _store(recommendation: Recommendation, *, case: DraftCase, findings: list[dict[str, Any]]) -> Draft:
    title = case.body.partition("\n")[0].removeprefix("# ")
    key = bundle_hash(case.bundle)
    draft = Draft.objects.create(
        recommendation=recommendation,
        title=title,
        body=case.body,
        description=case.description,
        proposer=case.proposer,
        bundle=to_json(case.bundle),
        bundle_hash=key,
        checks=findings,
        checked_block=case.simulation.block_number,
    )
    audit.record(actor=case.proposer, action="draft.written", subject=key, facts={"evidence": case.evidence_hash})
    return draft
