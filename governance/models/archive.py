"""Governance history that was imported from files: raw logs and what the contracts were read to say beside them.

Nothing here is derived. States and tallies are replayed from these rows whenever they are asked for
(`governance.archive`), so that a better replay needs no new import.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class Archive(models.Model):
    """A named source of archived governance; several folders of one source add up."""

    source = models.CharField(max_length=64, unique=True)
    imported_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.source


class ArchiveFile(models.Model):
    """One file that was imported.

    ``content`` hashes what it says, whatever the order of its entries and however often each is there. ``entries``
    counts them as they were given, ``removed`` those that a reorganisation had removed.
    """

    KINDS: ClassVar = [(kind, kind) for kind in ("events", "proposals", "payloads")]

    archive = models.ForeignKey(Archive, models.CASCADE, related_name="files")
    path = models.CharField(max_length=255)
    kind = models.CharField(max_length=9, choices=KINDS)
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    content = models.CharField(max_length=66)
    entries = models.IntegerField()
    removed = models.IntegerField()
    findings = models.JSONField()  # sentences: what is odd about single entries

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["archive", "kind", "chain_id", "contract", "content"], name="archive_content_once"
            ),
        ]

    def __str__(self) -> str:
        return self.path


class ArchiveLog(models.Model):
    """One archived log, once. ``topics`` are its topics one after the other, 32 bytes each."""

    archive = models.ForeignKey(Archive, models.CASCADE, related_name="logs")
    file = models.ForeignKey(ArchiveFile, models.CASCADE, related_name="logs")  # the first that held it
    chain_id = models.BigIntegerField()
    tx_hash = models.BinaryField(max_length=32)
    log_index = models.IntegerField()
    address = models.CharField(max_length=42)
    block_number = models.BigIntegerField()
    block_hash = models.BinaryField(max_length=32)  # empty: the file does not say
    topics = models.BinaryField(max_length=128)
    data = models.BinaryField()
    timestamp = models.BigIntegerField(null=True, help_text="Of its block, unix seconds; null: no file says.")
    encoded = models.BooleanField(help_text="Whether topics and data were made from named arguments.")

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["archive", "chain_id", "tx_hash", "log_index"], name="archive_log_once"),
        ]

    def __str__(self) -> str:
        return f"log {self.log_index} of 0x{bytes(self.tx_hash).hex()}"


class ArchiveRecord(models.Model):
    """What a contract was read to say of one proposal or payload, as the file has it."""

    file = models.ForeignKey(ArchiveFile, models.CASCADE, related_name="records")
    archive = models.ForeignKey(Archive, models.CASCADE, related_name="records")
    kind = models.CharField(max_length=9, choices=ArchiveFile.KINDS)
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    number = models.BigIntegerField()
    body: models.JSONField[Any, Any] = models.JSONField()

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["archive", "kind", "chain_id", "contract", "number"], name="archive_record_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.contract}"
