"""Which prices a world can stand on, imported, or collected of a market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from forecasting.core.realised import HOUR
from forecasting.imports.catalogue import find, newest
from forecasting.models import ImportedDataset, ImportedFile, Snapshot
from forecasting.worlds.coverage import covers_of
from forecasting.worlds.sentences import day
from governance.errors import InputError

MARKET = "market/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """A source and what it is good for.

    Attributes
    ----------
    of : ImportedFile or Snapshot
        What was imported, or the newest snapshot of a market.
    assets : tuple of str
        Whose prices can be used.
    short : mapping of str to str
        The others, in capitals, and why not.
    rank : int
        The larger the better among sources that know as many assets: how long the longest of them is, in seconds, or
        how close the prices are that are replayed.
    last : int
        When the newest price was known; 0 where it does not matter.
    """

    of: ImportedFile | Snapshot
    assets: tuple[str, ...]
    short: Mapping[str, str]
    rank: int = 0
    last: int = 0

    @property
    def name(self) -> str:
        """The source, as commands take it."""
        if isinstance(self.of, Snapshot):
            return f"{MARKET}{self.of.deployment.slug}"
        return self.of.dataset.name


def to_draw(source: str, *, at: int | None) -> list[Usable]:
    """Return the sources from which likely paths may be drawn, as of ``at``; one, where it is named.

    Raises
    ------
    InputError
        When there is no such source, or none at all.
    """
    if source.startswith(MARKET):
        return [_market(source.removeprefix(MARKET), at=at)]
    found = []
    for file in _files(source):
        covers = covers_of(file, until=at)
        last = max((cover.last for cover in covers), default=0)
        reasons = {cover.asset: cover.lacks(last) for cover in covers}
        length = max((cover.last - cover.first for cover in covers if not reasons[cover.asset]), default=0)
        found.append(replace(_usable(file, reasons), rank=length, last=last))
    return found


def to_replay(source: str, *, first: int, last: int) -> list[Usable]:
    """Return the sources that may cover a time, with the assets whose prices do.

    Raises
    ------
    InputError
        When there is no such source, or none at all.
    """
    if source.startswith(MARKET):
        raise InputError("The past is replayed from imported prices; name an imported source.", field="prices")
    found = []
    for file in _files(source):
        covers = {cover.asset: cover for cover in covers_of(file, until=last, since=first)}
        every = covers_of(file, until=None)
        reasons = {
            cover.asset: ""
            if cover.asset in covers and covers[cover.asset].whole(first, last)
            else f"no whole prices of {day(first)} to {day(last)}"
            for cover in every
        }
        span = max((cover.span or HOUR for cover in every if not reasons[cover.asset]), default=0)
        found.append(replace(_usable(file, reasons), rank=-span))
    return found


def _files(source: str) -> list[ImportedFile]:
    if source:
        return [newest(find(source, kind="prices"))]
    rows = ImportedDataset.objects.filter(kind=ImportedDataset.Kind.PRICES).order_by("source")
    if not rows:
        raise InputError("No prices are imported; run manage.py import prices FILE --source NAME.", field="prices")
    return [newest(dataset) for dataset in rows]


def _usable(file: ImportedFile, reasons: Mapping[str, str]) -> Usable:
    return Usable(
        of=file,
        assets=tuple(sorted(asset for asset, reason in reasons.items() if not reason)),
        short={asset.upper(): reason for asset, reason in reasons.items() if reason},
    )


def _market(slug: str, *, at: int | None) -> Usable:
    rows = Snapshot.objects.filter(deployment__slug=slug).select_related("deployment")
    found = (rows if at is None else rows.filter(timestamp__lte=at)).order_by("timestamp", "pk").last()
    if found is None:
        raise InputError(
            f"There is no snapshot of a market {slug!r}{'' if at is None else ' so early'}; run manage.py collect.",
            field="prices",
            value=slug,
        )
    symbols = tuple(found.deployment.reserves.order_by("index").values_list("symbol", flat=True))
    return Usable(of=found, assets=symbols, short={})
