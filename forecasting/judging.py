"""What versions forecast out of sample, and how two of them compare there.

Each kept the outcomes beside its forecasts. They are taken from the champion's, and a challenger whose outcomes say
otherwise on any day is refused: nobody is judged by what it brought along itself.
"""

from __future__ import annotations

import numpy as np

from forecasting import artifacts
from forecasting.competing import cost
from forecasting.core.admission import Finding, Record, examine, losses
from forecasting.core.book import Floats
from forecasting.core.league import HORIZONS
from forecasting.core.scoring import dm_test
from forecasting.core.scoring.verdicts import MINIMUM
from forecasting.models import ModelVersion
from forecasting.pasts import HORIZON, Past, of_one_day, past, pasts, together

SEED = 1
EQUAL = 1e-9  # relative, up to which two outcomes of a day are one: a sum's rounding


def compare(challenger: ModelVersion, champion: ModelVersion) -> tuple[Finding, ...]:
    """Return what the rules say of two versions on the days that both forecast out of sample, at every horizon.

    Raises
    ------
    InputError
        When one of them kept no forecasts of one day ahead.
    """
    ours, theirs = pasts(challenger), pasts(champion)
    new, old = of_one_day(ours, challenger), of_one_day(theirs, champion)
    strange = [name for name in ours if name in theirs and not _agree(*together(ours[name], theirs[name]))]
    if strange:
        said = f"Its outcomes ({', '.join(strange)}) are not those of version {champion.pk} on the days that both have."
        return (Finding(rule="outcomes", passed=False, sentence=f"{said} Train on the same data."),)
    mine, other = together(new, old)
    found = examine(
        Record(name=challenger.name, forecast=mine.forecast, cost=cost(artifacts.load(challenger)["parameters"])),
        Record(name=champion.name, forecast=other.forecast, cost=cost(artifacts.load(champion)["parameters"])),
        realised=other.realised,
        change=other.change,
        seed=SEED,
    )
    return (*found, _complete(new, old), _elsewhere(ours, theirs))


def got_worse(version: ModelVersion, *, used: ModelVersion) -> int:
    """Return the days on which a model fitted anew is significantly worse than before; 0: it is not.

    The outcomes are those that the version in use was judged by, whatever became of the data since then.
    """
    ours, theirs = together(past(version), past(used))
    new = losses(ours.forecast, other=theirs.forecast, realised=theirs.realised)
    old = losses(theirs.forecast, other=ours.forecast, realised=theirs.realised)
    days = int(np.isfinite(new - old).sum())
    worse = days >= MINIMUM and (new != old).any() and dm_test(old, new).better()
    return days if worse else 0


def _same(ours: Floats, theirs: Floats) -> np.ndarray:
    return np.isclose(ours, theirs, rtol=EQUAL, atol=0.0)


def _agree(ours: Past, theirs: Past) -> bool:
    """Return whether two versions saw the same outcomes wherever both know one."""
    pairs = ((ours.realised, theirs.realised), (ours.change, theirs.change))
    return all((_same(mine, other) | np.isnan(mine + other)).all() for mine, other in pairs)


def _complete(ours: Past, theirs: Past) -> Finding:
    """Ask for a forecast of each day that the champion forecast, from the challenger's first day of an asset on."""
    assets = [name for name in theirs.assets if name in ours.assets]
    lacking = 0
    for asset in assets:
        mine, other = ours.forecast[:, ours.assets.index(asset)], theirs.forecast[:, theirs.assets.index(asset)]
        said = ours.ends[np.isfinite(mine)]
        asked = theirs.ends[np.isfinite(other)]
        begin = said[0] if said.size else asked[:1]
        lacking += int((~np.isin(asked[asked >= begin], said)).sum())
    told = "It forecast every day that the champion forecast" if not lacking else f"It lacks {lacking} days' forecasts"
    return Finding(
        rule="complete",
        passed=not lacking,
        sentence=f"{told}{' that the champion made: whoever is silent on wild days looks tame' if lacking else ''}.",
        numbers={"lacking": float(lacking)},
    )


def _elsewhere(ours: dict[str, Past], theirs: dict[str, Past]) -> Finding:
    """Ask that it be no worse at any other horizon, which a promotion puts in use as well."""
    others = [name for name in theirs if name != HORIZON]
    missing = [name for name in others if name not in ours]
    if missing:
        sentence = f"The champion forecasts {', '.join(missing)} ahead, and it does not."
        return Finding(rule="horizons", passed=False, sentence=sentence)
    worse, numbers = [], {}
    for name in others:
        mine, other = together(ours[name], theirs[name])
        new = losses(mine.forecast, other=other.forecast, realised=other.realised)
        old = losses(other.forecast, other=mine.forecast, realised=other.realised)
        known = int(np.isfinite(new - old).sum())
        if known < MINIMUM:
            sentence = f"{known} days can be compared {name} ahead; {MINIMUM} are needed."
            return Finding(rule="horizons", passed=False, sentence=sentence)
        if (new != old)[np.isfinite(new - old)].any():
            test = dm_test(old, new, horizon=HORIZONS[name].steps)
            numbers[name] = -test.t
            worse += [name] if test.better() else []
    said = f"It is worse {', '.join(worse)} ahead by more than luck" if worse else "It is no worse at other horizons"
    told = "; ".join(f"{name}: Diebold-Mariano t {t:.1f}" for name, t in numbers.items())
    return Finding(
        rule="horizons", passed=not worse, sentence=f"{said}{f' ({told})' if told else ''}.", numbers=numbers
    )
