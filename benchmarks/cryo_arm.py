"""The `cryo` wheel with the same landing; run by an interpreter that has it (`benchmarks/collection.py` says how).

    PYTHON_WITH_CRYO benchmarks/cryo_arm.py --node URL --contract ADDRESS --first N --last N --database URL

It has the settings with which it is fastest here. Its logs are columns of one table; numpy lays their bytes out as rows
of PostgreSQL's binary COPY, as fast as that can be done in Python. There are no headers, links, blooms or ledger.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import cryo  # type: ignore[import-not-found]  # only in an interpreter of its own
import numpy as np
import psycopg
import pyarrow as pa

CHUNK = 10_000  # blocks
REQUEST = 1_000  # blocks of one eth_getLogs
COLUMNS = "chain_id, block_number, log_index, block_hash, tx_hash, address, topic0, topic1, topic2, topic3, data"
WIDTHS = {
    "chain_id": 8,
    "block_number": 8,
    "log_index": 4,
    "block_hash": 32,
    "transaction_hash": 32,
    "address": 20,
    "topic0": 32,
    "topic1": 32,
    "topic2": 32,
    "topic3": 0,
    "data": 32,
}
ROW = np.dtype(
    [("columns", ">i2")]
    + [part for name, width in WIDTHS.items() for part in ((f"{name}_length", ">i4"), (name, f"V{width}"))]
)
CHAIN = 31337


def main() -> None:
    """Collect and land, and print what it took."""
    parser = argparse.ArgumentParser()
    for name in ("--node", "--contract", "--database"):
        parser.add_argument(name, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, required=True)
    options = parser.parse_args()
    count = 0
    with psycopg.connect(options.database) as connection:
        began = time.perf_counter()
        for first in range(options.first, options.last + 1, CHUNK):
            last = min(first + CHUNK, options.last + 1)
            found = cryo.collect(
                "logs",
                blocks=[f"{first}:{last}"],
                rpc=options.node,
                contract=[options.contract],
                inner_request_size=REQUEST,
                chunk_size=CHUNK,
                include_columns=["block_hash"],
                output_format="polars",
                hex=False,
            )
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM governance_log WHERE chain_id = %s AND block_number BETWEEN %s AND %s",
                    [CHAIN, first, last - 1],
                )
                with cursor.copy(f"COPY governance_log ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(b"PGCOPY\n\xff\r\n\x00" + bytes(8))
                    copy.write(_rows(found))
                    copy.write(b"\xff\xff")
            count += len(found)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"logs": count, "seconds": seconds, "megabytes": peak}))


def _rows(found: Any) -> bytes:  # noqa: ANN401 - a frame of polars, which this project does not have
    rows = np.zeros(len(found), ROW)
    rows["columns"] = len(WIDTHS)
    for name, width in WIDTHS.items():
        rows[f"{name}_length"] = width
        if name == "chain_id":
            rows[name] = np.full(len(found), CHAIN, ">i8").view("V8")
        elif name in {"block_number", "log_index"}:
            rows[name] = found[name].to_numpy().astype(f">i{width}").view(f"V{width}")
        elif width:
            octets = found[name].rechunk().to_arrow().cast(pa.large_binary()).buffers()[2]
            rows[name] = np.frombuffer(octets, f"V{width}", count=len(found))
    return rows.tobytes()


if __name__ == "__main__":
    main()
