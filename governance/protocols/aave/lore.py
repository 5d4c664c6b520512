"""What contracts were asked once so that logs can be read without a node: kept among a deployment's addresses.

Logs name contracts and do not say what those do: a new implementation of the pool counts by other rules, a price source
passes on what another contract publishes. Such a contract's answer never changes, so each is asked once, and kept as a
role of the deployment (`base.LEARNED` and one of the forms below) whose address is the contract.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from governance.protocols.base import LEARNED

if TYPE_CHECKING:
    from collections.abc import Mapping

_POOL = re.compile(rf"{LEARNED}pool v(?P<version>\d+\.\d+) (?P<implementation>0x\w+)")
_ROUTE = re.compile(rf"{LEARNED}feed (?P<feed>0x\w+) since (?P<since>\d+)")
_ASKED = re.compile(rf"{LEARNED}asked (?P<feed>0x\w+)")


class Route(NamedTuple):
    """From ``since`` (unix seconds; 0: ever) on, a feed passes on what ``aggregator`` publishes."""

    since: int
    aggregator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lore:
    """What is known.

    Attributes
    ----------
    versions : Mapping[str, str]
        Implementation of the pool -> version, e.g. ``"3.5"``.
    routes : Mapping[str, tuple[Route, ...]]
        Feed that passes on others' answers -> whose and since when, in the order of time.
    asked : frozenset of str
        Price sources that no event follows: their prices have to be asked for, block by block.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, addresses: Mapping[str, str]) -> Lore:
        """Return what the roles of a deployment say."""
        versions, asked = {}, set()
        routes: dict[str, list[Route]] = {}
        for role, address in addresses.items():
            if found := _POOL.fullmatch(role):
                versions[address] = found["version"]
            elif found := _ROUTE.fullmatch(role):
                routes.setdefault(found["feed"], []).append(Route(int(found["since"]), address))
            elif found := _ASKED.fullmatch(role):
                asked.add(found["feed"])
        return cls(
            versions=versions,
            routes={feed: tuple(sorted(known)) for feed, known in routes.items()},
            asked=frozenset(asked),
        )

    def roles(self) -> dict[str, str]:
        """Return what is known as roles of a deployment."""
        roles = {f"{LEARNED}pool v{version} {address}": address for address, version in self.versions.items()}
        for feed, known in self.routes.items():
            roles |= {f"{LEARNED}feed {feed} since {route.since}": route.aggregator for route in known}
        return roles | {f"{LEARNED}asked {feed}": feed for feed in sorted(self.asked)}

    @property
    def aggregators(self) -> frozenset[str]:
        """Every contract that publishes behind a feed."""
        return frozenset(route.aggregator for known in self.routes.values() for route in known)
