"""Whether a challenger may take the champion's place: rules on forecasts that both made out of sample.

Every rule answers with a sentence and its numbers, whether it passed or not, so that a refusal can be read. A rule that
lacks data does not pass: the champion stays until there is evidence.

References
----------
Diebold & Mariano (1995); model confidence set: Hansen, Lunde & Nason (2011); FZ0: Fissler & Ziegel (2016), Patton,
Ziegel & Chen (2019). Many coverage tests at once: Holm (1979), whose first step is all that a gate needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.scoring import christoffersen, dm_test, dynamic_quantile, fz0, kupiec, mcs, qlike
from forecasting.core.tails.base import Tails, walk
from forecasting.core.tails.mean import Mean
from governance.errors import InputError

SHARE = 0.01  # of the days that may be worse than the value at risk
LEVEL = 0.05  # one-sided, of the comparison
SET_LEVEL = 0.1  # of the confidence set
REJECTED = 0.01  # of the coverage tests of all assets and sides together
FEWEST_DAYS = 100  # with a tail forecast, below which coverage says nothing
WORSE_DAY = 1.1  # of the champion's worst day, up to which a challenger's counts as no worse
BIAS = 1.5  # between mean outcome and mean forecast, either way
SIDES = {"long": -1.0, "short": 1.0}  # what a return of 1 costs

type Sides = Mapping[tuple[str, int], tuple[Floats, Tails]]  # by side and asset: (D,) losses, and their tails


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a model forecast out of sample.

    Attributes
    ----------
    name : str
    forecast : (D, A) floats
        Variance of each day, from the days before it; NaN where there is none.
    cost : int
        Numbers that were learnt: the cheaper of two equals is preferred.
    """

    name: str
    forecast: Floats
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule said.

    Attributes
    ----------
    rule : str
    passed : bool
    sentence : str
    numbers : mapping of str to float
    """

    rule: str
    passed: bool
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Challenger and champion with what came: everything (D, A), tails by side and asset."""

    challenger: Record
    champion: Record
    realised: Floats
    change: Floats
    seed: int

    def losses(self, record: Record) -> Floats:
        """Return the (D,) mean loss over the assets that both models forecast."""
        both = np.isfinite(
            qlike(self.realised, self.challenger.forecast) + qlike(self.realised, self.champion.forecast)
        )
        kept = np.where(both, qlike(self.realised, record.forecast), 0.0)
        count = both.sum(axis=1)
        return np.where(count > 0, kept.sum(axis=1) / np.maximum(count, 1), np.nan)

    def tails(self, record: Record) -> Sides:
        """Return losses and tails of each side and asset, NaN on the days that have none."""
        found = {}
        for side, sign in SIDES.items():
            for asset in range(self.realised.shape[1]):
                loss = sign * self.change[:, asset]
                tails = walk(Mean(), loss=loss, scale=np.sqrt(record.forecast[:, asset]), share=SHARE)
                found[side, asset] = loss, tails
        return found


def losses(forecast: Floats, *, other: Floats, realised: Floats) -> Floats:
    """Return the (D,) mean QLIKE of a (D, A) forecast over the assets of each day that the other one has as well."""
    both = np.isfinite(realised * forecast * other)
    count = both.sum(axis=1)
    kept = np.where(both, qlike(realised, forecast), 0.0)
    return np.where(count > 0, kept.sum(axis=1) / np.maximum(count, 1), np.nan)


def examine(
    challenger: Record, champion: Record, *, realised: Floats, change: Floats, seed: int
) -> tuple[Finding, ...]:
    """Return what every rule says of a challenger; it may be promoted when all have passed.

    Parameters
    ----------
    challenger, champion : Record
        On the same D days and A assets.
    realised, change : (D, A) floats
        Variance and log return of each day; NaN where not measured.
    seed : int
        Of the bootstrap.
    """
    case = _Case(challenger=challenger, champion=champion, realised=realised, change=change, seed=seed)
    ours, theirs = case.tails(challenger), case.tails(champion)
    return (better(case), coverage(ours), tail(ours, theirs), worst_day(case), bias(case))


