"""`manage.py world`: build the local world, let its time go on, show where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from forecasting import price_files
from governance.lab.candles import replayed
from governance.lab.spec import PRESETS, WorldSpec
from governance.lab.world import World
from governance.management.base import BreakwaterCommand
from governance.services.world import build_world, load_world, renew_world


class Command(BreakwaterCommand):
    """Build, advance or show the local world."""

    help = "Build the local world on the embedded node, let its time go on, or show where it stands."
    needs = ("node",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verbs and what a world is made of."""
        verbs = parser.add_subparsers(dest="verb", required=True, help="what to do")
        build = verbs.add_parser("build", help="build a world, or finish one that was begun")
        build.add_argument("--preset", choices=sorted(PRESETS), default="year", help="the world to build")
        build.add_argument("--seed", type=int, help="seed of every random draw (default: the preset's)")
        build.add_argument("--days", type=int, help="length of the history (default: the preset's)")
        build.add_argument("--prices", action="append", metavar="[SYMBOL=]FILE", help=price_files.HELP)
        build.add_argument("--fresh", action="store_true", help="forget the world that is there")
        advance = verbs.add_parser("advance", help="let time go on")
        advance.add_argument("--hours", type=int, default=24, help="hours that go by (default: 24)")
        status = verbs.add_parser("status", help="show where the world stands")
        for verb in (build, advance, status):
            verb.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def handle(self, *, verb: str, **options: Any) -> None:  # noqa: ANN401
        """Do the verb, then show where the world stands."""
        if verb == "build":
            spec, make = specification(options), renew_world if options["fresh"] else build_world
            with self.progress(f"building {spec.days} days") as advance:
                world = make(spec, progress=advance)
        else:
            world = load_world()
        if verb == "advance":
            with self.progress("letting time go on") as advance:
                world.advance(options["hours"], progress=advance)
        self.answer(summary(world), describe(world))


def specification(options: dict[str, Any]) -> WorldSpec:
    """Return the world that the options ask for."""
    spec = PRESETS[options["preset"]]
    changes = {name: options[name] for name in ("seed", "days") if options[name] is not None}
    spec = replace(spec, **changes)
    return replayed(spec, price_files.read(options["prices"])) if options["prices"] else spec


def summary(world: World) -> dict[str, object]:
    """Return where a world stands as JSON-ready data."""
    now = world.now()
    return {
        "world": world.spec.name,
        "spec_hash": world.spec.spec_hash,
        "accounts": world.spec.accounts,
        "block": now.block,
        "timestamp": now.timestamp,
        "hour": now.hour,
        "first_block": world.first_block,
        "steward": world.steward,
        "holders": world.holders,
        "addresses": world.addresses,
        "reserves": world.reserves,
        "prices": world.prices(now.hour),
    }


def describe(world: World) -> str:
    """Return where a world stands in words."""
    now = world.now()
    moment = datetime.fromtimestamp(now.timestamp, tz=UTC)
    quotes = ", ".join(f"{symbol} {price / 1e8:,.2f}" for symbol, price in world.prices(now.hour).items())
    return (
        f"The world {world.spec.name!r} stands at block {now.block}, {moment:%Y-%m-%d %H:%M} UTC, "
        f"day {now.hour // 24}; {world.spec.accounts} accounts.\nPrices in US dollars: {quotes}."
    )
