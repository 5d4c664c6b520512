"""What a line of warnings is about: one target on one set of sources, and how its versions are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting import hourly_features
from forecasting.core.warning.events import Target
from forecasting.core.warning.features import Features, Hours, tables
from forecasting.core.warning.walkforward import BLOCK, FIRST, Protocol
from forecasting.hourly_features import Prepared
from forecasting.models import Dataset
from governance.errors import TooShort

PREFIX = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is trained.

    Attributes
    ----------
    chosen : mapping
        Which versions of which datasets are read; see `forecasting.hourly_features.choose`.
    target : Target
    until : int or None
        Unix seconds after which nothing is read; None: all there is.
    """

    chosen: Mapping[str, Any]
    target: Target
    until: int | None = None

    @property
    def line(self) -> str:
        """The name under which versions follow each other."""
        return line_of(self.chosen, self.target)

    @property
    def config(self) -> dict[str, Any]:
        """Settings of a version, JSON-ready."""
        return {
            "target": self.target.name,
            "hours": self.target.hours,
            "usd": self.target.usd,
            "prices": self.chosen["prices"][0],
            "liquidations": [name for name, _ in self.chosen["liquidations"]],
            "assets": list(self.chosen["assets"]),
            "funding": [name for name, _ in self.chosen["funding"]],
            "books": [name for name, _ in self.chosen["books"]],
            "until": self.until,
        }

    def read(self) -> Prepared:
        """Read its hours."""
        return hourly_features.read(self.chosen, until=self.until)


def line_of(chosen: Mapping[str, Any], target: Target) -> str:
    """Return the line of a target on sources, in whatever versions these are."""
    prices, assets = chosen["prices"][0], chosen["assets"]
    named = sorted(name for name, _ in chosen["liquidations"])
    parts = (prices.rpartition("/")[2], ",".join(assets), ",".join(name.rpartition("/")[2] for name in named))
    return f"{PREFIX}/{target.name}:{':'.join(parts)}"


def target_of(config: Mapping[str, Any]) -> Target:
    """Return what a version foresees."""
    return Target(hours=config["hours"], usd=config["usd"])


def current(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newest versions of the sources that a version was trained on."""
    return hourly_features.choose(
        prices=config["prices"],
        liquidations=config["liquidations"],
        assets=config["assets"],
        funding=config["funding"] or ["none"],
        books=config["books"] or ["none"],
        foreseen=[target_of(config)],
    )


def plan_of(config: Mapping[str, Any], dataset: Dataset) -> Plan:
    """Return the plan that a version was trained by."""
    return Plan(chosen=dataset.facts, target=target_of(config), until=config["until"])


def protocol(hours: Hours, target: Target) -> Protocol:
    """Return the walk of a training: blocks back from the last hour that is known, as far as there is enough before.

    Raises
    ------
    TooShort
        When not even one block can be forecast.
    """
    end = hours.last + 1
    if end - BLOCK - hours.first < FIRST:
        raise TooShort(
            f"Liquidations are known for {(end - hours.first) // 24} days; {(FIRST + BLOCK) // 24} are needed to learn"
            " from and to judge by.",
            days=(end - hours.first) // 24,
        )
    return Protocol(target=target, first=hours.first, test=(end - BLOCK, end))


def features(hours: Hours, target: Target) -> Features:
    """Return what is known at each hour for a target."""
    return tables(hours, horizons=(target.hours,))[target.hours]


def at(hours: Hours, moment: int) -> int:
    """Return the index of the hour that ends at ``moment``."""
    return int(np.searchsorted(hours.ends, moment))
