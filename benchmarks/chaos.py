"""How many planted faults are caught, by kind: our collector against a plain loop, behind the same dishonest node.

    python benchmarks/chaos.py [--blocks 400] [--seed 7] [--json]

A chaos proxy (`tests/chaos/proxy.py`) before a real node spoils its answers, one kind of fault at a time. The chain is
read from it by a plain web3.py ``get_logs`` loop that tries each range three times; by our collector with that node
alone; with an honest node beside it; and, where one of these took something wrong, alone with ``PROOF_SAMPLE=1``.
Their rows are compared with the chain's, block by block. A block is wrong when a reader holds it for complete and its
logs are not those of the chain: a fault that was not caught. What a reader lacks it refused, and knows so. PostgreSQL
and the node are started for the run, and ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["BREAKWATER_DATA"] = tempfile.mkdtemp(prefix="breakwater-chaos-")
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
for name in ("DATABASE_URL", "RPC_URLS", "CHAIN_ID"):
    os.environ.pop(name, None)

import django  # noqa: E402 - the environment is set first

django.setup()

from django.db import connection  # noqa: E402 - needs Django's settings
from web3 import HTTPProvider, Web3  # noqa: E402

from governance.chain import logs  # noqa: E402
from governance.chain.client import Client  # noqa: E402
from governance.env import env  # noqa: E402
from governance.errors import ChainError  # noqa: E402
from governance.models import Coverage, Deployment, Incident, Log  # noqa: E402
from governance.services import postgres, schema  # noqa: E402
from governance.services.addresses import run_folder  # noqa: E402
from tests.chaos.chain import SmallChain, small_chain  # noqa: E402
from tests.chaos.history import forget, watch  # noqa: E402
from tests.chaos.proxy import ChaosProxy  # noqa: E402

CHUNK = 50  # blocks of the plain loop's questions
TRIES = 3
FAULTS: dict[str, dict[str, Any]] = {
    "drop-block": {"rate": 0.1},
    "hide-block": {"rate": 0.1},
    "drop-log": {"rate": 0.1},
    "hide-log": {"rate": 0.1},
    "empty": {"rate": 0.5},
    "duplicate": {"rate": 0.1},
    "reorder": {},
    "out-of-range": {"rate": 0.1},
    "orphaned-log": {"rate": 0.1},
    "alter-data": {"rate": 0.1},
    "alter-topic": {"rate": 0.1},
    "forge": {"rate": 0.1},
    "times": {"amount": 3_600},
    "broken-link": {"rate": 0.1},
    "branch": {"amount": 300},
    "other-chain": {},
    "lag": {"amount": 250},
    "ahead": {"amount": 50},
    "truncate": {"rate": 0.5},
    "garbage": {"rate": 0.5},
    "reset": {"rate": 0.3},
    "rate-limit": {"rate": 0.3, "amount": 0.05},
    "rate-limit-words": {"rate": 0.3},
    "range-cap": {"amount": 20},
    "result-cap": {"amount": 60},
    "pruned": {"amount": 100},
    "refuse": {"amount": 100},
    "http-413": {"rate": 0.5},
    "http-503": {"rate": 0.3},
    "slow": {"amount": 0.02},
}
Rows = Counter[tuple[int, int, str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a reader made of a chain: blocks that it holds for complete but that are wrong, and blocks that it lacks."""

    wrong: int
    missing: int
    noted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One kind of fault: how many answers and blocks were spoilt, and what each reader made of it."""

    kind: str
    answers: int
    blocks: int
    plain: Outcome
    alone: Outcome
    beside: Outcome
    proven: Outcome | None


def compared(truth: Rows, found: Rows, complete: set[int], head: int, *, noted: int) -> Outcome:
    """Compare what a reader holds with the truth, block by block."""
    per_block: dict[int, tuple[Rows, Rows]] = {number: (Counter(), Counter()) for number in complete}
    for side, rows in enumerate((truth, found)):
        for row, count in rows.items():
            if row[0] in per_block:
                per_block[row[0]][side][row] += count
    wrong = sum(number > head or mine[0] != mine[1] for number, mine in per_block.items())
    wrong += len({row[0] for row in found} - complete)
    return Outcome(wrong=wrong, missing=len(set(range(1, head + 1)) - complete), noted=noted)


def plain(url: str, watched: str) -> tuple[Rows, set[int], int]:
    """Read the chain as one would write it first: web3.py, ranges of a fixed size, a few tries each."""
    rows: Rows = Counter()
    complete: set[int] = set()
    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 10}))
    address = Web3.to_checksum_address(watched)
    errors = 0
    while errors < TRIES:
        first = max(complete, default=0) + 1
        try:
            last = min(first + CHUNK - 1, web3.eth.block_number)
            if first > last:
                break
            found = web3.eth.get_logs({"fromBlock": first, "toBlock": last, "address": address})
            rows.update(
                (log["blockNumber"], log["logIndex"], log["blockHash"].hex(), log["topics"][0].hex(), log["data"].hex())
                for log in found
            )
        except Exception:  # noqa: BLE001 - whatever it is, the loop tries again
            errors += 1
        else:
            complete |= set(range(first, last + 1))
            errors = 0
    return rows, complete, errors


def ours(urls: list[str], deployment: Deployment) -> tuple[Rows, set[int], int]:
    """Read the chain with our collector."""
    forget()
    client = Client(urls, chain_id=31337, timeout=10)
    try:
        logs.collect(client, deployment, to_block=client.newest())
    except ChainError:
        noted = 1  # it said what is wrong
    else:
        noted = 0
    finally:
        client.close()
    noted += Incident.objects.count()
    stored = Log.objects.values_list("block_number", "log_index", "block_hash", "topic0", "data")
    rows: Rows = Counter(
        (number, index, bytes(block).hex(), bytes(topic).hex(), bytes(data).hex())
        for number, index, block, topic, data in stored
    )
    complete = {number for row in Coverage.objects.all() for number in range(row.first, row.last + 1)}
    return rows, complete, noted


def measure(kind: str, options: dict[str, Any], chain: SmallChain, deployment: Deployment, *, seed: int) -> Result:
    """Let all three read the chain from a node with one kind of fault."""
    truth, _, _ = plain(chain.url, chain.watched)
    answers = blocks = 0

    def read(*honest: str, loop: bool = False) -> Outcome:
        nonlocal answers, blocks
        with ChaosProxy(chain.url, seed=seed) as proxy:
            proxy.plant(kind, **options)
            if kind == "branch":  # nodes that stay on one that was left do not grow
                proxy.plant("lag", amount=options["amount"] + 50)
            found = plain(proxy.url, chain.watched) if loop else ours([proxy.url, *honest], deployment)
            answers, blocks = max(answers, proxy.planted[kind]), max(blocks, len(proxy.blocks.get(kind, ())))
        rows, complete, noted = found
        return compared(truth, rows, complete, chain.head, noted=noted)

    simple, alone, beside = read(loop=True), read(), read(chain.url)
    proven = None
    if alone.wrong or beside.wrong:
        with sampling("1"):
            proven = read()
    return Result(kind=kind, answers=answers, blocks=blocks, plain=simple, alone=alone, beside=beside, proven=proven)


@contextmanager
def sampling(share: str) -> Iterator[None]:
    """Look at the receipts of a share of all blocks until the block ends."""
    os.environ["PROOF_SAMPLE"] = share
    env.cache_clear()
    try:
        yield
    finally:
        del os.environ["PROOF_SAMPLE"]
        env.cache_clear()


@contextmanager
def database() -> Iterator[None]:
    """Run a database of our own until the block ends."""
    server = postgres.Database(durable=False)
    try:
        server.start()
        schema.migrate()
        yield
    finally:
        connection.close()
        server.stop()
        for folder in ((Path(os.environ["BREAKWATER_DATA"]) / "postgres").resolve(), run_folder()):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(os.environ["BREAKWATER_DATA"], ignore_errors=True)


def table(results: list[Result], head: int) -> str:
    """Return the table for people."""
    names = ("plain", "alone", "beside", "proven")
    lines = [
        f"{head} blocks. wrong: held for complete, but not the chain's. lacks: refused. noted: incidents and errors.",
        f"{'':<33}"
        + "".join(f" | {title:^19}" for title in ("plain loop", "ours, alone", "beside an honest", "proven")),
        f"{'planted':<18}{'answers':>8}{'blocks':>7}" + " |  wrong lacks  noted" * 4,
    ]
    for row in results:
        outcomes = [getattr(row, name) for name in names]
        cells = [f"{o.wrong:>6}{o.missing:>6}{o.noted:>7}" if o else f"{'-':>6}{'-':>6}{'-':>7}" for o in outcomes]
        lines.append(f"{row.kind:<18}{row.answers:>8}{row.blocks:>7}" + "".join(f" | {cell}" for cell in cells))
    wrong = {name: sum(o.wrong for row in results if (o := getattr(row, name))) for name in names}
    lines.append(
        f"Blocks taken wrongly: plain loop {wrong['plain']:,}; ours alone {wrong['alone']:,}, beside an honest node"
        f" {wrong['beside']:,}, with every block proven {wrong['proven']:,}."
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--blocks", type=int, default=400, help="length of the chain")
    parser.add_argument("--seed", type=int, default=7, help="of the choice of blocks and answers")
    parser.add_argument("--only", nargs="*", default=[], metavar="KIND", help="some kinds of faults")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with database(), small_chain(blocks=options.blocks, seed=options.seed) as chain:
        deployment = watch(chain)
        chosen = {kind: FAULTS[kind] for kind in options.only or FAULTS}
        results = [measure(kind, how, chain, deployment, seed=options.seed) for kind, how in chosen.items()]
        head = chain.head
    print(json.dumps([asdict(row) for row in results], indent=2) if options.json else table(results, head))


if __name__ == "__main__":
    main()
