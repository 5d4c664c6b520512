"""The whole flow, once around, on the local world: the only file that names all of it.

Every step asks first what stands already, in the database or on the chain, and does only what is missing. So the loop
can be killed anywhere and started again, and a second run verifies what the first one did instead of doing it twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from forecasting import forecasts, training
from forecasting.collect import collect, reconcile, snapshot
from forecasting.models import Forecast, Liquidation, ModelVersion, Reserve, Snapshot, TrainingRun
from governance import deployments, votes
from governance.domain.bundle import from_json
from governance.domain.lifecycle import ProposalState
from governance.errors import ConflictError, DataError
from governance.governors.base import governor_for
from governance.lab import dao
from governance.lab.world import World
from governance.models import Deployment, OnchainProposal, Verification
from proposals import draft as drafting
from proposals import evidence, outcome, policy, recommend, review
from proposals.local import Executor, Site
from proposals.models import Draft, Recommendation

HOUR: Final = 3600
WEEKS_AFTER: Final = 3
TRAINING_SECONDS: Final = 900.0
MOST_RELAYS: Final = 6  # queue, execute, and a few more for a slow node

type Advance = Callable[[int, int, str], None]


class Teller(Protocol):
    """Whoever narrates: a command, or a test."""

    def say(self, text: str) -> None:
        """Say one sentence."""
        ...

    def progress(self, title: str) -> AbstractContextManager[Advance]:
        """Show progress while a block runs."""
        ...


@dataclass(slots=True, kw_only=True)
class LoopReport:
    """The figures of one turn of the loop.

    Attributes
    ----------
    accounts_compared, health_mismatches : int
        Accounts whose collateral, debt and health factor were compared with the contract's, and how many differ.
    liquidations : int
        Collected so far.
    tally_equal : bool
        Whether the indexed votes add up to the governor's own tally.
    expectations_verified, expectations_total : int
        What the change promised, and how much of it the chain was found to hold.
    executions : int
        How often the proposal was executed on chain.
    evidence_hash : str
        SHA-256 of the evidence report that the proposal's description names.
    outcome_scored : bool
        Whether the forecast was scored against what happened.
    seconds : dict of float
        Wall time by step.
    """

    accounts_compared: int = 0
    health_mismatches: int = 0
    liquidations: int = 0
    tally_equal: bool = False
    expectations_verified: int = 0
    expectations_total: int = 0
    executions: int = 0
    evidence_hash: str = ""
    outcome_scored: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether everything that must hold at the end of the loop holds."""
        return (
            self.accounts_compared > 0
            and self.health_mismatches == 0
            and self.tally_equal
            and 0 < self.expectations_total == self.expectations_verified
            and self.executions == 1
            and self.outcome_scored
        )


