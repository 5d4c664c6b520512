"""Numbers and results in plain language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proposals.core.canonical import SIGNIFICANT_DIGITS
from proposals.core.change import Change
from proposals.core.diff import sentence
from proposals.core.search import Score, SearchResult

NOISE: Final = "The interval covers the noise of the simulation, not errors of its model."


def usd(amount: float) -> str:
    """Return dollars as people write them: whole ones, or cents below ten; as precise as the report's numbers."""
    shown = float(f"{amount:.{SIGNIFICANT_DIGITS}g}")
    return f"{shown:,.2f} USD" if 0 < abs(shown) < 10 else f"{shown:,.0f} USD"


def percent(share: float) -> str:
    """Return a share of one as a percentage."""
    return f"{share * 100:.2f} %"


def why(
    result: SearchResult, changes: Sequence[Change], *, symbol: str, paths: int, fresh: int, confidence: float
) -> str:
    """Return why the search ended as it did; it looked at ``paths`` futures and confirmed its pick on ``fresh``."""
    seen = f"{len(result.scores)} settings of {symbol} were run through the same {paths:,} simulated futures"
    if result.rejected:
        seen += f"; {len(result.rejected)} more were ruled out by a guardrail before that"
    level = f"{confidence * 100:.4g} %"
    if result.chosen is result.baseline:
        return f"{seen}. {_nothing(result, fresh=fresh, level=level)}"
    chosen, base = result.chosen, result.baseline
    effects = ", ".join(
        f"{label} from {usd(getattr(base.numbers, key))} to {usd(getattr(chosen.numbers, key))}"
        for label, key in (
            ("borrowing power goes", "capacity"),
            ("bad debt in the worst 1 % of stressed futures", "stressed_es99"),
            ("the expected loss of liquidated borrowers", "borrower_loss"),
        )
    )
    return (
        f"{seen}. The surest gain there came from {sentence(changes)}. It was confirmed on {fresh:,} other futures "
        f"that had no part in the choice: {effects}. Weighed by the policy that is {usd(chosen.gain.value)} better "
        f"than changing nothing ({level} interval {_interval(chosen)}, from those other futures alone). {NOISE}"
    )


def _nothing(result: SearchResult, *, fresh: int, level: str) -> str:
    others = result.scores[1:]
    if not others:
        return "None was left to compare with changing nothing, so nothing should change."
    if len(result.confirmed) > 1:
        pick = result.confirmed[-1]
        return (
            f"The surest gain there was not confirmed on {fresh:,} other futures that had no part in the choice: "
            f"on them candidate {pick.candidate.index} gains {usd(pick.gain.value)} with a {level} interval of "
            f"{_interval(pick)}, which does not stay above zero. So nothing should change."
        )
    best = max(others, key=lambda score: (score.gain.value, -score.candidate.index))
    return (
        f"None beats changing nothing for sure: the best one gains {usd(best.gain.value)} with a {level} interval of "
        f"{_interval(best)}, which does not stay above zero. So nothing should change."
    )


def _interval(score: Score) -> str:
    return f"{usd(score.gain.low)} to {usd(score.gain.high)}"
