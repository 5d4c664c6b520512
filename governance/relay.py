"""The executor: queues and executes approved proposals when that becomes legal, and proves what it did.

It is keyed on intent, not on transactions. Before and after everything that it sends it asks the governor for the
proposal's state, and only that state says whether a step is done; a stranger may do it first, and that is as good.
One process at a time writes for a key (`governance.locks`), and every transaction is stored before it is broadcast
(`governance.sending`), so stopping it at any instant and starting it again ends in one execution.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance import audit
from governance.bundles import approved_call, check, governor_of
from governance.domain.lifecycle import CLOSED, RELAY_STEP, UNSETTLED, AttemptStatus, ProposalState, Step, StepStatus
from governance.domain.units import to_decimal
from governance.errors import CallReverted, ConflictError, ExcessiveGas, ImplausibleData
from governance.locks import exclusive
from governance.models import AuditEntry, OnchainProposal, RelayStep, Verification
from governance.sending import (
    FEE_CAP,
    GWEI,
    Desk,
    await_receipt,
    broadcast,
    estimate,
    fees,
    missing_funds,
    prepare,
    settle,
    subject,
)
from governance.verification import verify

if TYPE_CHECKING:
    from governance.chain.client import Client, Header
    from governance.chain.signer import Signer
    from governance.governors.base import Governor, ProposalFacts

MOST_REVERTS = 3  # mined failures of one step, each paid for, after which a person has to look
PAUSED, RESUMED = "executor.paused", "executor.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """Where one step stands after a run; ``acted`` says that this run moved it to done or sent something for it."""

    proposal_id: str
    step: str
    status: str
    done_by: str
    tx_hash: str
    not_before: int | None
    detail: str
    acted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """What one run of the executor found and did.

    Attributes
    ----------
    signer : str
        The executor's address.
    block_number, timestamp : int
        The chain's head when the run began.
    paused : bool
        Whether the switch is off, so that nothing was sent.
    outcomes : tuple of StepOutcome
        Every step that was open when the run began.
    executions : int
        Proposals that this run saw become executed by the executor's own transaction.
    expectations_total, expectations_verified : int
        Read back so far on this chain, over all proposals, and how many of them hold.
    mismatches : int
        Expectations that do not hold, of the proposals that were open when the run began.
    """

    signer: str
    block_number: int
    timestamp: int
    paused: bool
    outcomes: tuple[StepOutcome, ...]
    executions: int
    expectations_total: int
    expectations_verified: int
    mismatches: int

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong in this run, a sentence each."""
        failed = [outcome for outcome in self.outcomes if outcome.status == StepStatus.FAILED]
        sentences = [f"{outcome.step} of proposal {outcome.proposal_id} failed: {outcome.detail}" for outcome in failed]
        if self.mismatches:
            sentences.append(f"{self.mismatches} expectations of what was executed do not hold on chain")
        return tuple(sentences)

    @property
    def ok(self) -> bool:
        """Whether nothing failed in this run and every expectation that it read holds."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What stays the same during one run."""

    desk: Desk
    patience: float
    may_send: bool

    @property
    def client(self) -> Client:
        return self.desk.client


def run_once(
    *,
    client: Client,
    signer: Signer,
    confirmations: int = 0,
    patience: float = 30.0,
    dry_run: bool = False,
) -> RelayReport:
    """Advance every approved proposal as far as is legal now.

    Parameters
    ----------
    client : Client
        The chain.
    signer : Signer
        The executor's key.
    confirmations : int
        Blocks on top of a block after which what it says is taken as final.
    patience : float
        Seconds to wait for each transaction to be mined. One that is still under way is settled by a later run.
    dry_run : bool
        Say what would be sent, and send nothing.

    Raises
    ------
    ConflictError
        When another process is relaying with this key.
    ChainError
        When the chain cannot be asked; whatever was under way is found again by the next run.
    """
    chain_id = int(client.call("eth_chainId"), 16)
    desk = Desk(client=client, signer=signer, chain_id=chain_id, confirmations=confirmations)
    with exclusive(f"relay {chain_id} {signer.address}"):
        paused = is_paused()
        run = _Run(desk=desk, patience=patience, may_send=not paused and not dry_run)
        head = client.head()
        settle(head=head, desk=desk, may_send=run.may_send)
        touched = _open(chain_id)
        outcomes = [outcome for proposal in touched for outcome in _relay(proposal, run)]
    checked = Verification.objects.filter(step__proposal__deployment__chain_id=chain_id)
    return RelayReport(
        signer=signer.address,
        block_number=head.number,
        timestamp=head.timestamp,
        paused=paused,
        outcomes=tuple(outcomes),
        executions=sum(
            outcome.acted and outcome.step == Step.EXECUTE and outcome.done_by == "self" for outcome in outcomes
        ),
        expectations_total=checked.count(),
        expectations_verified=checked.filter(ok=True).count(),
        mismatches=checked.filter(ok=False, step__proposal__in=touched).count(),
    )


