"""What happened: facts that are derived from raw logs, and snapshots of the whole book at one block.

Token amounts are in the token's smallest unit, prices in USD with 8 decimals, thresholds in basis points.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models import Deployment


def integer() -> models.DecimalField[int, int]:
    """Return a column for an unsigned 256-bit integer."""
    return models.DecimalField(max_digits=78, decimal_places=0)


class Reserve(models.Model):
    """One asset of a lending market."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="reserves")
    index = models.PositiveSmallIntegerField()
    address = models.CharField(max_length=42)
    symbol = models.CharField(max_length=32)
    decimals = models.PositiveSmallIntegerField()
    a_token = models.CharField(max_length=42)
    debt_token = models.CharField(max_length=42)
    stable_debt_token = models.CharField(max_length=42)
    feed = models.CharField(max_length=42)  # price feed at the time of the last collection

    class Meta:
        """What the database holds on to."""

        ordering: ClassVar = ["deployment", "index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "address"], name="reserve_once"),
            models.UniqueConstraint(fields=["deployment", "index"], name="reserve_index_once"),
        ]

    def __str__(self) -> str:
        return self.symbol


class Derivation(models.Model):
    """How far a deployment's facts are derived from its raw logs, and after which reorganisation.

    ``final_block`` is the newest of these blocks that was final (setting ``FINALITY``) at that time, -1 for none: what
    models may train on.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, primary_key=True, related_name="derivation")
    block_number = models.BigIntegerField()
    reorg_id = models.BigIntegerField(default=0)  # 0: none was seen yet
    final_block = models.BigIntegerField(default=-1)

    def __str__(self) -> str:
        return f"{self.deployment_id} up to block {self.block_number}"


class Checkpoint(models.Model):
    """What a ledger knew at the end of one block, so that the next book is rebuilt from there.

    It says nothing that the logs do not say: a checkpoint that does not fit the collected chain, its coverage digest,
    its own hash or the code that decodes logs is not used, and deleted.
    """

    class Kind(models.TextChoices):
        """How much of the ledger it holds."""

        BOOK = "book"  # everything
        FACTS = "facts"  # listings, feeds, prices and parameters; no accounts

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="checkpoints")
    kind = models.CharField(max_length=8, choices=Kind)
    block_number = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    coverage_digest = models.CharField(max_length=66)  # of the logs up to the block, as the coverage ledger has it
    decoder = models.CharField(max_length=66)  # SHA-256 of the code that decodes logs and keeps ledgers
    state = models.BinaryField()  # canonical JSON, compressed by zlib
    state_hash = models.CharField(max_length=66)  # SHA-256 of the JSON

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "kind", "block_number"], name="checkpoint_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.deployment_id} at block {self.block_number}"


class Price(models.Model):
    """A reserve's price in USD (8 decimals) as its feed published it; the last one of its block."""

    reserve = models.ForeignKey(Reserve, on_delete=models.CASCADE, db_index=False, related_name="prices")
    block_number = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    price = integer()

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["reserve", "block_number"], name="price_once_a_block")]
        indexes: ClassVar = [models.Index(fields=["reserve", "timestamp"], name="price_by_time")]

    def __str__(self) -> str:
        return f"{self.reserve_id}: {self.price} at block {self.block_number}"


class ParameterChange(models.Model):
    """A risk parameter that was set; ``parameter`` is the name of a `ParameterSpec`."""

    reserve = models.ForeignKey(Reserve, on_delete=models.CASCADE, related_name="parameter_changes")
    parameter = models.CharField(max_length=64)
    old = integer()
    new = integer()
    block_number = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    tx_hash = models.CharField(max_length=66)
    log_index = models.IntegerField()

    class Meta:
        """What the database holds on to."""

        ordering: ClassVar = ["block_number", "log_index"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["reserve", "block_number", "log_index", "parameter"], name="parameter_change_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.parameter}: {self.old} -> {self.new}"


class Liquidation(models.Model):
    """One liquidation call, with both prices as they were at that moment."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="liquidations")
    account = models.CharField(max_length=42)
    liquidator = models.CharField(max_length=42)
    collateral = models.ForeignKey(Reserve, on_delete=models.CASCADE, related_name="liquidations")
    debt = models.ForeignKey(Reserve, on_delete=models.CASCADE, related_name="liquidations_repaid")
    debt_covered = integer()
    collateral_seized = integer()
    collateral_price = integer()
    debt_price = integer()
    block_number = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    tx_hash = models.CharField(max_length=66)
    log_index = models.IntegerField()

    class Meta:
        """What the database holds on to."""

        ordering: ClassVar = ["block_number", "log_index"]
        indexes: ClassVar = [
            models.Index(fields=["deployment", "timestamp"], name="liquidation_by_time"),
            models.Index(fields=["deployment", "account"], name="liquidation_by_account"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "block_number", "log_index"], name="liquidation_once")
        ]

    def __str__(self) -> str:
        return f"{self.account} at block {self.block_number}"


class Snapshot(models.Model):
    """The whole book at the end of one block, as rebuilt from the logs up to it.

    ``coverage_digest`` names the logs that it was built from, ``decoder`` the code that read them, as with checkpoints;
    ``dataset_hash`` names its content. A ``pinned`` snapshot is cited (by a dataset, a recommendation, an outcome) and
    never pruned.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="snapshots")
    block_number = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    timestamp = models.BigIntegerField()
    coverage_digest = models.CharField(max_length=66)
    decoder = models.CharField(max_length=66, default="")
    dataset_hash = models.CharField(max_length=66)
    pinned = models.BooleanField(default=False)

    class Meta:
        """What the database holds on to."""

        get_latest_by = "block_number"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "block_number", "block_hash"], name="snapshot_once")
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} at block {self.block_number}"


