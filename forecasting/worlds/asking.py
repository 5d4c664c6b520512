"""A scenario as complete, checked, pinned data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forecasting.core.worlds.replays import WINDOWS
from forecasting.core.worlds.stress import STRESSES
from forecasting.worlds import kinds, stresses
from forecasting.worlds.drafts import Draft
from forecasting.worlds.grounds import Asked
from forecasting.worlds.listing import LIKELY
from governance.errors import InputError

MOST_SEED = 2**63 - 1
LARGEST = 1 << 20  # bytes of a steward's file


def scenario(
    text: str,
    *,
    assets: Sequence[str],
    hours: int | None = None,
    source: str = "",
    likenesses: Mapping[str, str] | None = None,
    seed: int = 1,
    at: int | None = None,
) -> dict[str, Any]:
    """Return a scenario as complete, checked, JSON-ready data.

    It has ``name, title, what, kind, hours, step_hours, seed``; ``from, to`` (unix seconds; of replays, else None);
    ``as_of`` (unix seconds: the end of the prices that likely paths begin after, else None); ``dataset`` (``name,
    version, hash``, or None); ``columns`` (symbol: what it is priced as); ``depth_scale`` (by symbol); ``levels``
    (annual volatility that is forecast, by asset and horizon); ``assumptions``; and ``recipe``, which `open_world`
    reads.

    Parameters
    ----------
    text : str
        A name of the catalogue (``depeg-20:stETH`` names the asset that it is about), or the path of a steward's JSON
        file.
    assets : sequence of str
        Symbols of the book's columns.
    hours : int or None
        Length; None: the scenario's own.
    source : str
        Imported prices, or ``market/SLUG`` for what was collected of a market; empty: the dataset that knows most of
        the assets.
    likenesses : mapping of str to str
        Asset: the one whose prices stand for its own (``USD``: it does not move).
    seed : int
    at : int or None
        Unix seconds after which no price is known to likely paths; None: the newest price.

    Raises
    ------
    InputError
        Names field, value and what is right.
    GapInData, ImplausibleData, StaleData
        When prices are missing, or must not be computed on.
    """
    if not assets or len(set(assets)) < len(assets):
        raise InputError(f"The assets are {', '.join(assets) or 'none'}; name each once.", field="assets")
    if not 0 <= seed <= MOST_SEED:
        raise InputError(f"--seed {seed}: a seed is a number from 0 to {MOST_SEED}.", field="seed", value=seed)
    asked = Asked(assets=tuple(assets), hours=hours, source=source, likenesses=dict(likenesses or {}), seed=seed, at=at)
    return _draft(text, asked).as_dict(asked)


def _draft(text: str, asked: Asked) -> Draft:
    name, _, target = text.partition(":")
    if name in STRESSES:
        return stresses.stressed(asked, STRESSES[name], target=target)
    if text in LIKELY:
        return kinds.filtered(asked, tail=text == "filtered-tail")
    if text in WINDOWS:
        return kinds.replay(asked, WINDOWS[text])
    path = Path(text)
    if path.is_file():
        return kinds.of_steward(asked, _read(path), name=path.stem)
    names = ", ".join([*LIKELY, *WINDOWS, *STRESSES])
    raise InputError(
        f"There is no scenario {text!r}; there are: {names}; or name a JSON file.", field="scenario", value=text
    )


def _read(path: Path) -> str:
    raw = path.read_bytes()[: LARGEST + 1]
    if len(raw) > LARGEST:
        raise InputError(f"{path.name} has more than {LARGEST} bytes; a scenario is small.", field="scenario")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is no UTF-8 text: {error.reason}.", field="scenario", value=path.name) from error
