"""What came from files: named datasets, which file brought what, and the rows of each kind.

A dataset is all that one source said of one kind. A file adds rows and so makes the next version; rows name the version
that they came with, so that every version can be read again. Times are unix microseconds. Numbers keep every digit that
their source gave, in an unconstrained ``numeric``; they pass through no float on their way in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pgtrigger
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from forecasting.models.registry import Dataset

if TYPE_CHECKING:
    ExactField = models.DecimalField  # to the type checker it is one without limits
else:

    class ExactField(models.Field):
        """A ``numeric`` without limits: no digit is rounded away, and none is invented."""

        description = "A decimal number with all its digits"

        def db_type(self, connection: BaseDatabaseWrapper) -> str:  # noqa: ARG002 - Django's signature
            """Return PostgreSQL's name of the type."""
            return "numeric"


class ImportedDataset(models.Model):
    """Everything that one source said of one kind; its name is ``kind/source``."""

    class Kind(models.TextChoices):
        """What the rows are about."""

        PRICES = "prices"
        LIQUIDATIONS = "liquidations"
        POSITIONS = "positions"
        QUOTES = "quotes"
        FUNDING = "funding"

    kind = models.CharField(max_length=16, choices=Kind)
    source = models.SlugField(max_length=64)

    class Meta:
        """One row a name."""

        ordering: ClassVar = ["kind", "source"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "source"], name="imported_dataset_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name by which commands find it."""
        return f"{self.kind}/{self.source}"


