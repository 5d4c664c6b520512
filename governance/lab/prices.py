"""The market's weather: hourly prices of all assets, drawn from a seed or replayed from real candles.

Each hour every volatile asset's log-return is ``drift + sigma * (beta * common + sqrt(1 - beta**2) * own)``, with
heavy-tailed shocks (Student's t, 5 degrees of freedom, scaled to variance 1). The volatility ``sigma`` is the asset's
calm level times the regime's stress, a weekend effect, and the exponential of log-volatility components that forget
over hours, days, weeks and months. That cascade of horizons is what makes volatility cluster as it does in real
markets, and what a heterogeneous autoregression (HAR) can learn. A falling market raises volatility.

Stablecoins stay near one dollar; a falling market pushes them below it for a while.

References
----------
Corsi (2009), "A Simple Approximate Long-Memory Model of Realized Volatility", J. Financial Econometrics 7(2).
Taylor (1986), "Modelling Financial Time Series" (stochastic volatility).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from governance.lab.spec import DAY, HOUR, Asset, Regime, WorldSpec

SCALE = 10**8  # feeds have 8 decimals
HOURS_IN_YEAR = 8_760
TAIL = 5  # degrees of freedom of the shocks
WEEKEND = {5: 0.58, 6: 0.7}  # share of a weekday's volatility on Saturday and Sunday, as measured on real candles
LEVERAGE = 0.06  # rise of log-volatility for each standard deviation that the market falls
PEG_MEMORY = math.exp(-1 / 10)  # a stablecoin forgets its deviation in about ten hours
PEG_NOISE = 0.00025
PEG_STRESS = 0.0005
LOWEST = 1e-4  # US dollars; a feed never says 0


@dataclass(frozen=True, slots=True)
class Component:
    """One layer of log-volatility: an autoregression that forgets in ``memory`` hours and has deviation ``size``."""

    memory: float
    size: float

    def step(self, value: float, noise: float) -> float:
        """Return the layer's value one hour later."""
        keep = math.exp(-1 / self.memory)
        return keep * value + self.size * math.sqrt(1 - keep * keep) * noise


COMMON = (Component(6, 0.25), Component(2 * 24, 0.35), Component(10 * 24, 0.30), Component(45 * 24, 0.35))
OWN = Component(5 * 24, 0.30)
LEVEL = -sum(layer.size**2 for layer in (*COMMON, OWN))  # so that the mean variance is the asset's calm level


class PricePath:
    """Prices by hour, extended as far as is asked for. Hour 0 is the genesis.

    Parameters
    ----------
    spec : WorldSpec
        Assets, regimes, seed and, if any, the replayed prices.
    """

    def __init__(self, spec: WorldSpec) -> None:
        self._spec = spec
        self._random = random.Random(f"{spec.seed}/prices")
        self._layers = [0.0] * len(COMMON)
        self._own = [0.0] * len(spec.assets)
        self._pegs = [0.0] * len(spec.assets)
        first = spec.replay[0] if spec.replay else tuple(round(asset.price * SCALE) for asset in spec.assets)
        self._rows = [first]

    def at(self, hour: int) -> tuple[int, ...]:
        """Return the assets' prices at ``hour``, in US dollars with 8 decimals."""
        while len(self._rows) <= hour:
            self._rows.append(self._next())
        return self._rows[hour]

    def _next(self) -> tuple[int, ...]:
        """Draw one more hour. Draws are made for replayed hours too, so that what follows does not depend on them."""
        spec, hour = self._spec, len(self._rows)
        regime = regime_at(spec.regimes, hour)
        common = self._shock()
        sigma = regime.stress * _weekend(spec.start + hour * HOUR) * math.exp(LEVEL + sum(self._layers))
        drawn = tuple(
            self._peg(index, common * regime.stress)
            if asset.stable
            else self._move(index, asset, regime, sigma, common)
            for index, asset in enumerate(spec.assets)
        )
        self._layers = [
            layer.step(value, self._random.gauss()) for layer, value in zip(COMMON, self._layers, strict=True)
        ]
        self._layers[0] -= LEVERAGE * min(common, 0.0)
        return spec.replay[hour] if hour < len(spec.replay) else drawn

    def _move(self, index: int, asset: Asset, regime: Regime, sigma: float, common: float) -> int:
        self._own[index] = OWN.step(self._own[index], self._random.gauss())
        hourly = asset.volatility / math.sqrt(HOURS_IN_YEAR) * sigma * math.exp(self._own[index])
        own = self._shock()
        shock = asset.beta * common + math.sqrt(1 - asset.beta**2) * own
        drift = regime.drift / (regime.days * 24) * asset.volatility / self._reference()
        moved = self._rows[-1][index] / SCALE * math.exp(drift - hourly * hourly / 2 + hourly * shock)
        return round(max(moved, LOWEST) * SCALE)

    def _peg(self, index: int, pressure: float) -> int:
        self._pegs[index] = (
            PEG_MEMORY * self._pegs[index] + PEG_NOISE * self._random.gauss() + PEG_STRESS * min(pressure + 3.0, 0.0)
        )
        return round(self._spec.assets[index].price * math.exp(self._pegs[index]) * SCALE)

    def _reference(self) -> float:
        """Volatility of the first asset, the one whose drift the regimes state."""
        return self._spec.assets[0].volatility

    def _shock(self) -> float:
        heavy = self._random.gauss() / math.sqrt(self._random.gammavariate(TAIL / 2, 2 / TAIL))
        return heavy * math.sqrt((TAIL - 2) / TAIL)


def regime_at(regimes: tuple[Regime, ...], hour: int) -> Regime:
    """Return the weather at ``hour``; after the last regime, the last one without drift."""
    end = 0.0
    for regime in regimes:
        end += regime.days * 24
        if hour <= end:
            return regime
    last = regimes[-1]
    return Regime(name=last.name, days=last.days, drift=0.0, stress=last.stress)


def _weekend(timestamp: int) -> float:
    return WEEKEND.get((timestamp // DAY + 3) % 7, 1.0)  # 1 January 1970 was a Thursday
