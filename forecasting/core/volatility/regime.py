"""Calm or turbulent: a label of the market's state by day, for people; it forecasts worse than any model of the league.

Returns are normal with one of two variances, between which a Markov chain switches. The parameters are learnt from the
days before ``first`` alone, and the probability of a day is the filtered one: neither knows anything of what follows.

References
----------
Hamilton (1989), as in statsmodels' ``MarkovRegression``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from forecasting.core.book import Floats
from governance.errors import GapInData

FEWEST = 250  # days
SCALE = 100.0
LIKELY = 0.5
PLACES = 6  # of a probability: the search ends within a tolerance, and a label needs no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimes:
    """The two states of one asset.

    Attributes
    ----------
    calm, turbulent : float
        Daily variance in each.
    stays : tuple of float
        Probability that a calm day, and a turbulent one, is followed by its like.
    turbulence : (D,) floats
        Probability that each day was turbulent, given the days up to it; NaN where it was not measured. Of the days
        from ``first`` on it is what could have been said then.
    converged : bool
        Whether the search ended by itself; if not, show no label.
    """

    calm: float
    turbulent: float
    stays: tuple[float, float]
    turbulence: Floats
    converged: bool


def regimes(change: Floats, *, first: int) -> Regimes:
    """Return the states of (D,) daily log returns, learnt from those before row ``first``.

    Raises
    ------
    GapInData
        When fewer than `FEWEST` of these were measured, or none of them is other than zero.
    """
    known = np.isfinite(change)
    before = int(known[:first].sum())
    if before < FEWEST or not change[:first][known[:first]].any():
        raise GapInData(
            f"{before} days are too few to tell calm from turbulence, or the price stood still; {FEWEST} are needed.",
            days=before,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by ``converged``
        warnings.simplefilter("ignore", RuntimeWarning)  # of standard errors that nobody asks for
        learnt = _chain(change[:first][known[:first]]).fit(disp=False)
        found = _chain(change[known]).filter(learnt.params)
    values = dict(zip(found.model.param_names, found.params, strict=True))
    variances = np.array([values["sigma2[0]"], values["sigma2[1]"]]) / SCALE**2
    stays = (values["p[0->0]"], 1.0 - values["p[1->0]"])
    wild = int(variances.argmax())
    turbulence = np.full(change.size, np.nan)
    turbulence[known] = np.round(found.filtered_marginal_probabilities[:, wild], PLACES)
    return Regimes(
        calm=_told(variances[1 - wild]),
        turbulent=_told(variances[wild]),
        stays=(_told(stays[1 - wild]), _told(stays[wild])),
        turbulence=turbulence,
        converged=bool(learnt.mle_retvals["converged"]),
    )


def label(change: Floats, *, days: slice) -> dict[str, Any] | None:
    """Return the label of a backtest's ``days``, ready for JSON; None where it cannot be given.

    Returns
    -------
    dict
        ``state``: ``turbulent`` or ``calm``, of the last measured day; ``turbulence``: the probability of it;
        ``share`` of the days that were turbulent; ``calm, turbulent``: daily variance in each state.
    """
    try:
        found = regimes(change, first=days.start)
    except GapInData:
        return None
    likely = found.turbulence[days][np.isfinite(found.turbulence[days])]
    if not found.converged or not likely.size:
        return None
    return {
        "state": "turbulent" if likely[-1] > LIKELY else "calm",
        "turbulence": float(likely[-1]),
        "share": float((likely > LIKELY).mean()),
        "calm": found.calm,
        "turbulent": found.turbulent,
    }


def _chain(change: Floats) -> MarkovRegression:
    return MarkovRegression(SCALE * change, k_regimes=2, trend="n", switching_variance=True)


def _told(value: float) -> float:
    """Return a parameter to as many digits as the search that found it can tell."""
    return float(f"{value:.4g}")
