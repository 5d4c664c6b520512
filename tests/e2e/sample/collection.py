"""What was collected in the sample: two whole streams, three nodes, faults that are over, and a reorganisation."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from governance.models import Block, Chain, Coverage, Deployment, Incident, Provider, Reorg, Stream
from tests.e2e.sample.base import HEAD, START, hash_of

CUT = 8_000  # the market's first landing ends here


def cover(chain: Chain, market: Deployment, governor: Deployment) -> None:
    for number in (0, CUT, CUT + 1, HEAD - 1, HEAD):
        Block.objects.create(
            chain=chain,
            number=number,
            hash=bytes.fromhex(hash_of(str(number))[2:]),
            parent_hash=bytes.fromhex(hash_of(str(number - 1))[2:]),
            timestamp=START + number * 3_600,
        )
    for deployment, ranges in (
        (market, ((0, CUT, 171_090, "bloom", 0), (CUT + 1, HEAD, 13_130, "receipts", 224))),
        (governor, ((0, HEAD, 212, "bloom", 96),)),
    ):
        addresses = sorted(deployment.addresses.values())
        stream = Stream.objects.create(deployment=deployment, addresses=addresses, first_block=0)
        for first, last, logs, proof, sampled in ranges:
            Coverage.objects.create(
                stream=stream,
                first=first,
                last=last,
                first_parent=hash_of(str(first - 1)),
                last_hash=hash_of(str(last)),
                n_logs=logs,
                content=bytes(512),
                provider="first.node.example" if proof == "bloom" else "second.node.example",
                proof=proof,
                sampled=sampled,
            )


def trouble(chain: Chain) -> None:
    now = timezone.now()
    for name, requests, failures, latency, behind, banned, error in (
        ("first.node.example", 182_311, 12, 41.7, 0, 0, "The node took longer than 30 seconds."),
        ("second.node.example", 9_120, 0, 88.2, 1, 0, ""),
        ("third.node.example", 4_455, 731, 310.5, 14, 90, "It left out logs of block 8,123 that its bloom promises."),
    ):
        Provider.objects.create(
            chain=chain,
            name=name,
            requests=requests,
            failures=failures,
            latency_ms=latency,
            largest_range=2_000,
            head=HEAD + 3 - behind,
            last_error=error,
            quarantined_until=now + timedelta(minutes=banned) if banned else None,
        )
    Incident.objects.create(
        chain=chain,
        kind="missing-logs",
        provider="third.node.example",
        first=8_001,
        last=8_500,
        detail="Block 8,123 has a bloom that promises logs of ours, and the answer has none.",
        times=3,
        resolved_at=now,
    )
    Reorg.objects.create(
        chain=chain, ancestor=HEAD - 700, orphan_number=HEAD - 699, orphan_hash=hash_of("orphan"), depth=6
    )
