"""Raw chain facts: which chains and deployments are watched, and every block, log and proof that was collected."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Chain(models.Model):
    """One EVM chain. Its genesis tells two local chains of the same id apart."""

    chain_id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=64)
    genesis_hash = models.CharField(max_length=66)

    def __str__(self) -> str:
        return f"{self.name} ({self.chain_id})"


class Deployment(models.Model):
    """A protocol or a governor at its addresses, watched from ``first_block`` on."""

    class Kind(models.TextChoices):
        """What kind of plugin speaks with it."""

        PROTOCOL = "protocol"
        GOVERNOR = "governor"

    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="deployments")
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=128)
    kind = models.CharField(max_length=16, choices=Kind)
    flavour = models.CharField(max_length=32)  # module name in governance.protocols or governance.governors
    addresses = models.JSONField(default=dict)  # role -> checksummed address
    facts = models.JSONField(default=dict)  # what a governor was found to be when it was watched: clock, counting, …
    first_block = models.BigIntegerField()

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(first_block__gte=0), name="deployment_first_block_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class Stream(models.Model):
    """A fixed set of addresses whose logs are collected together, without a gap, from ``first_block`` on.

    A contract that is discovered later (a new reserve) begins a new stream, so that an old one never has a hole.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="streams")
    addresses = models.JSONField()  # checksummed, sorted
    first_block = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.deployment_id}: {len(self.addresses)} addresses from block {self.first_block}"


class Block(models.Model):
    """A block's header, as far as it is needed to link it with its neighbours and to tell the time."""

    pk = models.CompositePrimaryKey("chain_id", "number")
    chain = models.ForeignKey(Chain, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    number = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    parent_hash = models.BinaryField(max_length=32)
    timestamp = models.BigIntegerField()

    class Meta:
        """What the database holds on to."""

        indexes: ClassVar = [models.Index(fields=["chain", "timestamp"])]

    def __str__(self) -> str:
        return f"block {self.number}"


class Log(models.Model):
    """One event log. A topic that the log does not have is empty.

    Partitioned by range of blocks (`governance.chain.partitions`), which get small block-range indexes beside the key.
    """

    pk = models.CompositePrimaryKey("chain_id", "block_number", "log_index")
    chain = models.ForeignKey(Chain, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    block_number = models.BigIntegerField()
    log_index = models.IntegerField()
    block_hash = models.BinaryField(max_length=32)
    tx_hash = models.BinaryField(max_length=32)
    address = models.BinaryField(max_length=20)
    topic0 = models.BinaryField(max_length=32)
    topic1 = models.BinaryField(max_length=32)
    topic2 = models.BinaryField(max_length=32)
    topic3 = models.BinaryField(max_length=32)
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"log {self.log_index} of block {self.block_number}"


class Coverage(models.Model):
    """The ledger: one landed range of a stream, what it links to, how many logs, and the hash of their content.

    ``content`` is a homomorphic hash (`governance.domain.lattice`): the sum over a stream's ranges depends neither on
    how it was cut into ranges nor on the order in which they landed. ``sampled`` counts the blocks of the range whose
    logs were compared with a stronger source than ``proof`` says of all of them.
    """

    class Proof(models.TextChoices):
        """How a silently empty answer was ruled out, for every block of the range."""

        LINKED = "linked"  # headers linked by hash, every log's block hash checked
        BLOOM = "bloom"  # and every block without logs of ours has a bloom that says so
        SECOND = "second"  # a second provider gave the same logs
        RECEIPTS = "receipts"  # all receipts hash to the header's receipts root

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="coverage")
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    first_parent = models.CharField(max_length=66)
    last_hash = models.CharField(max_length=66)
    n_logs = models.IntegerField()
    content = models.BinaryField(max_length=512)
    provider = models.CharField(max_length=128)
    proof = models.CharField(max_length=16, choices=Proof)
    sampled = models.IntegerField(default=0)
    landed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """What the database holds on to."""

        verbose_name_plural = "coverage"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stream", "first"], name="coverage_first_once"),
            models.UniqueConstraint(fields=["stream", "last"], name="coverage_last_once"),
            models.CheckConstraint(condition=Q(first__lte=F("last")), name="coverage_first_before_last"),
        ]

    def __str__(self) -> str:
        return f"blocks {self.first} to {self.last}: {self.n_logs} logs"


class Reorg(models.Model):
    """A reorganisation that was seen: everything above ``ancestor`` was taken back, and collected anew.

    ``depth`` is how many collected blocks were orphaned.
    """

    chain = models.ForeignKey(Chain, on_delete=models.CASCADE, related_name="reorgs")
    ancestor = models.BigIntegerField()
    orphan_number = models.BigIntegerField()
    orphan_hash = models.CharField(max_length=66)
    depth = models.IntegerField(default=0)
    seen_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"back to block {self.ancestor}"


class Provider(models.Model):
    """How one node of a chain has served us. ``name`` is its host, the only part of its address that may be shown."""

    chain = models.ForeignKey(Chain, on_delete=models.CASCADE, related_name="providers")
    name = models.CharField(max_length=128)
    requests = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    latency_ms = models.FloatField(default=0)  # of the newest answers, exponentially weighted; 0: none yet
    largest_range = models.IntegerField(default=0)  # blocks of one question that it answers; 0: not known yet
    head = models.BigIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    seen_at = models.DateTimeField(auto_now=True)
    quarantined_until = models.DateTimeField(null=True, help_text="Not asked before then; null: it is asked.")

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["chain", "name"], name="provider_once")]

    def __str__(self) -> str:
        return self.name


class Incident(models.Model):
    """A fault in what nodes answered: found, and retried elsewhere. One that is not resolved stays visible."""

    class Kind(models.TextChoices):
        """What was wrong."""

        GAP = "gap"  # blocks that no provider gave an acceptable answer for
        MISSING_LOGS = "missing-logs"
        DUPLICATE = "duplicate"
        OUT_OF_RANGE = "out-of-range"
        TRUNCATED = "truncated"
        UNLINKED = "unlinked"  # headers that do not follow each other, or time that runs backwards
        LAGGING = "lagging"
        WRONG_CHAIN = "wrong-chain"
        CONTRADICTION = "contradiction"  # two providers, or one at two times, say different things
        DEEP_REORG = "deep-reorg"
        MISMATCH = "mismatch"  # a rebuilt number differs from the contract's

    chain = models.ForeignKey(Chain, on_delete=models.CASCADE, related_name="incidents")
    kind = models.CharField(max_length=16, choices=Kind)
    provider = models.CharField(max_length=128, blank=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    detail = models.TextField()
    times = models.IntegerField(default=1)  # how often the same was seen while it was open
    seen_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, help_text="When it was over; null: still open.")

    class Meta:
        """What the database holds on to."""

        indexes: ClassVar = [
            models.Index(fields=["chain", "seen_at"], name="incident_by_time"),
            models.Index(fields=["chain"], condition=Q(resolved_at=None), name="incident_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} in blocks {self.first} to {self.last}"
