"""What the archives hold, replayed: for the command, the pages and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Sum

from governance.archive.files import EVENTS
from governance.archive.readings import PAYLOADS, PROPOSALS
from governance.archive.replay import Replay, replay
from governance.archive.stored import logs_of, readings_of
from governance.errors import InputError
from governance.models import Archive

if TYPE_CHECKING:
    from typing import Any


def archives() -> list[str]:
    """Return the names of the archives, the one that was imported into last first."""
    return list(Archive.objects.order_by("-imported_at", "-pk").values_list("source", flat=True))


def find(source: str = "") -> Archive | None:
    """Return the archive ``source``, or the one that was imported into last; None when there is no archive at all.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    found = archives()
    if source and source not in found:
        known = ", ".join(found) or "none yet; see manage.py import governance --help"
        raise InputError(f"{source!r} was not imported; there are: {known}.", field="source", value=source)
    return Archive.objects.get(source=source or found[0]) if found else None


def replayed(archive: Archive) -> Replay:
    """Return what the logs of ``archive`` tell, compared with what its contracts were read to say."""
    return replay(
        logs_of(archive),
        proposal_readings=readings_of(archive, kind=PROPOSALS),
        payload_readings=readings_of(archive, kind=PAYLOADS),
    )


def provenance(archive: Archive) -> dict[str, Any]:
    """Return where the rows of ``archive`` come from, and how many entries were there twice."""
    files = archive.files.order_by("path", "pk")
    given = files.filter(kind=EVENTS).aggregate(given=Sum(F("entries") - F("removed")))["given"] or 0
    logs = archive.logs.count()
    return {
        "source": archive.source,
        "logs": logs,
        "duplicates_removed": given - logs,
        "findings": sorted({finding for found in files.values_list("findings", flat=True) for finding in found}),
        "files": [
            {"path": path, "content": content, "entries": entries}
            for path, content, entries in files.values_list("path", "content", "entries")
        ],
    }
