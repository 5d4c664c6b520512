"""From a recommendation to a signed draft, and what each check refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import DatabaseError, transaction

from governance.domain.bundle import bundle_hash, from_json
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.models import AuditEntry, BundleRecord, OnchainProposal
from proposals import draft as drafting
from proposals import evidence, policy, review, selectors
from proposals.checks import all_checks, examine
from proposals.core.text import suffix
from proposals.models import Draft, SignOff
from proposals.recommend import recommend
from tests.proposals.cases import CURRENT, document
from tests.proposals.fake_chain import FakeChain, apply
from tests.proposals.markets import STEWARD, address

CARELESS = {"objective__es99_weight": 0, "objective__borrower_loss_weight": 0}


@pytest.fixture
def recommendation(market, models):
    return recommend(market.weth, snapshot=market.snapshot, policy=policy.load(document(**CARELESS)))


@pytest.fixture
def chain(monkeypatch):
    found = FakeChain(settings=dict(CURRENT))
    monkeypatch.setattr(drafting, "simulate", found.simulate)
    return found


@pytest.fixture
def draft(recommendation, chain):
    return drafting.draft(recommendation, proposer=STEWARD, client=chain)


@pytest.fixture
def drawn(recommendation, chain):
    """An unstored draft that passes every check."""
    report = evidence.build(recommendation)
    return drafting.prepare(recommendation, report=report, proposer=STEWARD, client=chain)


def mirrored(draft, *, state):
    bundle = from_json(draft.bundle)
    return OnchainProposal.objects.create(
        deployment=drafting.governor_of(draft.recommendation),
        proposal_id=7,
        proposer=STEWARD,
        description=draft.description,
        targets=[call.target for call in bundle.calls],
        values=["0"] * len(bundle.calls),
        calldatas=["0x" + call.data.hex() for call in bundle.calls],
        vote_start=1,
        vote_end=2,
        snapshot=1,
        state=state,
        bundle_id=draft.bundle_hash,
        created_block=1,
        tx_hash="0x" + "07" * 32,
        read_block=1,
        read_timestamp=1,
    )


def test_a_draft_says_and_does_what_was_recommended(draft, recommendation, chain, market):
    after = dict(CURRENT)
    bundle = from_json(draft.bundle)
    for call in bundle.calls:
        apply(call, after)
    assert after == recommendation.chosen["parameters"]
    assert bundle_hash(bundle) == draft.bundle_hash
    assert recommendation.evidence.hash in draft.description
    assert draft.description.endswith(suffix(STEWARD))
    assert draft.description.startswith(f"# {draft.title}")
    assert set(chain.senders) == {market.governor.addresses["timelock"]}
    assert len(bundle.expectations) == 5
    assert {item["level"] for item in draft.checks} == {"pass"}
    assert {item["code"] for item in draft.checks} == {check.code for check in all_checks()}
    assert draft.checked_block == chain.number


def test_drafting_twice_is_one_draft_and_for_somebody_else_a_conflict(draft, recommendation, chain):
    assert drafting.draft(recommendation, proposer=STEWARD, client=chain) == draft
    with pytest.raises(ConflictError, match="drafted for"):
        drafting.draft(recommendation, proposer=address(77), client=chain)
    assert Draft.objects.count() == 1


def test_there_is_no_draft_of_doing_nothing(market, models, chain):
    heavy = policy.load(document(objective__es99_weight=10**6, parameters__liquidation_threshold__grid=[]))
    calm = recommend(market.weth, snapshot=market.snapshot, policy=heavy)
    with pytest.raises(InputError, match="nothing to propose"):
        drafting.draft(calm, proposer=STEWARD, client=chain)


@pytest.mark.parametrize(
    ("settings", "refuses", "code"),
    [
        ({"ltv": 7_650}, "", "chain-unmoved"),
        ({}, "RISK_OR_POOL_ADMIN needed", "simulation-passes"),
    ],
)
def test_a_draft_that_would_fail_on_chain_is_not_stored(recommendation, chain, settings, refuses, code):
    chain.settings.update(settings)
    chain.refuses = refuses
    with pytest.raises(ConflictError) as caught:
        drafting.draft(recommendation, proposer=STEWARD, client=chain)
    assert code in {finding["code"] for finding in caught.value.facts["findings"]}
    assert not Draft.objects.exists()


def tamper(case, what):
    bundle, simulation = case.bundle, case.simulation
    first = bundle.calls[0]
    tampered = {
        "text says another value": {"body": case.body.replace(case.changes[0].after_text, "99 %")},
        "text hides a change": {"body": case.body.replace(f"| {case.changes[0].heading} |", "| Something |")},
        "calldata differs in one bit": {
            "bundle": replace(bundle, calls=(replace(first, data=first.data[:-1] + b"\xff"), *bundle.calls[1:]))
        },
        "a call goes elsewhere": {
            "bundle": replace(bundle, calls=(replace(first, target=address(666)), *bundle.calls[1:]))
        },
        "a call sends ether": {"bundle": replace(bundle, calls=(replace(first, value=1), *bundle.calls[1:]))},
        "a call is smuggled in": {"bundle": replace(bundle, calls=(*bundle.calls, first))},
        "an expectation is left out": {
            "bundle": replace(bundle, expectations=bundle.expectations[1:]),
            "simulation": replace(simulation, before=simulation.before[1:], after=simulation.after[1:]),
        },
        "the simulation ends elsewhere": {"simulation": replace(simulation, after=(1, *simulation.after[1:]))},
        "the chain moved": {"simulation": replace(simulation, before=(1, *simulation.before[1:]))},
        "the evidence was altered": {"evidence": case.evidence + b" "},
        "the text names other evidence": {
            "description": case.description.replace(case.evidence_hash, "0x" + "00" * 32)
        },
        "another proposer": {"proposer": address(666)},
        "two suffixes": {"description": f"{suffix(address(666))}\n{case.description}"},
    }
    return replace(case, **tampered[what])


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("text says another value", "text-matches-changes"),
        ("text hides a change", "text-matches-changes"),
        ("calldata differs in one bit", "calldata-matches-changes"),
        ("a call goes elsewhere", "calldata-matches-changes"),
        ("a call sends ether", "calldata-matches-changes"),
        ("a call is smuggled in", "calldata-matches-changes"),
        ("an expectation is left out", "expectations-complete"),
        ("the simulation ends elsewhere", "simulation-passes"),
        ("the chain moved", "chain-unmoved"),
        ("the evidence was altered", "evidence-named"),
        ("the text names other evidence", "evidence-named"),
        ("another proposer", "proposer-bound"),
        ("two suffixes", "proposer-bound"),
    ],
)
def test_every_kind_of_tampering_is_caught_by_its_check(drawn, what, code):
    assert not [finding for finding in examine(drawn) if finding.level != "pass"]
    assert code in {finding.code for finding in examine(tamper(drawn, what)) if finding.level == "block"}


def test_a_sign_off_registers_the_bundle_and_is_audited(draft, market):
    signature = review.sign_off(draft, steward=STEWARD, comment="Looks right.")
    draft.refresh_from_db()
    record = BundleRecord.objects.get(hash=draft.bundle_hash)
    assert draft.status == Draft.Status.SIGNED
    assert signature.bundle_hash == draft.bundle_hash
    assert (record.deployment, record.actor, record.body) == (market.governor, STEWARD, draft.bundle)
    assert list(AuditEntry.objects.filter(subject=draft.bundle_hash).values_list("action", flat=True)) == [
        "draft.written",
        "bundle.registered",
        "draft.signed",
    ]
    assert review.sign_off(draft, steward=STEWARD) == signature
    review.sign_off(draft, steward=address(78))
    assert SignOff.objects.count() == 2


def test_an_altered_bundle_is_not_signed(draft):
    altered = {**draft.bundle, "description": "something else"}
    Draft.objects.filter(pk=draft.pk).update(status=draft.status)  # allowed: nothing frozen changes
    with transaction.atomic(), pytest.raises(DatabaseError, match="Cannot update"):
        Draft.objects.filter(pk=draft.pk).update(bundle=altered)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(review, "from_json", lambda body: from_json(altered))
        with pytest.raises(ImplausibleData, match="altered"):
            review.sign_off(draft, steward=STEWARD)
    assert not BundleRecord.objects.exists()


@pytest.mark.parametrize(
    ("state", "status"), [("executed", "executed"), ("defeated", "rejected"), ("active", "submitted")]
)
def test_a_draft_follows_its_proposal(draft, state, status):
    assert review.track(draft).status == "draft"
    review.sign_off(draft, steward=STEWARD)
    assert review.track(draft).status == "signed"
    proposal = mirrored(draft, state=state)
    tracked = review.track(draft)
    assert (tracked.status, tracked.onchain) == (status, proposal)
    assert review.track(tracked).status == status
    assert selectors.drafts().get().onchain == proposal


def test_the_database_refuses_a_step_that_the_table_does_not_have(draft):
    with transaction.atomic(), pytest.raises(DatabaseError, match="Invalid transition"):
        Draft.objects.filter(pk=draft.pk).update(status="executed")


def test_it_is_too_late_to_sign_what_was_submitted(draft):
    review.sign_off(draft, steward=STEWARD)
    mirrored(draft, state="active")
    tracked = review.track(draft)
    with pytest.raises(ConflictError, match="too late"):
        review.sign_off(tracked, steward=address(79))


def test_the_evidence_knows_that_the_draft_names_it(draft):
    assert evidence.verify(draft.recommendation.evidence).described is True


def test_a_chain_with_two_governors_is_refused(recommendation, chain, market):
    market.governor.pk, market.governor.slug = None, "second"
    market.governor.save()
    with pytest.raises(InputError, match="2 governors"):
        drafting.draft(recommendation, proposer=STEWARD, client=chain)