def better(case: _Case) -> Finding:
    """Ask for a significantly smaller loss, or for one that may as well be equal at a lower cost."""
    ours, theirs = case.losses(case.challenger), case.losses(case.champion)
    try:
        test = dm_test(ours, theirs)
        found = mcs({"challenger": ours, "champion": theirs}, seed=case.seed)
    except InputError as error:
        return Finding(rule="better", passed=False, sentence=error.message)
    numbers = {
        "qlike": float(np.nanmean(ours)),
        "champion_qlike": float(np.nanmean(theirs)),
        "t": test.t,
        "p": test.p / 2 if test.t < 0 else 1 - test.p / 2,
        "days": float(test.n),
    }
    said = (
        f"QLIKE {numbers['qlike']:.4f} against {numbers['champion_qlike']:.4f} over {test.n} days"
        f" (Diebold-Mariano t {test.t:.1f}, one-sided p {numbers['p']:.2g})"
    )
    if test.better(LEVEL):
        return Finding(rule="better", passed=True, sentence=f"{said}: better than luck explains.", numbers=numbers)
    if case.challenger.cost < case.champion.cost and "challenger" in found.members(SET_LEVEL):
        sentence = f"{said}: as good, and with {case.challenger.cost:,} learnt numbers, not {case.champion.cost:,}."
        return Finding(rule="better", passed=True, sentence=sentence, numbers=numbers)
    return Finding(rule="better", passed=False, sentence=f"{said}: that may be luck.", numbers=numbers)


def coverage(ours: Sides) -> Finding:
    """Ask that Kupiec's, Christoffersen's and the dynamic quantile test reject no side of any asset."""
    p, days, hits = [], 0, 0
    for said in ours.values():
        loss, tails = _on(_known(said), said)
        if loss.size < FEWEST_DAYS:
            sentence = (
                f"{loss.size} days have a value at risk; {FEWEST_DAYS} are needed to test how often it is passed."
            )
            return Finding(rule="coverage", passed=False, sentence=sentence, numbers={"days": float(loss.size)})
        passed = tails.hits(loss)
        days, hits = days + loss.size, hits + int(passed.sum())
        p += [
            kupiec(passed, share=SHARE).p,
            christoffersen(passed, share=SHARE).p,
            dynamic_quantile(passed, var=tails.var, share=SHARE).p,
        ]
    smallest = min(p) * len(p)
    return Finding(
        rule="coverage",
        passed=smallest >= REJECTED,
        sentence=(
            f"{hits} losses in {days:,} passed the value at risk of 99 % ({hits / days:.2%}; 1 % is right); of {len(p)}"
            f" tests the most sceptical gives p = {min(1.0, smallest):.3f}, corrected for their number."
        ),
        numbers={"hits": float(hits), "days": float(days), "p": min(1.0, smallest)},
    )


def tail(ours: Sides, theirs: Sides) -> Finding:
    """Ask for a score of the tail (FZ0) that is no worse on the days that have both: wild days cost whoever speaks."""
    both = {key: _known(ours[key]) & _known(theirs[key]) for key in ours}
    scores = [_mean_fz0([_on(both[key], said[key]) for key in both]) for said in (ours, theirs)]
    if not np.isfinite(scores).all():
        return Finding(rule="tail", passed=False, sentence="No day has a value at risk yet.")
    return Finding(
        rule="tail",
        passed=scores[0] <= scores[1],
        sentence=f"The tail's FZ0 score is {scores[0]:.4f}, the champion's {scores[1]:.4f}; lower is better.",
        numbers={"fz0": scores[0], "champion_fz0": scores[1]},
    )


def worst_day(case: _Case) -> Finding:
    """Ask that the worst day be no worse than the champion's worst."""
    ours, theirs = (float(np.nanmax(case.losses(record), initial=0.0)) for record in (case.challenger, case.champion))
    return Finding(
        rule="worst_day",
        passed=ours <= WORSE_DAY * theirs,
        sentence=f"The worst day's QLIKE is {ours:.2f}, the champion's {theirs:.2f}.",
        numbers={"worst": ours, "champion_worst": theirs},
    )


def bias(case: _Case) -> Finding:
    """Ask that outcomes are on average what was forecast, within a factor of `BIAS`."""
    both = np.isfinite(case.realised) & np.isfinite(case.challenger.forecast)
    ratio = float(case.realised[both].sum() / case.challenger.forecast[both].sum()) if both.any() else float("nan")
    return Finding(
        rule="bias",
        passed=1 / BIAS <= ratio <= BIAS,
        sentence=f"Variance came at {ratio:.2f} times what was forecast; within a factor of {BIAS} is allowed.",
        numbers={"ratio": ratio} if np.isfinite(ratio) else {},
    )


def _known(said: tuple[Floats, Tails]) -> Flags:
    """Return the (D,) days that have a loss and a value at risk."""
    loss, tails = said
    return np.isfinite(loss + tails.var)


def _on(days: Flags, said: tuple[Floats, Tails]) -> tuple[Floats, Tails]:
    """Return losses and tails of some days."""
    loss, tails = said
    return loss[days], Tails(var=tails.var[days], es=tails.es[days])


def _mean_fz0(found: Sequence[tuple[Floats, Tails]]) -> float:
    parts = [fz0(loss, var=tails.var, es=tails.es, share=SHARE) for loss, tails in found if loss.size]
    return float(np.concatenate(parts).mean()) if parts else float("nan")
