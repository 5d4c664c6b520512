"""History from raw logs: columns and checkpoints against one object a log, same rows, time of each, in one run.

    BREAKWATER_DATA=FOLDER python -m benchmarks.history [--logs 500000] [--accounts 2000]

Synthetic logs of an Aave market (half prices, a quarter interest, a quarter balances) are put into a database of their
own by COPY; no node is needed. Both ways read the same tables and must end with the same rows and the same book.
"""

# ruff: noqa: E402 - models can be imported once Django is set up
from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
django.setup()

from django.db import connection, transaction

from forecasting import books, checkpoints, history
from forecasting.models import Checkpoint, Price, Reserve
from governance.bulk import analyze, copy_rows
from governance.chain import abi, coverage, partitions, store
from governance.deployments import protocol_of
from governance.domain import events
from governance.domain.action import Call
from governance.domain.units import RAY
from governance.models import Block, Chain, Coverage, Deployment, Log, Stream
from governance.protocols.base import Ledger
from governance.services.postgres import Database

if TYPE_CHECKING:
    from governance.chain.client import Client

PER_BLOCK = 10  # logs
ASSETS = 20
POOL, CONFIGURATOR, ORACLE = 1, 2, 3
LISTED = "ReserveInitialized(address,address,address,address,address)"
SOURCE = "AssetSourceUpdated(address,address)"
ANSWER = "AnswerUpdated(int256,uint256,uint256)"
ACCRUED = "ReserveDataUpdated(address,uint256,uint256,uint256,uint256,uint256)"
MINTED = "Mint(address,address,uint256,uint256,uint256)"
BLOCK_COLUMNS = ("chain_id", "number", "hash", "parent_hash", "timestamp")
LOG_COLUMNS = (
    *("chain_id", "block_number", "log_index", "block_hash", "tx_hash", "address"),
    *("topic0", "topic1", "topic2", "topic3", "data"),
)


class Symbols:
    """Stands for the node, of which derivation asks a new asset's symbol and decimals, and the newest block."""

    def eth_calls(self, calls: Sequence[Call], **_: object) -> list[bytes]:
        """Answer like a token."""
        return [b"TKN".ljust(32, b"\0") if c.data == abi.encode("symbol()") else (18).to_bytes(32) for c in calls]

    def newest(self) -> int:
        """Answer like a node."""
        return 2**40


def word(value: int) -> bytes:
    """Return a number, or an address, as 32 bytes."""
    return value.to_bytes(32)