class ImportedFile(models.Model):
    """One file of a dataset: where its rows came from, what was wrong with them, and the dataset after it.

    ``content`` is the homomorphic hash (`governance.domain.lattice`) of all rows up to ``version``, which depends
    neither on the order of rows nor on that of files. A file that brought nothing new leaves the version as it was.
    """

    dataset = models.ForeignKey(ImportedDataset, on_delete=models.PROTECT, related_name="files")
    number = models.PositiveIntegerField(help_text="1 for the first file of the dataset.")
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    rows = models.BigIntegerField(help_text="Rows in the file.")
    added = models.BigIntegerField(help_text="Rows that the dataset did not have.")
    merged = models.BigIntegerField(help_text="Rows that it had already, with the same values.")
    first_time = models.BigIntegerField()
    last_time = models.BigIntegerField()
    intent = models.JSONField(help_text="What the person said about the file: asset, quote, grid and so on.")
    reading = models.JSONField(help_text="How columns, times and units were understood.")
    flags = models.JSONField(help_text="What is odd about the rows: code, count, first row, a sentence.")
    importer = models.CharField(max_length=66, help_text="Version of the code that read the file.")
    content = models.BinaryField(max_length=512)
    result = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="imported_files")
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Written once."""

        ordering: ClassVar = ["dataset", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "number"], name="imported_file_number_once"),
            models.UniqueConstraint(fields=["dataset", "sha256"], name="imported_file_once"),
        ]
        triggers: ClassVar = (
            pgtrigger.Protect(name="imported_file_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.dataset_id}, file {self.number})"


class ImportedPrice(models.Model):
    """A price that was known at ``timestamp``: the close of the bar that ended then, or a single observation.

    ``span`` is the bar's length in seconds, 0 for a single observation. ``quote`` is what the price is counted in.
    """

    pk = models.CompositePrimaryKey("dataset_id", "asset", "quote", "span", "timestamp")
    dataset = models.ForeignKey(ImportedDataset, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.PositiveIntegerField()
    asset = models.CharField(max_length=32)
    quote = models.CharField(max_length=16)
    span = models.PositiveIntegerField()
    timestamp = models.BigIntegerField()
    open = ExactField(null=True, help_text="Null: a single observation.")
    high = ExactField(null=True, help_text="Null: a single observation.")
    low = ExactField(null=True, help_text="Null: a single observation.")
    close = ExactField()
    volume = ExactField(null=True, help_text="In the asset; null: the source does not say.")
    origin = models.CharField(max_length=64, blank=True)  # where the source itself took the row from

    def __str__(self) -> str:
        return f"{self.asset} {self.close} {self.quote} at {self.timestamp}"


class ImportedLiquidation(models.Model):
    """One liquidation, or what a venue liquidated in one interval (then ``side`` says so and there is no account).

    Amounts are in whole tokens. ``identity`` is the transaction and log where the source names both, else a digest of
    the row.
    """

    pk = models.CompositePrimaryKey("dataset_id", "timestamp", "identity")
    dataset = models.ForeignKey(ImportedDataset, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.PositiveIntegerField()
    timestamp = models.BigIntegerField()
    identity = models.CharField(max_length=160)
    block_number = models.BigIntegerField(null=True, help_text="Null: the source does not say.")
    tx_hash = models.CharField(max_length=128, blank=True)
    account = models.CharField(max_length=128, blank=True)
    liquidator = models.CharField(max_length=128, blank=True)
    side = models.CharField(max_length=16, blank=True)  # long, short, cross, isolated: perpetuals only
    collateral = models.CharField(max_length=32, blank=True)
    collateral_amount = ExactField(null=True, help_text="Null: the source does not say.")
    collateral_usd = ExactField(null=True, help_text="Null: the source does not say.")
    debt = models.CharField(max_length=32, blank=True)
    debt_amount = ExactField(null=True, help_text="Null: the source does not say.")
    debt_usd = ExactField(null=True, help_text="Repaid debt, or notional of a perpetual; null: not said.")
    price = ExactField(null=True, help_text="USD per token of collateral beside the row; null: not said.")

    def __str__(self) -> str:
        return f"{self.debt_usd} USD at {self.timestamp}"


class ImportedAccount(models.Model):
    """One account of a book at one time: its totals in the book's base currency, and the published health factor.

    ``book`` tells files of one source apart; ``timestamp`` is 0 where the file states no time.
    """

    pk = models.CompositePrimaryKey("dataset_id", "book", "account", "timestamp")
    dataset = models.ForeignKey(ImportedDataset, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.PositiveIntegerField()
    book = models.CharField(max_length=128)
    account = models.CharField(max_length=128)
    timestamp = models.BigIntegerField()
    block_number = models.BigIntegerField(null=True, help_text="Null: the source does not say.")
    base = models.CharField(max_length=16)
    collateral = ExactField(null=True, help_text="In base; null: only the legs are known.")
    debt = ExactField(null=True, help_text="In base; null: only the legs are known.")
    threshold_bps = ExactField(null=True, help_text="Average liquidation threshold; null: the source does not say.")
    ltv_bps = ExactField(null=True, help_text="Null: the source does not say.")
    health_factor = ExactField(null=True, help_text="As published; null: the source does not say.")
    emode = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.account} in {self.book}"


class ImportedLeg(models.Model):
    """What one account holds or owes of one asset, in whole tokens; an account may have several of either."""

    class Side(models.TextChoices):
        """Which side of the balance sheet."""

        COLLATERAL = "collateral"
        DEBT = "debt"

    pk = models.CompositePrimaryKey("dataset_id", "book", "account", "timestamp", "asset", "side")
    dataset = models.ForeignKey(ImportedDataset, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.PositiveIntegerField()
    book = models.CharField(max_length=128)
    account = models.CharField(max_length=128)
    timestamp = models.BigIntegerField()
    asset = models.CharField(max_length=32)
    side = models.CharField(max_length=16, choices=Side)
    amount = ExactField()
    price = ExactField(null=True, help_text="In the book's base a token; null: the source does not say.")
    threshold_bps = ExactField(null=True, help_text="The asset's own; null: the source does not say.")

    def __str__(self) -> str:
        return f"{self.account}: {self.amount} {self.asset}"


class ImportedQuote(models.Model):
    """What an aggregator offered for ``amount_in`` tokens; ``price_impact`` is a fraction, fee included."""

    pk = models.CompositePrimaryKey("dataset_id", "sold", "bought", "timestamp", "amount_in")
    dataset = models.ForeignKey(ImportedDataset, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.PositiveIntegerField()
    timestamp = models.BigIntegerField()
    sold = models.CharField(max_length=32)
    bought = models.CharField(max_length=32)
    amount_in = ExactField()
    amount_out = ExactField()
    price_impact = ExactField(null=True, help_text="Null: the source does not say.")

    def __str__(self) -> str:
        return f"{self.amount_in} {self.sold} for {self.amount_out} {self.bought}"


class ImportedFunding(models.Model):
    """What a venue's perpetual said of one interval, known when it is over: at ``timestamp``.

    ``span`` is the interval's length in seconds.
    """

    pk = models.CompositePrimaryKey("dataset_id", "venue", "asset", "timestamp")
    dataset = models.ForeignKey(ImportedDataset, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.PositiveIntegerField()
    venue = models.CharField(max_length=32, blank=True)
    asset = models.CharField(max_length=32)
    timestamp = models.BigIntegerField()
    span = models.PositiveIntegerField()
    rate = ExactField(null=True, help_text="What longs paid, as a fraction a year; null: the source does not say.")
    open_interest = ExactField(null=True, help_text="In the asset; null: the source does not say.")
    long_liquidated = ExactField(null=True, help_text="In the asset; null: the source does not say.")
    short_liquidated = ExactField(null=True, help_text="In the asset; null: the source does not say.")

    def __str__(self) -> str:
        return f"{self.asset} {self.rate} a year at {self.timestamp}"
