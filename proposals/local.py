"""Where the loop turns: embedded services, the local world on their node, and the executor in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from django.db import connection

from governance.celery import app
from governance.chain.client import Client, default_client
from governance.env import ROOT, env
from governance.errors import ConflictError, ServiceError
from governance.lab.spec import WorldSpec
from governance.lab.world import World
from governance.models import Block, Chain
from governance.services import schema, supervisor
from governance.services.world import build_world, renew_world

SERVICES: Final = ("database", "broker", "node", "worker", "beat")
EXECUTOR_SECONDS: Final = 120.0

type Advance = Callable[[int, int, str], None]


class Executor:
    """The executor, which only ever runs in a process of its own: the key never enters this one."""

    def address(self) -> str:
        """Return its address; its key is made when there is none."""
        return str(_manage("executor", "init")["address"])

    def run(self) -> int | None:
        """Let it do once what is legal now.

        Returns
        -------
        int or None
            Chain time (unix seconds) at which the next step becomes legal; None when nothing waits for a known time.

        Raises
        ------
        ServiceError
            When it fails; the message is its own.
        """
        steps = _manage("relay", "--once")["outcomes"]
        waiting = [step["not_before"] for step in steps if step["status"] == "waiting" and step["not_before"]]
        return min(waiting, default=None)


class Site:
    """The place of the local world.

    Parameters
    ----------
    spec : WorldSpec
        The world to build, or to find.
    fresh : bool
        Forget the world and the records that are there.
    """

    def __init__(self, spec: WorldSpec, *, fresh: bool) -> None:
        self.spec = spec
        self.fresh = fresh

    @property
    def client(self) -> Client:
        """The node."""
        return default_client()

    def start(self, tell: Callable[[str], None]) -> None:
        """Start whatever does not run yet.

        Raises
        ------
        ConflictError
            When RPC_URLS names a node of somebody else (the loop deploys contracts and moves time), or when records are
            to be forgotten that are not the demo's own.
        """
        if env().rpc_urls:
            raise ConflictError("The demo deploys contracts and moves time, on its own node only; unset RPC_URLS.")
        if self.fresh:
            tell("   Forgetting the world and the records that are there.")
            self._forget_records()
        for status in supervisor.ensure(*SERVICES, tell=tell):
            tell(f"   {status.name}: {status.detail}")

    def world(self, progress: Advance) -> World:
        """Build the world, or find it; records of a chain that the node has lost are forgotten.

        Raises
        ------
        ConflictError
            When such records are in an external database, which is not ours to empty.
        """
        world = (renew_world if self.fresh else build_world)(self.spec, progress=progress)
        if self._records_are_of_another_chain():
            self._forget_records()
            supervisor.ensure(*SERVICES)
        return world

    def executor(self, world: World) -> Executor:
        """Return the executor, with ether for gas."""
        made = Executor()
        world.fund(made.address())
        return made

    def _records_are_of_another_chain(self) -> bool:
        """Whether the newest collected block is not on the node's chain: it was killed before it could save."""
        newest = Block.objects.filter(chain_id=env().chain_id).order_by("number").last()
        if newest is None:
            return False
        found = self.client.call("eth_getBlockByNumber", [hex(newest.number), False])
        return not isinstance(found, dict) or found["hash"] != f"0x{bytes(newest.hash).hex()}"

    def _forget_records(self) -> None:
        if env().database_url:
            raise ConflictError("DATABASE_URL holds records of another world; give the demo an empty database.")
        supervisor.ensure("database", "broker")
        other = Chain.objects.exclude(chain_id=env().chain_id).first()
        if other is not None:
            raise ConflictError(
                f"The database holds records of {other}, which the demo will not delete; give it a folder of its own,"
                " as in BREAKWATER_DATA=/path/of/a/new/folder.",
                chain=other.chain_id,
            )
        supervisor.stop("worker", "beat")
        if not env().broker_url:
            app.control.purge()
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        schema.migrate()


def _manage(*arguments: str) -> dict[str, Any]:
    """Run one of our commands in a process of its own and return its JSON answer."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=EXECUTOR_SECONDS)
    answer = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {}
    if done.returncode != 0 or "error" in answer:
        said = answer.get("error", {}).get("message") or done.stderr.strip() or f"exit status {done.returncode}"
        raise ServiceError(f"`manage.py {' '.join(arguments)}` failed: {said}", command=" ".join(arguments))
    return dict(answer)