class Reading(models.Model):
    """What contracts said at one block of that which no log tells, such as prices that are only ever asked for.

    ``words`` maps the name of a `Check` to its number in decimal digits. Kept, so that a book can be rebuilt without
    the node, and pinned to the block's hash: another block of that number has readings of its own.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="readings")
    block_number = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    words = models.JSONField()

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "block_number", "block_hash"], name="reading_once")
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} at block {self.block_number}"


class ReserveState(models.Model):
    """One reserve in a snapshot. Indexes and rates are rays; caps are whole tokens, 0 for none.

    ``own`` holds, in decimal digits, what the protocol itself keeps in other units: its parameters and totals, exactly.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="reserve_states")
    reserve = models.ForeignKey(Reserve, on_delete=models.CASCADE, related_name="states")
    price = integer()
    liquidity_index = integer()  # accrued to the snapshot's time
    variable_borrow_index = integer()  # accrued to the snapshot's time
    liquidity_rate = integer()
    variable_borrow_rate = integer()
    ltv = models.PositiveIntegerField()
    liquidation_threshold = models.PositiveIntegerField()
    liquidation_bonus = models.PositiveIntegerField()  # 10_000 + bonus, as on chain
    supply_cap = integer()
    borrow_cap = integer()
    total_supply = integer()
    total_debt = integer()
    emode_category = models.PositiveSmallIntegerField(default=0)  # 0: none
    own = models.JSONField(default=dict)

    class Meta:
        """What the database holds on to."""

        ordering: ClassVar = ["reserve__index"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["snapshot", "reserve"], name="reserve_state_once")]

    def __str__(self) -> str:
        return f"{self.reserve_id} in snapshot {self.snapshot_id}"

    def parameter(self, name: str) -> int:
        """Return a risk parameter's value as on chain; KeyError for one that this reserve does not have."""
        return int(self.own[name]) if self.own else int(getattr(self, name))


class Position(models.Model):
    """What one account supplied and borrowed of one reserve, with interest, in the token's smallest unit."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="positions")
    reserve = models.ForeignKey(Reserve, on_delete=models.CASCADE, related_name="+")
    account = models.CharField(max_length=42)
    collateral = integer()
    debt = integer()
    used_as_collateral = models.BooleanField()

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["snapshot", "account", "reserve"], name="position_once")
        ]

    def __str__(self) -> str:
        return f"{self.account} in snapshot {self.snapshot_id}"


class AccountState(models.Model):
    """One account in a snapshot: value in USD with 8 decimals, thresholds in basis points, health factor in wad.

    ``own`` holds, in decimal digits, what the contract's own view functions say where that is more than this.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="accounts")
    account = models.CharField(max_length=42)
    collateral_base = integer()
    debt_base = integer()
    ltv = models.PositiveIntegerField()
    liquidation_threshold = models.PositiveIntegerField()
    health_factor = integer()  # 2**256 - 1 without debt
    emode_category = models.PositiveSmallIntegerField(default=0)  # 0: none
    own = models.JSONField(default=dict)

    class Meta:
        """What the database holds on to."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["snapshot", "account"], name="account_state_once")]
        indexes: ClassVar = [models.Index(fields=["snapshot", "health_factor"], name="account_state_by_health")]

    def __str__(self) -> str:
        return f"{self.account} in snapshot {self.snapshot_id}"
