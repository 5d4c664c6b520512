"""What `benchmarks/collection.py` measures, each in a process of its own, so that none warms up or fattens another.

    python -c "import django; django.setup(); from benchmarks import arms; arms.main()" ARM --node URL ...

Every arm prints one JSON object: logs, seconds, and the peak memory of the process and of the one it starts, in MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from web3 import Web3

from benchmarks.long_chain import CHAIN_ID, LOGS, TOPIC
from governance.chain import partitions, sizing
from governance.chain.client import Client
from governance.chain.logs import collect
from governance.chain.reorgs import block_hash
from governance.chain.transport import Endpoint
from governance.env import env
from governance.models import Chain, Deployment, Log, Stream

CHUNK = 260  # blocks of a question to which the answer is only drained, as many as the collector asks for here
PLAIN_CHUNK = 1_000  # blocks of one get_logs, and rows of one bulk_create
TRANSFER = {
    "type": "event",
    "name": "Transfer",
    "anonymous": False,
    "inputs": [
        {"name": "sender", "type": "address", "indexed": True},
        {"name": "receiver", "type": "address", "indexed": True},
        {"name": "value", "type": "uint256", "indexed": False},
    ],
}


def main() -> None:
    """Run one arm and print what it measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("--node", required=True)
    parser.add_argument("--contract", required=True)
    parser.add_argument("--last", type=int, required=True)
    parser.add_argument("--largest", type=int, default=0)
    options = parser.parse_args()
    logs, seconds = ARMS[options.arm](options)
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024
    print(json.dumps({"logs": logs, "seconds": seconds, "megabytes": peak}))


def ours(options: argparse.Namespace) -> tuple[int, float]:
    """Collect with the product's own verb."""
    sizing.LARGEST = options.largest or sizing.LARGEST
    client = Client([options.node], chain_id=CHAIN_ID)
    chain = Chain.objects.create(chain_id=CHAIN_ID, name="Benchmark", genesis_hash=block_hash(client, 0))
    deployment = Deployment.objects.create(
        chain=chain, slug="benchmark", name="Benchmark", kind="protocol", flavour="none", first_block=0
    )
    Stream.objects.create(deployment=deployment, addresses=[options.contract], first_block=0)
    began = time.perf_counter()
    report = collect(client, deployment, to_block=options.last)
    seconds = time.perf_counter() - began
    if report.last != options.last or report.gaps:
        raise RuntimeError(f"complete up to block {report.last} only")
    return report.logs, seconds


def plain(options: argparse.Namespace) -> tuple[int, float]:
    """Do what most people write first: web3.py's get_logs, an object for each log, bulk_create."""
    partitions.ensure(CHAIN_ID, first=0, last=options.last)
    web3 = Web3(Web3.HTTPProvider(options.node))
    transfer = web3.eth.contract(address=Web3.to_checksum_address(options.contract), abi=[TRANSFER]).events.Transfer()
    count = 0
    began = time.perf_counter()
    for first in range(0, options.last + 1, PLAIN_CHUNK):
        events = transfer.get_logs(from_block=first, to_block=min(first + PLAIN_CHUNK - 1, options.last))
        rows = [
            Log(
                chain_id=CHAIN_ID,
                block_number=event["blockNumber"],
                log_index=event["logIndex"],
                block_hash=bytes(event["blockHash"]),
                tx_hash=bytes(event["transactionHash"]),
                address=bytes.fromhex(event["address"][2:]),
                topic0=bytes.fromhex(TOPIC),
                topic1=bytes.fromhex(event["args"]["sender"][2:]).rjust(32, b"\0"),
                topic2=bytes.fromhex(event["args"]["receiver"][2:]).rjust(32, b"\0"),
                topic3=b"",
                data=event["args"]["value"].to_bytes(32),
            )
            for event in events
        ]
        Log.objects.bulk_create(rows, batch_size=PLAIN_CHUNK)
        count += len(rows)
    return count, time.perf_counter() - began


def drain(options: argparse.Namespace) -> tuple[int, float]:
    """Ask the node for the collector's own batches, one after the other, and only read the bytes."""
    return _drain(options, headers=True, connections=1)


def drain_together(options: argparse.Namespace) -> tuple[int, float]:
    """Do so over as many connections as there are fetchers."""
    return _drain(options, headers=True, connections=env().fetchers)


def drain_logs(options: argparse.Namespace) -> tuple[int, float]:
    """Ask the node for the logs alone, and only read the bytes."""
    return _drain(options, headers=False, connections=1)


def _drain(options: argparse.Namespace, *, headers: bool, connections: int) -> tuple[int, float]:
    endpoint = Endpoint(options.node, timeout=300)

    def ask(first: int) -> int:
        last = min(first + CHUNK - 1, options.last)
        question = {"fromBlock": hex(first), "toBlock": hex(last), "address": [options.contract]}
        asked: list[tuple[str, Sequence[object]]] = [("eth_getLogs", [question])]
        if headers:
            asked += [("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1)]
        body = json.dumps([{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(asked)])
        return len(endpoint.post(body.encode()).body)

    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=connections) as threads:
        size = sum(threads.map(ask, range(0, options.last + 1, CHUNK)))
    seconds = time.perf_counter() - began
    logs = LOGS * (options.last - 1)  # block 0 is the genesis, block 1 holds the contract
    if size < logs:
        raise RuntimeError("the node gave less than a byte for each log")
    return logs, seconds


ARMS: dict[str, Callable[[argparse.Namespace], tuple[int, float]]] = {
    "ours": ours,
    "plain": plain,
    "drain": drain,
    "drain-logs": drain_logs,
    "drain-together": drain_together,
}

if __name__ == "__main__":
    main()
