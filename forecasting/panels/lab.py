"""The exhibits of the cascade lab's first page: the scenarios that can be chosen, and what was simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecasting import worlds
from forecasting.models import BacktestRun
from forecasting.panels.backtests import TONES
from forecasting.panels.verdicts import KINDS
from forecasting.simulations import asking
from forecasting.worlds import Entry
from governance.exhibits import Badge, Column, Getter, Table

COMMAND = ".venv/bin/python manage.py simulate"
READY, MISSING = Badge(text="Prices imported", tone="good"), Badge(text="Data missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A scenario in the picker, with its address and its state."""

    entry: Entry
    href: str
    state: Badge


def picker(*, chosen: str, market: str, link: Callable[[Any], str]) -> dict[str, object]:
    """Return the catalogue, and the scenario that was chosen with the exact command that simulates it.

    Parameters
    ----------
    chosen : str
        Name of a scenario; unknown or empty: the first that is available.
    market : str
        Slug of the watched market; empty: none, so that the command names a placeholder.
    link : callable
        The address of a scenario on the page.
    """
    entries = worlds.catalogue()
    named = {entry.name: entry for entry in entries}
    entry = named.get(chosen) or next((one for one in entries if one.available), None)
    return {
        "groups": groups(entries, link=link),
        "scenario": entry,
        "scenario_kind": KINDS.get(entry.kind, "Scenario") if entry else "",
        "scenario_command": command(entry, market=market) if entry else "",
        "available": sum(one.available for one in entries),
        "known": len(entries),
    }


def command(entry: Entry, *, market: str) -> str:
    """Return what simulates a scenario on the market's newest snapshot, or on imported positions."""
    book = market or "--book POSITIONS"
    return f"{COMMAND} {book} --scenario {entry.name}"


def groups(entries: Sequence[Entry], *, link: Callable[[Any], str]) -> list[tuple[str, list[Choice]]]:
    """Return every scenario by its kind, those that can be simulated with what is imported first."""
    return [
        (
            name,
            [
                Choice(entry=entry, href=link(entry), state=READY if entry.available else MISSING)
                for entry in sorted(entries, key=lambda one: not one.available)
                if entry.kind == kind
            ],
        )
        for kind, name in KINDS.items()
        if any(entry.kind == kind for entry in entries)
    ]


def runs(rows: Sequence[BacktestRun], *, link: Callable[[Any], str]) -> Table:
    """Return simulations, the newest first."""
    return Table(
        slug="simulations",
        caption="Simulations, the newest first",
        columns=(
            Column(label="№", value=lambda row: row.pk, kind="integer", link=link),
            Column(label="Scenario", value=lambda row: title(row.request), link=link),
            Column(label="Book", value=lambda row: book(row.request)),
            Column(
                label="State",
                value=lambda row: Badge(text=row.get_status_display(), tone=TONES[row.status]),
                kind="badge",
            ),
            Column(label="Progress", value=lambda row: row.progress / 100, kind="percent"),
            Column(label="Paths", value=_asked("paths"), kind="integer"),
            Column(label="Hours", value=lambda row: _scenario(row.request).get("hours"), kind="number"),
            Column(label="Says", value=lambda row: row.error.partition("\n")[0] or row.message or None),
            Column(label="Asked for", value=lambda row: int(row.queued_at.timestamp()), kind="time"),
        ),
        rows=rows,
        shown=20,
        empty="Nothing was simulated yet. Choose a scenario above and run its command.",
    )


def title(request: Mapping[str, Any]) -> str:
    """Return what a simulation is called."""
    told = _scenario(request)
    return str(told.get("title") or told.get("name") or "Simulation")


def book(request: Mapping[str, Any]) -> str | None:
    """Return whose accounts were simulated."""
    return ", ".join(asking.named(request)) or None


def _scenario(request: Mapping[str, Any]) -> Mapping[str, Any]:
    found = request.get("scenario")
    return found if isinstance(found, Mapping) else {}


def _asked(name: str) -> Getter:
    return lambda row: row.request.get(name)