def said(*, logs: int, accounts: int) -> Iterator[tuple[int, str, tuple[int, ...], tuple[int, ...]]]:
    """Yield who says what: address, event, topics, data."""
    rng = random.Random(1)  # noqa: S311 - made-up data
    for asset in range(ASSETS):
        yield ORACLE, SOURCE, (100 + asset, 500 + asset), ()
        yield CONFIGURATOR, LISTED, (100 + asset, 200 + asset), (300 + asset, 400 + asset, POOL)
    for number in range(logs - 2 * ASSETS):
        asset, index = rng.randrange(ASSETS), RAY + number * 10**18
        if number % 2:
            yield 500 + asset, ANSWER, (rng.randrange(10**8, 10**12), number), (number,)
        elif number % 4:
            yield POOL, ACCRUED, (100 + asset,), (RAY // 50, 0, RAY // 20, index, index)
        else:
            who = 10**6 + rng.randrange(accounts)
            yield 200 + asset, MINTED, (who, who), (rng.randrange(10**21), 0, index)


def land(*, logs: int, accounts: int) -> Deployment:
    """Fill the database and return the deployment; its last block is the last one covered."""
    chain = Chain.objects.create(chain_id=31337, name="synthetic", genesis_hash="0x" + "0" * 64)
    deployment = Deployment.objects.create(
        chain=chain, slug="synthetic", name="Synthetic", kind="protocol", flavour="aave_v3", first_block=1
    )
    numbers = {POOL, CONFIGURATOR, ORACLE, *(base + n for base in (200, 300, 400, 500) for n in range(ASSETS))}
    addresses = sorted(abi.checksum(number.to_bytes(20)) for number in numbers)
    stream = Stream.objects.create(deployment=deployment, addresses=addresses, first_block=1)
    last = -(-logs // PER_BLOCK)
    copy_rows(
        Block, BLOCK_COLUMNS, ((31337, n, word(n), word(n - 1), 1_600_000_000 + 12 * n) for n in range(1, last + 1))
    )
    partitions.ensure(31337, first=1, last=last)
    copy_rows(Log, LOG_COLUMNS, _rows(logs, accounts))
    partitions.index(31337)
    partitions.refresh(31337, first=1, last=last)
    analyze(Block)
    count, content = coverage.content(31337, addresses, first=1, last=last)
    ends = {"first_parent": f"0x{0:064x}", "last_hash": f"0x{last:064x}"}
    Coverage.objects.create(
        stream=stream, first=1, last=last, n_logs=count, content=content, provider="here", proof="linked", **ends
    )
    return deployment


def _rows(logs: int, accounts: int) -> Iterator[tuple[object, ...]]:
    for number, (address, signature, topics, data) in enumerate(said(logs=logs, accounts=accounts)):
        block = number // PER_BLOCK + 1
        places = [*map(word, topics), b"", b"", b""][:3]
        told = b"".join(map(word, data))
        yield (
            *(31337, block, number % PER_BLOCK, word(block), word(number), address.to_bytes(20)),
            *(abi.topic(signature), *places, told),
        )


def derive_objects(deployment: Deployment, reserves: dict[str, Reserve], *, last: int) -> int:
    """Derive prices with one object a log, as one would write it first."""
    protocol = protocol_of(deployment)
    ledger, prices = protocol.ledger(), {}
    for log in store.read_logs(deployment, first=1, last=last, topics=protocol.fact_topics):
        for event in protocol.decode(log):
            ledger.apply(event, log.timestamp)
            if isinstance(event, events.PricePublished):
                for asset in ledger.assets_of(event.feed):
                    key = reserves[asset].pk, log.block_number
                    prices[key] = (*key, log.timestamp, ledger.price(asset))
    copy_rows(Price, ("reserve_id", "block_number", "timestamp", "price"), prices.values())
    return len(prices)


def book_of_objects(deployment: Deployment, *, last: int) -> Ledger:
    """Rebuild the ledger with one object a log."""
    protocol = protocol_of(deployment)
    ledger = protocol.ledger()
    for log in store.read_logs(deployment, first=1, last=last, topics=protocol.book_topics):
        for event in protocol.decode(log):
            ledger.apply(event, log.timestamp)
    return ledger


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock, and of this process's own work: the rest is the database's."""

    wall: float
    own: float


def timed[T](verb: Callable[[], T]) -> tuple[T, Took]:
    """Return what ``verb`` returns, and what it took."""
    wall, own = time.perf_counter(), time.process_time()
    made = verb()
    return made, Took(time.perf_counter() - wall, time.process_time() - own)


def show(title: str, ways: dict[str, Took], *, logs: int, rows: int = 0) -> None:
    """Print what each way took, beside the first."""
    print(f"\n{title:<46}{'seconds':>9}{'own work':>10}{'logs/s':>12}{'rows/s':>10}{'ratio':>8}{'own ratio':>11}")
    base = next(iter(ways.values()))
    for name, took in ways.items():
        speed = f"{took.wall:>9.2f}{took.own:>10.2f}{logs / took.wall:>12,.0f}{rows / took.wall:>10,.0f}"
        print(f"{name:<46}{speed}{base.wall / took.wall:>8.1f}{base.own / took.own:>11.1f}")


def measure(deployment: Deployment, *, last: int, logs: int) -> None:
    """Run both ways of both tasks, check that they agree, and print."""
    client = cast("Client", Symbols())
    reserves = history.list_reserves(deployment, protocol_of(deployment), client, to_block=last)
    facts = Log.objects.filter(topic0__in=protocol_of(deployment).fact_topics).count()
    rows, plain = timed(lambda: derive_objects(deployment, reserves, last=last))
    expected = _prices()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE forecasting_price")  # both land in an empty table
    with transaction.atomic():
        _, columns = timed(lambda: history.derive(deployment, client=client, to_block=last))
    if _prices() != expected:
        raise SystemExit("the columns' rows differ from the objects' rows")
    ways = {"one object a log": plain, "columns, landed by binary COPY": columns}
    show(f"facts: {facts:,} of the logs", ways, logs=facts, rows=rows)
    book, plain = timed(lambda: book_of_objects(deployment, last=last))
    Checkpoint.objects.all().delete()
    rebuilt, first = timed(lambda: books.ledger_at(deployment, block=last))
    again, kept = timed(lambda: books.ledger_at(deployment, block=last))
    decimals = dict.fromkeys(reserves, 18)
    whole, *others = (ledger.book(timestamp=2**31, decimals=decimals) for ledger in (book, rebuilt, again))
    if any(other != whole for other in others):
        raise SystemExit("the books differ")
    names = ("one object a log", "the newest of what is replaced, then kept", "from that checkpoint")
    show(f"book: {logs:,} logs", dict(zip(names, (plain, first, kept), strict=True)), logs=logs)
    row = Checkpoint.objects.get(kind=Checkpoint.Kind.BOOK)
    print(f"\nThe checkpoint takes {len(row.state) / 1e6:.2f} MB; it holds: {checkpoints.holds(row)}.")


def _prices() -> list[tuple[object, ...]]:
    return list(Price.objects.order_by("reserve", "block_number").values_list("reserve", "block_number", "price"))


def main() -> None:
    """Measure in a database of its own, which is dropped afterwards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--logs", type=int, default=500_000)
    parser.add_argument("--accounts", type=int, default=2_000)
    options = parser.parse_args()
    Database(durable=False).start()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        deployment, took = timed(lambda: land(logs=options.logs, accounts=options.accounts))
        print(f"{options.logs:,} logs of {options.accounts:,} accounts landed in {took.wall:.1f} s")
        measure(deployment, last=coverage.covered_to(deployment), logs=options.logs)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
        Database().stop()


if __name__ == "__main__":
    main()
