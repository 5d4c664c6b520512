"""A collecting process of its own, which tests may kill: ``python -m tests.chaos.worker collect URL WATCHED TO``.

``collect`` works on the database of the environment. ``restart`` starts a database of its own in the data folder of
the environment, restarts it in the middle of a COPY, collects again, and ends it. Both print what the tables hold then.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
django.setup()

from django.db import Error, connection  # noqa: E402 - needs Django's settings

from governance import bulk  # noqa: E402 - likewise
from governance.chain import logs  # noqa: E402 - likewise
from governance.chain.client import Client  # noqa: E402 - likewise
from governance.models import Deployment  # noqa: E402 - likewise
from governance.services import postgres, schema  # noqa: E402 - likewise
from governance.services.addresses import run_folder  # noqa: E402 - likewise
from governance.services.cluster import find_home, prepare  # noqa: E402 - likewise
from tests.chaos.chain import SmallChain  # noqa: E402 - likewise
from tests.chaos.history import History, history, watch  # noqa: E402 - likewise


def summary(found: History) -> dict[str, Any]:
    """Return what stands in the tables as JSON-ready data."""
    rows = hashlib.sha256(repr((found.blocks, found.logs)).encode()).hexdigest()
    return {"rows": rows, "digest": found.digest, "last": found.last, "gaps": found.gaps}


def collect(url: str, to_block: int) -> dict[str, Any]:
    """Collect what is watched."""
    deployment = Deployment.objects.get(slug="small")
    logs.collect(Client([url], chain_id=31337), deployment, to_block=to_block)
    return summary(history(deployment))


def restart(url: str, watched: str, to_block: int) -> dict[str, Any]:
    """Collect on a database that is restarted while logs are copied into it."""
    database = postgres.Database(durable=False)
    try:
        database.start()
        schema.migrate()
        watch(SmallChain(client=Client([url], chain_id=31337), watched=watched))
        whole, bulk.copying = bulk.copying, _interrupted(bulk.copying)
        try:
            collect(url, to_block)
        except Error as error:
            interrupted = type(error).__name__
        else:
            raise AssertionError("the restart disturbed nothing")
        finally:
            bulk.copying = whole
            connection.close()
        half = history(Deployment.objects.get(slug="small"))
        return collect(url, to_block) | {"interrupted": interrupted, "half": len(half.logs)}
    finally:
        connection.close()
        database.stop()
        for folder in (find_home(), run_folder()):  # neither need lie in the data folder
            shutil.rmtree(folder, ignore_errors=True)


def _interrupted(copying: Any) -> Any:
    """Return COPY as landing uses it, with a server that restarts while the first logs are on their way."""

    @contextmanager
    def interrupted(statement: Any, values: Any = ()) -> Any:
        with copying(statement, values) as copy:
            yield _Restarting(copy) if "governance_log" in str(statement) and not values else copy

    return interrupted


class _Restarting:
    def __init__(self, copy: Any) -> None:
        self._copy = copy

    def write(self, piece: bytes) -> None:
        if piece != bulk._SIGNATURE:
            self._copy.write(piece[: len(piece) // 2])
            cluster = prepare()
            postgres._control(cluster, "restart", "--mode=immediate", "--timeout=60", f"--log={cluster.log}")
            piece = piece[len(piece) // 2 :]
        self._copy.write(piece)


if __name__ == "__main__":
    verb, node, contract, last = sys.argv[1:]
    outcome = collect(node, int(last)) if verb == "collect" else restart(node, contract, int(last))
    sys.stdout.write(json.dumps(outcome))
