"""The search for a better setting of one reserve: a small grid, confirmed on fresh futures.

1. Candidate 0 is "change nothing".
2. Liquidation threshold x bonus, at today's caps. The LTV follows the threshold at today's distance, or at the
   policy's buffer where that is wider.
3. Supply cap x borrow cap, at the best setting of step 2.
4. A candidate that a guardrail blocks is listed with the reason and not simulated.
5. All points run through the same futures. The one whose gain is surest there (greatest lower bound) is picked, if
   that bound is above zero. Of two equally sure ones the one that moves fewer parameters is picked.
6. The pick was fitted to those futures, so they flatter it. It and the baseline run through fresh ones that had no
   part in the choice; it wins if the lower bound of its gain there is above zero, else nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from proposals.core.finding import Finding, blocks
from proposals.core.interval import Gain, gains
from proposals.core.objective import Futures, Numbers, summarise
from proposals.core.policy import PolicyBody

type Setting = Mapping[str, int]
type Admit = Callable[[Setting], tuple[Finding, ...]]
type Evaluate = Callable[[Setting], Futures]
type Progress = Callable[[int, int, str], None]

NO_GAIN = Gain(value=0.0, low=0.0, high=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One point of the grid.

    Attributes
    ----------
    index : int
        Its place in the search; 0 is "change nothing".
    setting : Mapping
        Value of every parameter, as on chain.
    findings : tuple of Finding
        What the guardrails say of it.
    """

    index: int
    setting: Setting
    findings: tuple[Finding, ...] = ()

    @property
    def admissible(self) -> bool:
        """Return whether no guardrail blocks it; "change nothing" always is."""
        return self.index == 0 or not blocks(self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A candidate that was simulated."""

    candidate: Candidate
    numbers: Numbers
    gain: Gain


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """All that the search looked at.

    Attributes
    ----------
    scores : tuple of Score
        The simulated candidates on the search's futures, the baseline first.
    rejected : tuple of Candidate
        Those that a guardrail blocked.
    confirmed : tuple of Score
        The baseline, and the pick if there is one, on the fresh futures.
    sanity : tuple of Finding
        Whether the numbers move the way they must.
    """

    scores: tuple[Score, ...]
    rejected: tuple[Candidate, ...]
    confirmed: tuple[Score, ...]
    sanity: tuple[Finding, ...]

    @property
    def baseline(self) -> Score:
        """The candidate that changes nothing, on the fresh futures."""
        return self.confirmed[0]

    @property
    def chosen(self) -> Score:
        """The pick on the fresh futures if they confirm it, else the baseline."""
        return self.confirmed[-1] if self.confirmed[-1].gain.low > 0 else self.baseline


@dataclass(slots=True, kw_only=True)
class _Run:
    """The candidates of a search in the order in which they came up."""

    admit: Admit
    evaluate: Evaluate
    progress: Progress
    done: list[tuple[Candidate, Futures]] = field(default_factory=list)
    rejected: list[Candidate] = field(default_factory=list)

    def visit(self, settings: Iterable[Setting]) -> None:
        known = [candidate.setting for candidate, _ in self.done] + [candidate.setting for candidate in self.rejected]
        new = [setting for setting in settings if setting not in known]
        for position, setting in enumerate(new, start=1):
            candidate = Candidate(
                index=len(self.done) + len(self.rejected), setting=setting, findings=self.admit(setting)
            )
            if candidate.admissible:
                self.done.append((candidate, self.evaluate(setting)))
            else:
                self.rejected.append(candidate)
            self.progress(position, len(new), "candidates")


def search(
    *,
    current: Setting,
    policy: PolicyBody,
    admit: Admit,
    evaluate: Evaluate,
    confirm: Evaluate,
    seed: int,
    progress: Progress,
) -> SearchResult:
    """Search the grid around ``current``.

    Parameters
    ----------
    current : Mapping
        Today's value of every parameter.
    policy : PolicyBody
        Steps, weights and confidence.
    admit : callable
        A setting's guardrail findings.
    evaluate : callable
        A setting's losses, path by path, over the same futures for every setting.
    confirm : callable
        The same over other futures, independent of those.
    seed : int
        Seed of the bootstrap.
    progress : callable
        Told (done, total, text) within each stage.
    """
    run = _Run(admit=admit, evaluate=evaluate, progress=progress)
    run.visit([dict(current)])
    run.visit(risk_settings(current, policy=policy))
    best = max(
        run.done,
        key=lambda pair: (summarise(pair[1], weights=policy.objective).objective, -_moves(pair[0].setting, current)),
    )
    run.visit(cap_settings(best[0].setting, current=current, policy=policy))
    scores = _score(run.done, policy=policy, seed=seed)
    surest = max(scores, key=lambda score: (score.gain.low, -_moves(score.candidate.setting, current)))
    finalists = [scores[0].candidate, *([surest.candidate] if surest.gain.low > 0 else [])]
    fresh = [(candidate, confirm(candidate.setting)) for candidate in finalists]
    return SearchResult(
        scores=scores,
        rejected=tuple(run.rejected),
        confirmed=_score(fresh, policy=policy, seed=seed),
        sanity=tuple(sanity(scores)),
    )


def risk_settings(current: Setting, *, policy: PolicyBody) -> Iterator[Setting]:
    """Yield the settings of threshold (with its LTV) and bonus, at today's caps."""
    buffer = max(policy.safety.min_buffer_bps, current["liquidation_threshold"] - current["ltv"])
    for threshold, bonus in product(
        _values("liquidation_threshold", current, policy), _values("liquidation_bonus", current, policy)
    ):
        unmoved = threshold == current["liquidation_threshold"]
        ltv = current["ltv"] if unmoved else max(threshold - buffer, 0)
        yield {**current, "liquidation_threshold": threshold, "ltv": ltv, "liquidation_bonus": bonus}


def cap_settings(best: Setting, *, current: Setting, policy: PolicyBody) -> Iterator[Setting]:
    """Yield the settings of both caps around ``best``."""
    for supply, borrow in product(_values("supply_cap", current, policy), _values("borrow_cap", current, policy)):
        yield {**best, "supply_cap": supply, "borrow_cap": borrow}


def _moves(setting: Setting, current: Setting) -> int:
    """Return how many parameters differ: of two equally good settings the one that changes less is better."""
    return sum(setting[name] != current[name] for name in current)


def _values(name: str, current: Setting, policy: PolicyBody) -> tuple[int, ...]:
    rule = policy.parameters.get(name)
    return rule.steps(current[name]) if rule else (current[name],)


def _score(done: list[tuple[Candidate, Futures]], *, policy: PolicyBody, seed: int) -> tuple[Score, ...]:
    intervals = gains(
        [futures for _, futures in done],
        weights=policy.objective,
        confidence=policy.search.confidence_bps / 10_000,
        resamples=policy.search.resamples,
        seed=seed,
    )
    return tuple(
        Score(candidate=candidate, numbers=summarise(futures, weights=policy.objective), gain=gain)
        for (candidate, futures), gain in zip(done, intervals, strict=True)
    )


def sanity(scores: tuple[Score, ...]) -> Iterator[Finding]:
    """Yield whether bad debt and borrowing power never fall when only the supply cap is raised.

    A larger book in the same futures can only lose more. Where the numbers say otherwise they are not to be trusted.
    """
    checked = 0
    for low, high in product(scores, scores):
        raised = {**low.candidate.setting, "supply_cap": high.candidate.setting["supply_cap"]}
        if dict(high.candidate.setting) != raised or not _wider(low, high):
            continue
        checked += 1
        slack = 1e-6 * max(low.numbers.stressed_es99, 1.0)
        safer = high.numbers.stressed_es99 < low.numbers.stressed_es99 - slack
        if safer or high.numbers.capacity < low.numbers.capacity - slack:
            yield Finding(
                level="warn",
                code="monotonicity",
                message=f"Candidate {high.candidate.index} has a higher supply cap than candidate "
                f"{low.candidate.index}, yet a smaller loss or less borrowing power.",
                facts={"lower": low.candidate.index, "higher": high.candidate.index},
            )
            return
    message = f"Tail loss and borrowing power never fall when the supply cap rises ({checked} pairs compared)."
    if not checked:
        message = "No two settings differ in the supply cap alone, so there was nothing to compare."
    yield Finding(level="pass", code="monotonicity", message=message, facts={"pairs": checked})


def _wider(low: Score, high: Score) -> bool:
    """Return whether ``high`` has the higher supply cap; 0 on chain means no cap at all."""
    first, second = low.candidate.setting["supply_cap"], high.candidate.setting["supply_cap"]
    return first not in {second, 0} and (second == 0 or second > first)
