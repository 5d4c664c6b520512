"""What likely paths stand on: the source, how each column is priced, and what history teaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.core.days import DAY
from forecasting.core.volatility.base import rounded
from forecasting.core.worlds import stress
from forecasting.core.worlds.history import STEPS, History
from forecasting.core.worlds.likeness import ALIKE, STABLE, USD, Column, resolve
from forecasting.core.worlds.steward import MOST_HOURS
from forecasting.models import Dataset
from forecasting.worlds import frozen, prices
from forecasting.worlds.prices import Usable
from forecasting.worlds.sentences import day, moment
from governance.errors import InputError

YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for; see `forecasting.worlds.scenario`."""

    assets: tuple[str, ...]
    hours: int | None
    source: str
    likenesses: Mapping[str, str]
    seed: int
    at: int | None

    def length(self, usual: int, *, most: int = MOST_HOURS) -> int:
        """Return the hours asked for.

        Raises
        ------
        InputError
            When they are none, or too many.
        """
        hours = usual if self.hours is None else self.hours
        if not 1 <= hours <= most:
            raise InputError(f"--hours {hours}: this scenario has 1 to {most} hours.", field="hours", value=hours)
        return hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What likely paths stand on."""

    usable: Usable
    columns: tuple[Column, ...]
    dataset: Dataset
    history: History
    ahead: tuple[int, ...]


def stand(asked: Asked, *, hours: int, anchored: bool = False) -> Ground:
    """Return what likely paths stand on.

    Parameters
    ----------
    asked : Asked
    hours : int
    anchored : bool
        Whether ether is read as well, to compare others with.
    """
    usable, columns = choose(prices.to_draw(asked.source, at=asked.at), asked)
    assets = assets_of(columns)
    others = [asset for asset in assets if not stress.anchor(asset)]
    ether = [asset for asset in usable.assets if stress.anchor(asset) == "ETH"]
    if anchored and others and ether and not set(ether) & set(assets):
        assets = sorted([*assets, ether[0]])
    dataset = frozen.freeze(usable, assets, last=asked.at)
    days = -(-hours // 24)
    far = next((steps for steps in STEPS if steps >= days), max(STEPS))
    ahead = tuple(steps for steps in STEPS if steps <= far)
    history = frozen.learnt(dataset.hash, ahead)
    return Ground(usable=usable, columns=columns, dataset=dataset, history=history, ahead=ahead)


def measured(asked: Asked) -> tuple[tuple[Column, ...], dict[str, float], Ground | None]:
    """Return the columns of a stress that needs numbers, and prices to compare with ether where the table has none."""
    columns = by_name(asked)
    unknown = [column for column in columns if column.of != USD and not stress.anchor(column.of)]
    if not unknown:
        return columns, {}, None
    ground = stand(asked, hours=24, anchored=True)
    return ground.columns, reach_of(ground), ground


def choose(sources: Sequence[Usable], asked: Asked) -> tuple[Usable, tuple[Column, ...]]:
    """Return the best source, and the columns: as new as any, then with most of the book's own assets, then by rank."""
    found: list[tuple[int, Usable, tuple[Column, ...]]] = []
    failed: list[tuple[int, InputError]] = []
    for usable in sources:
        try:
            columns = resolve(asked.assets, known=usable.assets, said=asked.likenesses, short=usable.short)
        except InputError as error:
            failed.append((len(usable.assets), InputError(f"{usable.name}: {error.message}", **error.facts)))
            continue
        own = sum(not column.why for column in columns)
        if any(column.of != USD for column in columns):
            found.append((own, usable, columns))
    if not found:
        if failed:
            raise max(failed, key=lambda row: row[0])[1]
        raise InputError(f"Nothing in the book moves: {', '.join(asked.assets)}.", field="assets")
    newest = max(usable.last for _, usable, _ in found)
    _, usable, columns = max(found, key=lambda row: (newest - row[1].last <= DAY, row[0], row[1].rank))
    return usable, columns


def by_name(asked: Asked) -> tuple[Column, ...]:
    """Return the columns where no prices are needed: wrapped and pegged assets follow what they promise to."""
    plain = [symbol for symbol in asked.assets if symbol.upper() not in ALIKE and symbol.upper() not in STABLE]
    return resolve(asked.assets, known=dict.fromkeys([*plain, "ETH", "BTC", "SOL", "BNB"]), said=asked.likenesses)


def reach_of(ground: Ground) -> dict[str, float]:
    """Return each asset's volatility over ether's, where the prices have ether or bitcoin."""
    history = ground.history
    variance = dict(zip(history.assets, history.variance, strict=True))
    known = {stress.anchor(asset): value for asset, value in variance.items() if stress.anchor(asset)}
    if not known:
        return {}
    ether = known["ETH"] if "ETH" in known else known["BTC"] / stress.BITCOIN_REACH**2
    moving = {history.assets[a] for a in history.moving}
    found = {asset: rounded(np.sqrt(value / ether)) for asset, value in variance.items() if asset in moving}
    return {asset: 0.0 for asset in history.assets if asset not in moving} | found


def assets_of(columns: Sequence[Column]) -> list[str]:
    """Return the assets whose prices are needed."""
    return sorted({column.of for column in columns} - {USD})


def levels(ground: Ground) -> dict[str, dict[str, float]]:
    """Return the annual volatility that is forecast for each asset, by how far ahead."""
    history = ground.history
    return {
        history.assets[a]: {
            STEPS[steps]: rounded(np.sqrt(level[place] * YEAR / steps)) for steps, level in history.levels.items()
        }
        for place, a in enumerate(history.moving)
    }


def about(ground: Ground) -> Iterator[str]:
    """Yield what is to be known of likely paths, in sentences."""
    history = ground.history
    yield f"Paths begin on {moment(history.until)}, with what {ground.usable.name} knew by then, and have no drift."
    yield (
        f"Days are drawn from {history.ends.size} days, {day(int(history.ends[0]) - DAY)} to"
        f" {day(int(history.ends[-1]) - DAY)}, on which all of {', '.join(history.assets)} have prices."
    )
    if history.levels:
        told = "; ".join(
            f"{asset} {', '.join(f'{value:.0%} ({name})' for name, value in by_horizon.items())}"
            for asset, by_horizon in levels(ground).items()
        )
        yield f"Volatility is what the league's champion forecasts, a year: {told}."
    else:
        yield "There is too little history for the league's champion: volatility is what log-HAR or EWMA forecasts."
    pegged = [asset for a, asset in enumerate(history.assets) if a not in history.moving]
    if pegged:
        yield f"{', '.join(pegged)}: pegged, and moves as on the day that is drawn."
