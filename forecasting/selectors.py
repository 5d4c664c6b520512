"""Reads of history for pages, reports and the API. Amounts are integers in chain units; times are unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, DecimalField, F, Max, Min, QuerySet, Sum
from django.db.models.functions import Cast, Power

from forecasting.models import (
    AccountState,
    BacktestRun,
    Decision,
    Derivation,
    Forecast,
    ImportedDataset,
    ImportedFile,
    ImportedPrice,
    Liquidation,
    ModelVersion,
    ParameterChange,
    Position,
    Price,
    Reserve,
    Snapshot,
    TrainingRun,
)
from forecasting.models import ReserveState as ReserveStateRow
from governance.domain.units import BPS, WAD
from governance.models import Block, Deployment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models.expressions import Combinable

HOUR = 3600
DAY = 24 * HOUR
MICROS = 10**6
DIGITS = 10  # of a row's number, at most
SIMULATION = "simulation"  # the kind of run that is no backtest


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """A price in USD with 8 decimals, as of ``timestamp``."""

    timestamp: int
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTotals:
    """A market in USD with 8 decimals; ``utilisation`` in basis points of what is supplied."""

    total_supply: int
    total_debt: int
    utilisation: int
    borrowers: int
    accounts_at_risk: int
    debt_at_risk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One asset in an imported dataset of prices.

    ``span`` is the length of its bars in seconds, 0 for single prices; ``first`` and ``last`` are unix microseconds.
    """

    asset: str
    quote: str
    span: int
    rows: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """What is priced, in what, and how often where that is needed to tell it apart."""
        return f"{self.asset}/{self.quote}"

    @property
    def missing(self) -> int | None:
        """Bars that are missing between the first and the last; None for single prices, which keep no grid."""
        return (self.last - self.first) // (self.span * MICROS) + 1 - self.rows if self.span else None

    @property
    def complete(self) -> float | None:
        """Share of the bars that are there; None for single prices."""
        return None if self.missing is None else self.rows / (self.rows + self.missing)


def protocols() -> QuerySet[Deployment]:
    """Return the watched protocols, by name."""
    return Deployment.objects.filter(kind=Deployment.Kind.PROTOCOL).select_related("chain").order_by("name")


def latest_snapshot(deployment: Deployment) -> Snapshot | None:
    """Return the newest snapshot of a block that is still part of the chain; None says that there is none yet."""
    taken_here = Snapshot.objects.filter(deployment=deployment).select_related("deployment")
    newest_first = taken_here.order_by("-block_number", "-pk").iterator()
    return next((taken for taken in newest_first if is_canonical(taken)), None)


def final_snapshot(deployment: Deployment) -> Snapshot | None:
    """Return the newest snapshot that nothing can take back any more: what models train on and evidence cites."""
    cursor = Derivation.objects.filter(deployment=deployment).first()
    settled = Snapshot.objects.select_related("deployment").filter(
        deployment=deployment, block_number__lte=cursor.final_block if cursor else deployment.first_block - 1
    )
    newest_first = settled.order_by("-block_number", "-pk").iterator()
    return next((taken for taken in newest_first if is_canonical(taken)), None)


def is_canonical(taken: Snapshot) -> bool:
    """Return whether a snapshot's block is still part of the collected chain."""
    held = Block.objects.filter(chain=taken.deployment.chain_id, number=taken.block_number).first()
    return held is not None and f"0x{bytes(held.hash).hex()}" == taken.block_hash


def reserve_states(snapshot: Snapshot) -> QuerySet[ReserveStateRow]:
    """Return the snapshot's reserves, with their facts, in the order of their listing."""
    return ReserveStateRow.objects.filter(snapshot=snapshot).select_related("reserve").order_by("reserve__index")


def accounts_by_health(snapshot: Snapshot) -> QuerySet[AccountState]:
    """Return the snapshot's borrowers, the least healthy first."""
    return AccountState.objects.filter(snapshot=snapshot, debt_base__gt=0).order_by("health_factor", "-debt_base", "pk")


