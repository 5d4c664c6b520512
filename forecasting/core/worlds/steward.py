"""A steward's own scenario: a small JSON document, refused where it contradicts itself.

::

    {
      "title": "Weekend crash",                 needed
      "what": "Ether gaps down twice.",         a sentence
      "hours": 48,                              needed: 1 to 2,160
      "base": "none",                           "none": only the steps move prices; "filtered": they come on top of
                                                likely paths
      "steps": [{"hour": 0, "asset": "ETH", "change": -0.2}],
                                                in the hour that begins so many hours after the start; relative
      "unpegged": ["stETH"],                    pegged assets that steps move on their own, and what wraps them
      "volatility_scale": 2.0,                  of the likely paths ("filtered" only)
      "depth_scale": {"*": 0.5, "ETH": 0.3}     by how much depth is multiplied; "*": all others
    }

An asset that is priced as another (stETH as ETH, USDC as USD) moves with it. A step that moves it apart needs
``unpegged`` to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forecasting.core.worlds.documents import choice, is_number, number, only, parsed, whole, word, words, wrong
from forecasting.core.worlds.stress import plain

MOST_HOURS = 2160
MOST_SCALE = 100.0
KEYS = ("title", "what", "hours", "base", "steps", "unpegged", "volatility_scale", "depth_scale")
STEP = ("hour", "asset", "change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steward:
    """A steward's scenario, each part of which makes sense by itself.

    Attributes
    ----------
    title, what : str
    hours : int
    base : {"none", "filtered"}
    steps : tuple of (hour, asset, change)
    unpegged : tuple of str
    volatility_scale : float
    depth_scale : mapping of str to float
    """

    title: str
    what: str
    hours: int
    base: str
    steps: tuple[tuple[int, str, float], ...]
    unpegged: tuple[str, ...]
    volatility_scale: float
    depth_scale: Mapping[str, float]


def read(text: str, *, hours: int | None = None) -> Steward:
    """Return the scenario that a JSON text describes.

    Parameters
    ----------
    text : str
    hours : int or None
        In place of the document's own.

    Raises
    ------
    InputError
        Naming the item.
    """
    data = parsed(text)
    only(data, KEYS, where="")
    found = Steward(
        title=word(data, "title"),
        what=word(data, "what", default="A scenario of a steward."),
        hours=whole(data.get("hours") if hours is None else hours, "hours", low=1, high=MOST_HOURS),
        base=choice(data.get("base", "none"), "base", ("none", "filtered")),
        steps=_steps(data.get("steps", [])),
        unpegged=_once(words(data.get("unpegged", []), "unpegged"), "unpegged"),
        volatility_scale=number(data.get("volatility_scale", 1.0), "volatility_scale", high=MOST_SCALE),
        depth_scale=_scales(data.get("depth_scale", {})),
    )
    for place, (hour, _, _) in enumerate(found.steps):
        if hour >= found.hours:
            raise wrong(f"steps[{place}].hour", hour, f"an hour from 0 to {found.hours - 1}, within the horizon")
    if found.base == "none":
        if "volatility_scale" in data:
            raise wrong("volatility_scale", found.volatility_scale, 'left out, or "base" is "filtered"')
        if not found.steps and all(scale == 1.0 for scale in found.depth_scale.values()):
            raise wrong("steps", [], "at least one step, or depth that changes, for nothing happens otherwise")
    return found


def _steps(value: object) -> tuple[tuple[int, str, float], ...]:
    if not isinstance(value, list):
        raise wrong("steps", value, "a list of {hour, asset, change}")
    found = []
    for place, item in enumerate(value):
        name = f"steps[{place}]"
        if not isinstance(item, dict):
            raise wrong(name, item, "{hour, asset, change}")
        only(item, STEP, where=f"{name}.")
        change = item.get("change")
        if not is_number(change) or not -1.0 < change <= MOST_SCALE:
            raise wrong(f"{name}.change", change, f"a number above -1 and up to {MOST_SCALE:g}: -0.2 is a fall by 20 %")
        if not change:
            raise wrong(f"{name}.change", change, "a change; leave the step out where nothing moves")
        hour = whole(item.get("hour"), f"{name}.hour", low=0, high=MOST_HOURS - 1)
        found.append((hour, word(item, "asset", where=f"{name}."), float(change)))
    return tuple(found)


def _scales(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise wrong("depth_scale", value, 'an object: {"ETH": 0.5, "*": 0.8}')
    found = {name: number(scale, f"depth_scale.{name}", high=MOST_SCALE) for name, scale in value.items()}
    _once(tuple(found), "depth_scale")
    return found


def _once(names: tuple[str, ...], field: str) -> tuple[str, ...]:
    """Return names, each of another asset: ether and wrapped ether are one."""
    seen: dict[str, str] = {}
    for name in names:
        if plain(name) in seen:
            raise wrong(field, name, f"named once; {seen[plain(name)]} is the same asset")
        seen[plain(name)] = name
    return names
