"""Calm or turbulent: a label of the market's state by day, for people; it forecasts worse than any model of the league.

Returns are normal with one of two variances, between which a Markov chain switches. The probability of a day is the
filtered one: it knows nothing of the days after it, though the parameters are those of the whole series.

References
----------
Hamilton (1989), as in statsmodels' ``MarkovRegression``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from forecasting.core.book import Floats
from forecasting.core.volatility.base import rounded
from governance.errors import GapInData

FEWEST = 250  # days
SCALE = 100.0


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
        Probability that each day was turbulent, given the days up to it; NaN where it was not measured.
    converged : bool
        Whether the search ended by itself; if not, show no label.
    """

    calm: float
    turbulent: float
    stays: tuple[float, float]
    turbulence: Floats
    converged: bool


def regimes(change: Floats) -> Regimes:
    """Return the states of (D,) daily log returns.

    Raises
    ------
    GapInData
        When fewer than `FEWEST` days were measured.
    """
    known = np.isfinite(change)
    if known.sum() < FEWEST:
        raise GapInData(
            f"{int(known.sum())} days are too few to tell calm from turbulence; {FEWEST} are needed.",
            days=int(known.sum()),
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by ``converged``
        warnings.simplefilter("ignore", RuntimeWarning)  # of standard errors that nobody asks for
        model = MarkovRegression(SCALE * change[known], k_regimes=2, trend="n", switching_variance=True)
        found = model.fit(disp=False)
    values = dict(zip(model.param_names, found.params, strict=True))
    variances = np.array([values["sigma2[0]"], values["sigma2[1]"]]) / SCALE**2
    stays = (values["p[0->0]"], 1.0 - values["p[1->0]"])
    wild = int(variances.argmax())
    turbulence = np.full(change.size, np.nan)
    turbulence[known] = [rounded(one) for one in found.filtered_marginal_probabilities[:, wild]]
    return Regimes(
        calm=rounded(variances[1 - wild]),
        turbulent=rounded(variances[wild]),
        stays=(rounded(stays[1 - wild]), rounded(stays[wild])),
        turbulence=turbulence,
        converged=bool(found.mle_retvals["converged"]),
    )
