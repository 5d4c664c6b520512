"""Gamma regression with logarithmic link: the regressors of log-HAR, fitted to the loss that scores it.

Half of the gamma deviance is QLIKE, so this is log-HAR without smearing: its forecasts are unbiased in variance where
it was fitted, and wild days count for more than in least squares of the logarithm.

References
----------
McCullagh & Nelder (1989), chapter 8; Patton (2011).
"""

from __future__ import annotations

from forecasting.core.volatility.har import CLOCK, EXTENDED
from forecasting.core.volatility.linear import Linear

DIRECT = (Linear(name="gamma_glm", regressors=EXTENDED + CLOCK, loss="gamma", ridge=20.0),)
