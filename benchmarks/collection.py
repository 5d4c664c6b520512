"""Collection, from a node to PostgreSQL: ours against what people write first, cryo, and the node itself, in one run.

    python -m benchmarks.collection [--blocks 50000] [--repeats 3] [--quick] [--json] [--cryo PYTHON]

A local node gets a chain of its own: every block holds ten ERC-20-like logs of one contract. Then, each in a process
of its own and into the same tables on the same durable PostgreSQL:

- ours: `collect`, with headers, hash links, bloom check, sampled receipts and ledger;
- plain: web3.py's ``get_logs`` and Django's ``bulk_create``, on a slice;
- cryo: the wheel and numpy, logs alone, landed by the same binary COPY;
- drain: the collector's own batches, which are only read, one after the other: what the node serves to one who asks;
  also without headers (drain-logs), and over four connections (drain-together), which takes it both processors;
- 1x, 2x and 4x the blocks; and, with 100 ms added to every request of 100 blocks, 1, 4 and 16 fetchers.

Figures are medians of ``--repeats``; the machine's load stands beside them, for what else runs slows all of them down.
cryo 0.3.2 has wheels up to CPython 3.12. To compare with it, give an interpreter that has it:
``python3.12 -m venv DIR && DIR/bin/pip install cryo polars numpy pyarrow "psycopg[binary]"`` and ``--cryo
DIR/bin/python``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from benchmarks import long_chain, slow_proxy
from governance.env import ROOT, child_environment
from governance.services.addresses import database_settings
from governance.services.postgres import Database

NAME = "breakwater_benchmark"
PLAIN_BLOCKS = 2_000
LATENCY = 0.1  # seconds
CAPPED = 100  # blocks of one question behind the slow proxy, as many providers allow
FETCHERS = (1, 4, 16)
START = "import django; django.setup(); from benchmarks import arms; arms.main()"
TABLES = "log, block, coverage, reorg, incident, provider, stream, deployment, chain"

Run = dict[str, Any]
"""What an arm printed, with its rate and the machine's load."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=50_000, help="length of the chain")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median is printed")
    parser.add_argument("--quick", action="store_true", help="5,000 blocks, one run: to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--cryo", default="", metavar="PYTHON", help="an interpreter that has cryo")
    options = parser.parse_args()
    blocks, repeats = (5_000, 1) if options.quick else (options.blocks, options.repeats)
    tell = _silent if options.json else print
    with long_chain.running() as node, _database() as url:
        tell(f"building {blocks:,} blocks …")
        site = Site(node=node, contract=long_chain.build(node, blocks=blocks), url=url, blocks=blocks)
        found = {"machine": _machine(), **measure(site, repeats=repeats, cryo=options.cryo)}
    print(json.dumps(found, indent=None if options.json else 2))
    if not options.cryo:
        tell("cryo was not measured; see --help for how to get it")


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where it is measured."""

    node: long_chain.Node
    contract: str
    url: str
    blocks: int

    def ours(self, arm: str = "ours", *, last: int = 0, node: str = "", fetchers: int = 2, largest: int = 0) -> Run:
        """Run an arm of `benchmarks.arms`; two fetchers are best beside a node on the same two processors."""
        argv = [sys.executable, "-c", START, arm, "--largest", str(largest)]
        return self._run(arm, argv, last=last, node=node, fetchers=fetchers)

    def cryo(self, python: str) -> Run:
        """Run cryo with an interpreter that has it."""
        return self._run("cryo", [python, "benchmarks/cryo_arm.py", "--database", self.url])

    def _run(self, arm: str, argv: list[str], *, last: int = 0, node: str = "", fetchers: int = 2) -> Run:
        """Run one arm on empty tables and return what it printed, with its rate in logs a second."""
        _empty(self.url)
        argv += ["--node", node or self.node.url, "--contract", self.contract, "--last", str(last or self.blocks)]
        settings = {"DJANGO_SETTINGS_MODULE": "governance.settings", "FETCHERS": str(fetchers)}
        environment = child_environment(DATABASE_URL=self.url, **settings)
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arm} failed:\n{done.stderr[-2000:]}")
        found: Run = json.loads(done.stdout.splitlines()[-1])
        rate, load = round(found["logs"] / found["seconds"]), round(os.getloadavg()[0], 1)
        line = f"  {arm:15} {rate:>9,} logs/s  {found['logs']:>9,} logs  {found['megabytes']:>4} MB  load {load}"
        print(line, file=sys.stderr, flush=True)
        return found | {"rate": rate, "load": load}


def measure(site: Site, *, repeats: int, cryo: str) -> dict[str, object]:
    """Return all figures, by name. The arms take turns, so that a change of the machine's load hits all of them."""
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    for _ in range(repeats):
        for arm in ("drain", "ours", "drain-logs", "drain-together"):
            runs[arm].append(site.ours(arm))
        if cryo:
            runs["cryo"].append(site.cryo(cryo))
        runs["plain"].append(site.ours("plain", last=min(PLAIN_BLOCKS, site.blocks)))
    rates = {arm: statistics.median(run["rate"] for run in found) for arm, found in runs.items()}
    scaling = [site.ours(last=site.blocks // part) for part in (4, 2, 1)]
    return {
        "blocks": site.blocks,
        "logs": runs["ours"][0]["logs"],
        "logs_per_second": rates,
        "times_plain": round(rates["ours"] / rates["plain"], 1),
        "times_cryo": round(rates["ours"] / rates["cryo"], 2) if cryo else None,
        "share_of_node": round(rates["ours"] / rates["drain"], 2),
        "megabytes": max(run["megabytes"] for run in (*runs["ours"], *scaling)),
        "scaling": [{key: run[key] for key in ("logs", "seconds", "rate", "megabytes")} for run in scaling],
        "fetchers_at_100_ms": latency(site),
    }


def latency(site: Site) -> dict[str, int]:
    """Return the logs a second behind the slow proxy, by the number of fetchers."""
    last = min(site.blocks, 10_000)
    with slow_proxy.running(to_port=site.node.port, seconds=LATENCY) as url:
        return {str(n): site.ours(last=last, node=url, fetchers=n, largest=CAPPED)["rate"] for n in FETCHERS}


@contextmanager
def _database() -> Iterator[str]:
    """Yield the address of an empty, migrated database; it is dropped at the end."""
    Database().start()
    settings = database_settings()
    keys = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    target = {key: settings[name] for key, name in keys.items() if settings[name]}
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME))
    with psycopg.connect(**target, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        try:
            user = ":".join(quote(str(target[key]), safe="") for key in ("user", "password") if key in target)
            where = f"host={quote(str(target.get('host', '')), safe='')}&port={target.get('port', 5432)}"
            url = f"postgresql://{user}@/{NAME}?{where}"
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
            subprocess.run(migrate, cwd=ROOT, env=child_environment(DATABASE_URL=url), check=True)
            yield url
        finally:
            connection.execute(drop)


def _empty(url: str) -> None:
    """Leave the tables as a new installation has them: without rows, and without the index that a load makes."""
    names = ", ".join(f"governance_{name}" for name in TABLES.split(", "))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {names} CASCADE")
        made = connection.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'governance_log_%_event'")
        for (index,) in made.fetchall():
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        connection.execute("CHECKPOINT")


def _machine() -> dict[str, object]:
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {"processors": os.cpu_count(), "model": model.partition(": ")[2], "load_before": os.getloadavg()[0]}


def _silent(_text: str) -> None:
    """Say nothing."""


if __name__ == "__main__":
    main()