def pause(*, actor: str, reason: str) -> None:
    """Switch the executor off: it goes on watching and sends nothing."""
    audit.record(actor=actor, action=PAUSED, subject="executor", facts={"reason": reason})


def resume(*, actor: str) -> None:
    """Switch the executor on again."""
    audit.record(actor=actor, action=RESUMED, subject="executor")


def is_paused() -> bool:
    """Return whether the executor is switched off. The audit log itself is the switch, so it cannot be hidden."""
    last = AuditEntry.objects.filter(action__in=[PAUSED, RESUMED]).order_by("-sequence").first()
    return last is not None and last.action == PAUSED


def _open(chain_id: int) -> list[OnchainProposal]:
    """Return the approved proposals that are not finished: not executed and verified, not void."""
    mine = OnchainProposal.objects.filter(deployment__chain_id=chain_id, bundle__isnull=False)
    ended = RelayStep.objects.filter(step=Step.EXECUTE, status__in=RELAY_STEP.final)
    unverified = ended.filter(status=StepStatus.DONE, verifications__isnull=True)
    finished = ended.exclude(pk__in=unverified.values("pk")).values("proposal")
    return list(mine.exclude(pk__in=finished).select_related("deployment", "bundle").order_by("created_block", "pk"))


def _relay(proposal: OnchainProposal, run: _Run) -> list[StepOutcome]:
    steps = [RelayStep.objects.get_or_create(proposal=proposal, step=step.value)[0] for step in Step]
    open_before = [step for step in steps if step.status not in RELAY_STEP.final]
    for step in steps:
        step.proposal = proposal
    before = {step.pk: (step.status, step.attempts.count()) for step in steps}
    try:
        bundle = check(proposal)
    except (ConflictError, ImplausibleData) as error:
        for step in open_before:
            _move(step, StepStatus.FAILED, detail=f"refused: {error.message}", action="relay.refused")
        return [_outcome(step, before=before[step.pk]) for step in open_before]
    governor = governor_of(proposal.deployment)
    for step in open_before:
        try:
            while _advance(step, governor, run):
                pass  # mined: what does the chain say now?
        except CallReverted as error:  # one proposal that the governor does not know must not stop the others
            _move(step, StepStatus.FAILED, detail=error.message, action="relay.failed")
    if steps[-1].status == StepStatus.DONE:
        verify(steps[-1], bundle, client=run.client, head=run.client.head())
    return [_outcome(step, before=before[step.pk]) for step in open_before]


def _advance(step: RelayStep, governor: Governor, run: _Run) -> bool:
    """Do what the chain's state asks for; return whether it changed by that, so that it must be asked anew."""
    head = run.client.head()
    settle(head=head, desk=run.desk, may_send=run.may_send)
    step.refresh_from_db(fields=["status", "detail"])
    facts = _facts(step, governor, block=head.number, run=run)
    if _is_done(step, facts):
        _finish(step, governor, head=head, run=run)
        return False
    if facts.state in CLOSED:
        _move(step, StepStatus.VOID, detail=f"the proposal is {facts.state}", action="relay.void")
        return False
    not_before, legal = _due(step, facts, head=head)
    step.not_before = not_before
    if step.attempts.filter(status__in=UNSETTLED).exists():
        return False  # still under way
    if not legal:
        _wait(step)
        return False
    return _act(step, head=head, run=run)


def _facts(step: RelayStep, governor: Governor, *, block: int, run: _Run) -> ProposalFacts:
    proposal_id = int(step.proposal.proposal_id)
    return governor.read(run.client, [proposal_id], block=block)[proposal_id]


def _is_done(step: RelayStep, facts: ProposalFacts) -> bool:
    done = {ProposalState.EXECUTED} if step.step == Step.EXECUTE else {ProposalState.QUEUED, ProposalState.EXECUTED}
    return facts.state in done


