"""A scenario in the making, and what it is as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forecasting.core.worlds.likeness import Column
from forecasting.models import Dataset
from forecasting.worlds.grounds import Asked, Ground, levels
from forecasting.worlds.prices import MARKET
from governance.models import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A scenario in the making; ``recipe`` is what `forecasting.worlds.open_world` reads."""

    name: str
    title: str
    what: str
    kind: str
    hours: int
    columns: tuple[Column, ...]
    recipe: dict[str, Any]
    assumptions: list[str]
    step_hours: float = 1.0
    ground: Ground | None = None
    dataset: Dataset | None = None
    window: tuple[int, int] | None = None
    depth_scale: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self, asked: Asked) -> dict[str, Any]:
        """Return the scenario as JSON-ready data."""
        found = self.dataset or (None if self.ground is None else self.ground.dataset)
        return {
            "name": self.name,
            "title": self.title,
            "what": self.what,
            "kind": self.kind,
            "hours": self.hours,
            "step_hours": self.step_hours,
            "seed": asked.seed,
            "from": None if self.window is None else self.window[0],
            "to": None if self.window is None else self.window[1],
            "as_of": None if self.ground is None else self.ground.history.until,
            "dataset": None if found is None else _pinned(found),
            "columns": {column.symbol: column.of for column in self.columns},
            "depth_scale": {column.symbol: self.depth_scale.get(column.symbol, 1.0) for column in self.columns},
            "levels": levels(self.ground) if self.ground is not None and self.ground.history.levels else {},
            "recipe": self.recipe,
            "assumptions": [*self.assumptions, *(column.why for column in self.columns if column.why)],
        }


def likely(ground: Ground, *, tilt: bool = False, scale: float = 1.0) -> dict[str, Any]:
    """Return the recipe of likely paths."""
    return {"base": "filtered", "ahead": list(ground.ahead), "tilt": tilt, "scale": scale}


def _pinned(dataset: Dataset) -> dict[str, Any]:
    facts = dataset.facts
    if "deployment" in facts:
        slug = Deployment.objects.get(pk=facts["deployment"]).slug
        return {"name": f"{MARKET}{slug}", "version": 0, "hash": dataset.hash}
    return {"name": facts["name"], "version": facts["version"], "hash": dataset.hash}