def accounts_at_risk(snapshot: Snapshot, *, below: int = WAD * 110 // 100) -> QuerySet[AccountState]:
    """Return the borrowers whose health factor (wad) is under ``below``, the least healthy first."""
    return accounts_by_health(snapshot).filter(health_factor__lt=below)


def account_state(snapshot: Snapshot, account: str) -> AccountState | None:
    """Return one account in the snapshot, in any case of letters; None says that it never touched the protocol."""
    return AccountState.objects.filter(snapshot=snapshot, account__iexact=account).first()


def positions(snapshot: Snapshot, account: str) -> QuerySet[Position]:
    """Return what one account holds and owes, in the order of the reserves."""
    found = Position.objects.filter(snapshot=snapshot, account=account)
    return found.select_related("reserve").order_by("reserve__index")


def market_totals(snapshot: Snapshot) -> MarketTotals:
    """Return the market's size and what of it is at risk (health factor under 1.1)."""
    supply = debt = 0
    for state in reserve_states(snapshot):
        unit, price = 10**state.reserve.decimals, int(state.price)
        supply += int(state.total_supply) * price // unit
        debt += int(state.total_debt) * price // unit
    risky = accounts_at_risk(snapshot).aggregate(n=Count("pk"), debt=Sum("debt_base"))
    return MarketTotals(
        total_supply=supply,
        total_debt=debt,
        utilisation=debt * BPS // supply if supply else 0,
        borrowers=accounts_by_health(snapshot).count(),
        accounts_at_risk=risky["n"],
        debt_at_risk=int(risky["debt"] or 0),
    )


def price_series(reserve: Reserve, *, step: int = DAY, first: int = 0, last: int | None = None) -> list[PricePoint]:
    """Return the last price of each ``step`` seconds, from ``first`` to ``last`` (None: to the end), oldest first."""
    rows = Price.objects.filter(reserve=reserve, timestamp__gte=first)
    if last is not None:
        rows = rows.filter(timestamp__lte=last)
    bucket = F("timestamp") / step
    found = rows.annotate(bucket=bucket).order_by("bucket", "-timestamp", "-block_number").distinct("bucket")
    points = found.values_list("bucket", "timestamp", "price")
    return [PricePoint(timestamp=timestamp, price=int(price)) for _, timestamp, price in points]


def parameter_changes(reserve: Reserve) -> QuerySet[ParameterChange]:
    """Return every change of the reserve's risk parameters, newest first."""
    return ParameterChange.objects.filter(reserve=reserve).order_by("-block_number", "-log_index", "parameter")


def liquidations(deployment: Deployment, *, account: str = "") -> QuerySet[Liquidation]:
    """Return liquidations, newest first; only of ``account`` when one is given."""
    rows = Liquidation.objects.filter(deployment=deployment).select_related("collateral", "debt")
    rows = rows.filter(account=account) if account else rows
    return rows.annotate(
        debt_base=_base("debt_covered", "debt_price", "debt__decimals"),
        seized_base=_base("collateral_seized", "collateral_price", "collateral__decimals"),
    ).order_by("-block_number", "-log_index")


def versions() -> QuerySet[ModelVersion]:
    """Return every model version, that with the newest data first."""
    rows = ModelVersion.objects.select_related("dataset", "deployment", "parent")
    return rows.order_by("-created_timestamp", "-pk")


def forecast_moments(deployment: Deployment, *, kind: str) -> QuerySet[Forecast, int]:
    """Return the chain times at which forecasts of ``kind`` were made, the newest first."""
    rows = Forecast.objects.filter(kind=kind, model_version__deployment=deployment)
    return rows.order_by("-made_at").values_list("made_at", flat=True).distinct()


def versions_in_use() -> list[int]:
    """Return the versions that lines use now, of every line that has begun."""
    rows = Decision.objects.filter(kind__in=Decision.APPOINTING).order_by("line", "-pk").distinct("line")
    return list(rows.values_list("version_id", flat=True))


def newest_forecasts(versions: Sequence[ModelVersion | int]) -> list[Forecast]:
    """Return each version's newest forecast of the whole line at each horizon, the nearest horizon first."""
    rows = Forecast.objects.filter(model_version__in=versions, reserve=None)
    rows = rows.select_related("model_version__deployment")
    latest = rows.order_by("model_version_id", "horizon_hours", "-made_at", "-pk")
    return list(latest.distinct("model_version_id", "horizon_hours"))


def training_runs() -> QuerySet[TrainingRun]:
    """Return every training job, the newest first."""
    return TrainingRun.objects.order_by("-pk")


def backtests() -> QuerySet[BacktestRun]:
    """Return every backtest without its result, the newest first."""
    rows = BacktestRun.objects.exclude(kind=SIMULATION)
    return rows.select_related("dataset").defer("result").order_by("-pk")


def simulations() -> QuerySet[BacktestRun]:
    """Return every simulation without its result, the newest first."""
    rows = BacktestRun.objects.filter(kind=SIMULATION)
    return rows.select_related("dataset").defer("result").order_by("-pk")


def row_number(text: str) -> int | None:
    """Return the number of a row as a visitor wrote it; None for what no row's number is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS else None


def backtest(*, kind: str, number: str = "") -> BacktestRun | None:
    """Return the finished backtest ``number`` (empty: the newest) with its result; None says that there is none."""
    done = BacktestRun.objects.filter(kind=kind, status=BacktestRun.Status.DONE).select_related("dataset")
    if number:
        known = row_number(number)
        return None if known is None else done.filter(pk=known).first()
    return done.order_by("-pk").first()


def imports() -> list[ImportedFile]:
    """Return the newest file of every imported dataset, by the dataset's name."""
    files = ImportedFile.objects.select_related("dataset", "result").order_by("dataset_id", "-number")
    return sorted(files.distinct("dataset_id"), key=lambda file: file.dataset.name)


def holdings(dataset: ImportedDataset) -> list[Holding]:
    """Return what a dataset of prices holds, by asset."""
    rows = ImportedPrice.objects.filter(dataset=dataset).values("asset", "quote", "span")
    counted = rows.annotate(rows=Count("timestamp"), first=Min("timestamp"), last=Max("timestamp"))
    return [Holding(**row) for row in counted.order_by("asset", "quote", "span")]


def daily_closes(dataset: ImportedDataset, held: Holding) -> list[tuple[int, float]]:
    """Return (unix seconds, last price) of each UTC day that has one, oldest first.

    A bar that closes at midnight is the last of the day that ends then.
    """
    rows = ImportedPrice.objects.filter(dataset=dataset, asset=held.asset, quote=held.quote, span=held.span)
    day = rows.annotate(day=(F("timestamp") - 1) / (DAY * MICROS)).order_by("day", "-timestamp").distinct("day")
    return [(at // MICROS, float(close)) for _, at, close in day.values_list("day", "timestamp", "close")]


def _base(amount: str, price: str, decimals: str) -> Combinable:
    """Return ``amount`` in USD with 8 decimals, exact up to the division by the token's unit."""
    wide: DecimalField[int, int] = DecimalField(max_digits=156, decimal_places=0)
    unit = Power(10, F(decimals), output_field=wide)
    return Cast(Cast(F(amount), wide) * Cast(F(price), wide) / unit, wide)
