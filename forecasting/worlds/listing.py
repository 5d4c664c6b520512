"""The catalogue: every named scenario, and whether what is imported suffices for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.core.cache import cache

from forecasting.core.worlds.likeness import BITCOIN, ETHER
from forecasting.core.worlds.replays import WINDOWS
from forecasting.core.worlds.stress import STRESSES
from forecasting.models import ImportedFile
from forecasting.worlds.coverage import covering, drawable

type Kind = Literal["filtered", "historical", "parametric"]

LIKELY = {
    "filtered": ("Likely paths", "Joint days of history at today's forecast volatility."),
    "filtered-tail": (
        "Likely paths, more of the tail",
        "The same, with wild days drawn more often and weighed less: fewer paths tell as much of the worst.",
    ),
}
LIKELY_HOURS = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A named scenario.

    Attributes
    ----------
    name : str
        As `scenario` takes it.
    title, what : str
        For people: a name, and a sentence.
    kind : {"filtered", "historical", "parametric"}
    hours : int
        Its own length, or what it takes unless told.
    available : bool
        Whether the prices that it needs are imported.
    why : str
        What is missing; empty where it is available.
    """

    name: str
    title: str
    what: str
    kind: Kind
    hours: int
    available: bool
    why: str


def catalogue() -> tuple[Entry, ...]:
    """Return every named scenario, and whether what is imported suffices for it; remembered until the next import."""
    newest = ImportedFile.objects.order_by("-pk").values_list("pk", flat=True).first()
    key = f"forecasting.worlds.{newest}"
    found: tuple[Entry, ...] | None = cache.get(key)
    if found is None:
        found = tuple(_entries())
        cache.set(key, found)
    return found


def _entries() -> Iterator[Entry]:
    likely = drawable()
    missing = (
        ""
        if likely
        else "Import prices of at least 200 days by the hour, or draw from a market with --prices market/SLUG."
    )
    for name, (title, what) in LIKELY.items():
        yield _entry(name, title, what, kind="filtered", hours=LIKELY_HOURS, why=missing)
    windows = {name: (window.first, window.last) for name, window in WINDOWS.items()}
    covered = covering(windows, assets=(*ETHER, *BITCOIN))
    for name, window in WINDOWS.items():
        why = "" if covered[name] else "Import prices of ether or bitcoin, by the hour or closer, that cover it."
        yield _entry(name, window.title, window.what, kind="historical", hours=window.hours, why=why)
    for name, stress in STRESSES.items():
        why = missing if stress.base == "filtered" else ""
        kind: Kind = "filtered" if stress.kind == "filtered" else "parametric"
        shown = f"{name}:ASSET" if stress.target else name
        yield _entry(shown, stress.title, stress.what, kind=kind, hours=stress.hours, why=why)


def _entry(name: str, title: str, what: str, *, kind: Kind, hours: int, why: str) -> Entry:
    return Entry(name=name, title=title, what=what, kind=kind, hours=hours, available=not why, why=why)