class Loop:
    """One turn of the loop. `run` goes all the way round; each step can be called again at any time."""

    def __init__(self, site: Site, *, teller: Teller) -> None:
        self.site = site
        self.teller = teller
        self.report = LoopReport()

    def run(self) -> LoopReport:
        """Go once around.

        Raises
        ------
        BreakwaterError
            Whatever stops a step; what was done before stays, and the next run goes on from there.
        """
        with self._step("services", "Services: a database, a broker, a worker with its schedule, and an EVM node"):
            self.site.start(self.teller.say)
        with self._step("world", "A local world: the real Aave v3 contracts, a real Governor, and a year of weather"):
            world = self._world()
        executor = self.site.executor(world)
        with self._step("collect", "Collect: from the node into PostgreSQL, exact to the last digit"):
            protocol, governor = self._watch(world)
            book = self._collect(protocol, governor)
        with self._step("forecast", "Forecast: volatility, and what a fall of prices would do to the book"):
            book = self._forecast(protocol, book)
        with self._step("draft", "Draft: a better setting inside the DAO's policy, with its evidence"):
            proposed = self._draft(world, book)
        with self._step("vote", "Vote: propose, let the holders decide, and count with the contract"):
            self._vote(world, governor, proposed)
        with self._step("relay", "Relay: queue and execute when it is legal, exactly once, and verify on chain"):
            self._relay(world, governor, proposed, executor)
        with self._step("score", "Score: the forecast beside what happened"):
            self._score(world, protocol, governor, proposed)
        if not self.report.sound:
            raise DataError("The loop ended, but not everything holds; see the figures above.", **vars_of(self.report))
        return self.report

    @contextmanager
    def _step(self, name: str, title: str) -> Iterator[None]:
        self.teller.say(f"\n{len(self.report.seconds) + 1}. {title}")
        start = time.monotonic()
        yield
        self.report.seconds[name] = round(time.monotonic() - start, 2)

    def _world(self) -> World:
        with self.teller.progress("simulating") as progress:
            world = self.site.world(progress)
        now = world.now()
        self.teller.say(
            f"   {len(world.actors)} accounts lend and borrow in {len(world.reserves)} reserves; block {now.block:,},"
            f" day {now.hour // 24}. Risk parameters are changed by the DAO's timelock."
        )
        return world

    def _watch(self, world: World) -> tuple[Deployment, Deployment]:
        protocol = deployments.watch_protocol(
            client=self.site.client,
            flavour="aave_v3",
            address=world.addresses["addresses_provider"],
            slug="lab-market",
            name="Local market (Aave v3)",
            first_block=world.first_block,
        )
        governor = deployments.watch_governor(
            client=self.site.client,
            flavour="oz",
            addresses={role: world.addresses[role] for role in ("governor", "timelock", "token")},
            slug="lab-dao",
            name="Local DAO",
            first_block=world.first_block,
        )
        return protocol, governor

    def _collect(self, protocol: Deployment, governor: Deployment) -> Snapshot:
        """Collect to the head, rebuild the book there, and compare every account with the contract."""
        for deployment in (protocol, governor):
            with self.teller.progress(deployment.name) as progress:
                report = collect(deployment, client=self.site.client, progress=progress)
            self.teller.say(f"   {deployment.name}: {report.logs:,} new logs in {report.blocks:,} blocks.")
        book = snapshot(protocol)
        compared = reconcile(book, client=self.site.client)
        self.report.accounts_compared = compared.accounts_compared
        self.report.health_mismatches = compared.health_mismatches
        self.report.liquidations = Liquidation.objects.filter(deployment=protocol).count()
        self.teller.say(
            f"   {compared.accounts_compared} accounts at block {book.block_number:,} compared with getUserAccountData:"
            f" {compared.health_mismatches} differ. {self.report.liquidations} liquidations so far."
        )
        if compared.health_mismatches:
            raise DataError("The collected book is not the contract's, so nothing may be concluded from it.")
        return book

    def _forecast(self, protocol: Deployment, book: Snapshot) -> Snapshot:
        """Train on the book that the standing draft was made from, or else on this one; return that book."""
        standing = standing_draft(protocol)
        book = standing.recommendation.snapshot if standing else book
        run = training.request(protocol, book)
        again = run.status == TrainingRun.Status.DONE
        with self.teller.progress("training") as progress:
            version = training.wait(run, progress=progress, timeout=TRAINING_SECONDS)
        published = forecasts.publish(book, seed=training.SEED)
        self.teller.say(f"   {'Trained before on the same data' if again else 'Trained by a Celery worker'}.")
        self.teller.say(f"   {volatility_verdict(version)}")
        self.teller.say(f"   {cascade_words(published)}")
        return book

    def _draft(self, world: World, book: Snapshot) -> Draft:
        """Return the standing draft, or recommend, draft and sign the one that gains most."""
        made = standing_draft(book.deployment) or self._decide(world, book)
        if made.status == Draft.Status.DRAFT:
            review.sign_off(made, steward=world.steward, comment="Signed by the demo's script.")
        self.report.evidence_hash = made.recommendation.evidence.hash
        if not evidence.verify(made.recommendation.evidence).holds:
            raise DataError("The evidence report does not recompute to its hash.", hash=self.report.evidence_hash)
        for change in made.recommendation.chosen["changes"]:
            self.teller.say(f"   {change['label']}: {change['before_text']} -> {change['after_text']}")
        self.teller.say(f"   Signed off by the steward. Evidence {self.report.evidence_hash}.")
        return made

    def _decide(self, world: World, book: Snapshot) -> Draft:
        rules = policy.ensure()
        found: list[Recommendation] = []
        for reserve in Reserve.objects.filter(deployment=book.deployment).order_by("index"):
            with self.teller.progress(reserve.symbol) as progress:
                made = recommend.recommend(reserve, snapshot=book, policy=rules, progress=progress)
            self.teller.say(f"   {reserve.symbol}: {made.get_status_display().lower()}.")
            if made.status == Recommendation.Status.RECOMMENDED:
                found.append(made)
        if not found:
            raise ConflictError("On every reserve, changing nothing is best; there is nothing to propose.")
        best = max(found, key=lambda made: float(made.chosen["numbers"]["gain"]))
        return drafting.draft(best, proposer=world.steward, client=self.site.client)

    def _vote(self, world: World, governor: Deployment, proposed: Draft) -> None:
        """Bring the proposal on chain and through its vote, whatever of that is still to be done."""
        bundle = from_json(proposed.bundle)
        flavour = governor_for(governor.flavour, governor.addresses)
        number = flavour.proposal_id(bundle)
        self._index(governor)
        if not OnchainProposal.objects.filter(deployment=governor, proposal_id=number).exists():
            world.send(world.steward, flavour.propose(bundle))
        proposal = self._find(governor, number)
        if proposal.state == ProposalState.PENDING:
            self._wait_until(world, proposal.vote_start + 1)
            proposal = self._find(governor, number)
        if proposal.state == ProposalState.ACTIVE:
            self._cast(world, proposal)
            self._wait_until(world, proposal.vote_end + 1)
            proposal = self._find(governor, number)
        review.track(proposed)
        self.teller.say(
            f"   {proposal.votes.count()} votes from as many accounts; the proposal is {proposal.state}. The indexed"
            f" tally {'equals' if self.report.tally_equal else 'DIFFERS FROM'} the contract's."
        )

    def _cast(self, world: World, proposal: OnchainProposal) -> None:
        """Let every holder who has not voted yet vote: most for it, one against, one abstains."""
        voted = set(proposal.votes.values_list("voter", flat=True))
        answers = {world.holders[-1]: dao.Support.AGAINST, world.holders[-2]: dao.Support.ABSTAIN}
        reasons = {dao.Support.FOR: "Scripted: for.", dao.Support.AGAINST: "Scripted: against."}
        for holder in world.holders:
            if holder not in voted:
                support = answers.get(holder, dao.Support.FOR)
                ballot = dao.vote(
                    world.addresses["governor"],
                    proposal_id=int(proposal.proposal_id),
                    support=support,
                    reason=reasons.get(support, ""),
                )
                world.send(holder, ballot)

    def _index(self, governor: Deployment) -> None:
        """Bring the mirror of the governor up to the head."""
        collect(governor, client=self.site.client)
        self.report.tally_equal = votes.index(governor, client=self.site.client).tally_equal is True

    def _find(self, governor: Deployment, number: int) -> OnchainProposal:
        self._index(governor)
        return OnchainProposal.objects.get(deployment=governor, proposal_id=number)

    def _wait_until(self, world: World, timestamp: int) -> None:
        """Let the world's time go on until ``timestamp``, with its prices and its actors."""
        while (missing := timestamp - world.now().timestamp) > 0:  # an hour ends on the hour, not an hour from now
            with self.teller.progress("time goes by") as progress:
                world.advance(-(-missing // HOUR), progress=progress)

    def _relay(self, world: World, governor: Deployment, proposed: Draft, executor: Executor) -> None:
        """Run the executor's process until the proposal is executed, and once more to see that it does nothing."""
        number = governor_for(governor.flavour, governor.addresses).proposal_id(from_json(proposed.bundle))
        for _ in range(MOST_RELAYS):
            due = executor.run()
            proposal = self._find(governor, number)
            if proposal.state == ProposalState.EXECUTED:
                break
            self._wait_until(world, due or world.now().timestamp + HOUR)
        executor.run()
        review.track(proposed)
        proposal = self._find(governor, number)
        checked = Verification.objects.filter(step__proposal=proposal)
        self.report.expectations_total = len(from_json(proposed.bundle).expectations)
        self.report.expectations_verified = checked.filter(ok=True).count()
        self.report.executions = proposal.events.filter(kind="executed").count()
        self.teller.say(
            f"   The proposal is {proposal.state}, executed {self.report.executions} time; the executor's next run had"
            f" nothing to do. {self.report.expectations_verified} of {self.report.expectations_total} expectations"
            " hold."
        )

    def _score(self, world: World, protocol: Deployment, governor: Deployment, proposed: Draft) -> None:
        """Let weeks go by, collect them, and compare."""
        proposed.refresh_from_db()
        if proposed.status != Draft.Status.SCORED:
            end = proposed.recommendation.created_timestamp + WEEKS_AFTER * 7 * 24 * HOUR
            self._wait_until(world, end)
            book = self._collect(protocol, governor)
            self._index(governor)
            forecasts.publish(book, seed=training.SEED)
        scored = outcome.score(proposed, client=self.site.client)
        self.report.outcome_scored = True
        judged = [metric for metric in scored.body["metrics"] if "inside" in metric]
        held = sum(metric["inside"] for metric in judged)
        self.teller.say(f"   {held} of {len(judged)} forecasts held inside their interval.")


def standing_draft(protocol: Deployment) -> Draft | None:
    """Return the newest draft for a market, if there is one."""
    return Draft.objects.filter(recommendation__reserve__deployment=protocol).first()


def volatility_verdict(version: ModelVersion) -> str:
    """Return in words what the walk-forward comparison beneath a cascade version said."""
    scored = version.parent.metrics["assets"] if version.parent else []
    better = [asset["symbol"] for asset in scored if asset["beats"]]
    if better:
        return (
            f"Walked forward, log-HAR beats its EWMA baseline on {', '.join(better)}; elsewhere the baseline is used."
        )
    if not any(asset["n"] for asset in scored):
        return "The history is too short to compare log-HAR with its EWMA baseline, so the baseline is used."
    return "Walked forward, log-HAR does not beat its EWMA baseline beyond luck on any asset, so the baseline is used."


def cascade_words(published: Sequence[Forecast]) -> str:
    """Return the published loss forecast in words."""
    market = next(forecast for forecast in published if forecast.reserve is None)
    debt, likely = market.body["bad_debt"], market.body["bad_debt"]["positive"]
    return (
        f"Within {market.horizon_hours} hours bad debt arises with probability {likely['value']:.2%}"
        f" ({likely['low']:.2%} to {likely['high']:.2%}); expected shortfall {debt['es99']['value']:,.0f} USD."
    )


def vars_of(report: LoopReport) -> dict[str, object]:
    """Return a report's figures by name."""
    return {name: getattr(report, name) for name in report.__dataclass_fields__}
