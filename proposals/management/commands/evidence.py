"""`manage.py evidence`: list, verify and export the reports behind proposals."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from governance.errors import ImplausibleData, InputError
from governance.management.base import BreakwaterCommand
from proposals import evidence, selectors
from proposals.core.canonical import digest
from proposals.models import EvidenceReport


class Command(BreakwaterCommand):
    """Look after evidence reports."""

    help = "List evidence reports, verify one against its hash and its proposal, or write its exact bytes to a file."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb, the report and the file."""
        parser.add_argument("verb", choices=["list", "verify", "export"], help="what to do")
        parser.add_argument("hash", nargs="?", default="", metavar="HASH", help="the report, by its SHA-256 (0x...)")
        parser.add_argument(
            "file", nargs="?", type=Path, metavar="FILE", help="verify: also compare this file; export: write it"
        )

    def handle(self, *, verb: str, hash: str, file: Path | None, **_: Any) -> None:  # noqa: A002, ANN401
        """Do the verb.

        Raises
        ------
        InputError
            When there is no such report, or no file where one is needed.
        ImplausibleData
            When a report is not what its hash says.
        """
        if verb == "list":
            self._list()
            return
        report = selectors.evidence(hash)
        if verb == "export":
            self._export(report, file)
        else:
            self._verify(report, file)

    def _list(self) -> None:
        hashes = list(EvidenceReport.objects.order_by("recommendation_id").values_list("hash", flat=True))
        self.answer({"reports": hashes}, "\n".join(hashes) or "There is no evidence report yet; run recommend.")

    def _export(self, report: EvidenceReport, file: Path | None) -> None:
        if file is None:
            raise InputError("evidence export needs a FILE.", field="file")
        try:
            file.write_bytes(bytes(report.body))
        except OSError as error:
            raise InputError(f"{file} cannot be written: {error.strerror}.", field="file", value=file) from error
        self.answer({"hash": report.hash, "file": str(file)}, f"{file} has the bytes of {report.hash}.")

    def _verify(self, report: EvidenceReport, file: Path | None) -> None:
        found = evidence.verify(report)
        if file is not None and (given := digest(_read(file))) != report.hash:
            raise ImplausibleData(f"{file} has the SHA-256 {given}, not {report.hash}.", file=str(file))
        if not found.holds:
            raise ImplausibleData(f"The report {report.hash} does not hold: {asdict(found)}.", **asdict(found))
        named = {True: "and the proposal names it", False: "", None: "and no proposal names it yet"}[found.described]
        self.answer(
            asdict(found),
            f"{report.hash} holds: the bytes have the hash, writing them again gives the same bytes, {named}.",
        )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", field="file", value=file) from error
