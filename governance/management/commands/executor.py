"""`manage.py executor`: the executor's key, its switch, and its log."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from governance import audit, executor, relay, selectors
from governance.errors import ConflictError, DataError
from governance.management.base import BreakwaterCommand


class Command(BreakwaterCommand):
    """Look after the executor."""

    help = "Make the executor's key, show its state, pause or resume it, or check the audit log."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb."""
        parser.add_argument(
            "verb",
            choices=["init", "status", "pause", "resume", "audit"],
            help="init makes the key once; audit recomputes the chain of the audit log",
        )
        parser.add_argument("--reason", default="", help="why it is paused")
        parser.add_argument(
            "--anchor", default="", help="hash of an audit entry noted earlier, which must still be there"
        )

    def handle(self, *, verb: str, reason: str, anchor: str, **_: Any) -> None:  # noqa: ANN401
        """Do the verb."""
        if verb == "init":
            self._init()
        elif verb == "audit":
            self._audit(anchor)
        elif verb == "pause":
            relay.pause(actor=getpass.getuser(), reason=reason)
        elif verb == "resume":
            relay.resume(actor=getpass.getuser())
        if verb in {"status", "pause", "resume"}:
            self._status()

    def _init(self) -> None:
        executor.require_isolation()  # its ConflictError does not mean that there is a key already
        try:
            address, created = executor.create(), True
        except ConflictError:
            address, created = executor.address(), False
        words = "is new; send it some ether for gas" if created else "was there already"
        self.answer({"address": address, "created": created}, f"The executor's address {address} {words}.")

    def _status(self) -> None:
        state = selectors.executor()
        address = executor.address()
        switch = f"paused ({state.pause_reason})" if state.paused else "running"
        text = (
            f"executor {address}: {switch}\n"
            f"  steps: {state.waiting} waiting, {state.ready} ready, {state.sent} sent, {state.failed} failed, "
            f"{state.done} done\n"
            f"  expectations: {state.expectations_verified} of {state.expectations_total} hold"
        )
        self.answer({**asdict(state), "address": address}, text)

    def _audit(self, anchor: str) -> None:
        report = audit.verify(anchor=anchor)
        if not report.intact:
            raise DataError(f"The audit log is broken: {report.reason}.", at=report.broken_at, head=report.head)
        self.answer(asdict(report), f"{report.entries} entries, unbroken; the last one is {report.head}")