def _due(step: RelayStep, facts: ProposalFacts, *, head: Header) -> tuple[int | None, bool]:
    """Return from when on the step is legal (None: not known yet) and whether it is at ``head``."""
    if step.step == Step.QUEUE:
        in_seconds = step.proposal.deployment.facts.get("clock") != "blocknumber"
        return facts.vote_end + 1 if in_seconds else None, facts.state is ProposalState.SUCCEEDED
    if facts.state is ProposalState.QUEUED and facts.eta is not None:
        return facts.eta, head.timestamp >= facts.eta
    return None, False


def _wait(step: RelayStep) -> None:
    if RELAY_STEP.allows(step.status, StepStatus.WAITING):
        _move(step, StepStatus.WAITING)
    else:
        step.save(update_fields=["not_before"])


def _finish(step: RelayStep, governor: Governor, *, head: Header, run: _Run) -> None:
    """Close a step that the chain says is done, once it is deep enough to stay so."""
    final = head.number - run.desk.confirmations
    if final < step.proposal.created_block:
        return
    if run.desk.confirmations and not _is_done(step, _facts(step, governor, block=final, run=run)):
        return
    mined = step.attempts.filter(status=AttemptStatus.MINED).first()
    kind = "executed" if step.step == Step.EXECUTE else "queued"
    event = step.proposal.events.filter(kind=kind).first()
    step.done_by = "self" if mined else "stranger"
    step.done_tx = mined.tx_hash if mined else (event.tx_hash if event else "")
    _move(step, StepStatus.DONE, action="relay.done", facts={"by": step.done_by, "tx_hash": step.done_tx})


def _act(step: RelayStep, *, head: Header, run: _Run) -> bool:
    """Simulate and send a step that is legal; return whether to look at the chain again."""
    if step.attempts.filter(status=AttemptStatus.REVERTED).count() >= MOST_REVERTS:
        detail = f"{MOST_REVERTS} transactions reverted; find out why, then {step.step} it from any other account"
        _move(step, StepStatus.FAILED, detail=detail, action="relay.failed")
        return False
    call = approved_call(step)
    try:
        gas = estimate(call, desk=run.desk)
    except (CallReverted, ExcessiveGas) as error:
        _move(step, StepStatus.FAILED, detail=error.message, action="relay.failed")
        return False
    offer = fees(client=run.client, head=head)
    lacking = missing_funds(gas=gas, offer=offer, desk=run.desk)
    hindrance = _hindrance(offer.max_fee, lacking, run)
    _move(step, StepStatus.READY, detail=hindrance)
    if hindrance:
        return False
    attempt = prepare(step, call, gas=gas, offer=offer, head=head, desk=run.desk)
    broadcast(attempt, client=run.client)
    await_receipt(attempt, client=run.client, seconds=run.patience)
    return run.client.receipt(attempt.tx_hash) is not None


def _hindrance(max_fee: int, lacking: int, run: _Run) -> str:
    """Return why a step that is ready is not sent now; empty when nothing hinders."""
    if not run.may_send:
        return "legal now; nothing is sent while the executor is paused or on a dry run"
    if max_fee > FEE_CAP:
        return f"gas costs {max_fee // GWEI} gwei, above the cap of {FEE_CAP // GWEI}"
    if lacking:
        return f"the executor {run.desk.signer.address} lacks {to_decimal(lacking, 18):f} ether for gas"
    return ""


def _move(
    step: RelayStep,
    status: StepStatus,
    *,
    detail: str = "",
    action: str = "",
    facts: dict[str, audit.Fact] | None = None,
) -> None:
    """Move ``step`` and say so in the audit log under ``action``; saying the same again leaves no second entry."""
    changed = (step.status, step.detail) != (status.value, detail)
    step.status, step.detail = status.value, detail
    with transaction.atomic():
        step.save()
        if changed and action:
            body: dict[str, audit.Fact] = {"detail": detail, **(facts or {})}
            audit.record(actor="executor", action=action, subject=subject(step), facts=body)


def _outcome(step: RelayStep, *, before: tuple[str, int]) -> StepOutcome:
    last = step.attempts.last()
    finished = step.status == StepStatus.DONE and before[0] != StepStatus.DONE
    return StepOutcome(
        proposal_id=str(step.proposal.proposal_id),
        step=step.step,
        status=step.status,
        done_by=step.done_by,
        tx_hash=step.done_tx or (last.tx_hash if last else ""),
        not_before=step.not_before,
        detail=step.detail,
        acted=finished or step.attempts.count() > before[1],
    )
