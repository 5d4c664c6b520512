"""A node whose logs cannot stand beside those of another stream: nothing held changes, and collection ends."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from governance.chain import coverage, logs
from governance.chain.client import Client
from governance.errors import DishonestAnswer
from governance.models import Deployment, Incident
from tests.chaos.history import collect, history, watch

pytestmark = pytest.mark.django_db

HEAD = 400
REQUESTS = 200  # more than patience needs


class Renumbering(Client):
    """A node that numbers the logs of each block of an answer from zero on; it is not asked for ever."""

    asked = 0

    def batch_raw(self, requests, *, read):
        self.asked += 1
        assert self.asked < REQUESTS, "asked for the same again and again"
        answers = msgspec.json.decode(super().batch_raw(requests))
        counts = Counter()
        for answer in answers:
            for log in answer["result"] if isinstance(answer["result"], list) else ():
                log["logIndex"] = hex(counts[log["blockNumber"]])
                counts[log["blockNumber"]] += 1
        read(msgspec.json.encode(answers))
        return b""


def test_logs_in_the_place_of_others_leave_a_gap_and_not_a_loop(still_chain):
    deployment = watch(still_chain)
    whole = collect(still_chain.client, deployment, to_block=HEAD)
    other = deployment.streams.create(addresses=[still_chain.other], first_block=1)
    collect(still_chain.client, deployment, to_block=HEAD // 2)
    assert coverage.missing(other, HEAD) == [(HEAD // 2 + 1, HEAD)]
    client = Renumbering([still_chain.url], chain_id=31337, attempts=1)
    try:
        with pytest.raises(DishonestAnswer, match="stand where logs of other contracts were collected"):
            logs.collect(client, deployment, to_block=HEAD)
    finally:
        client.close()
    kinds = set(Incident.objects.filter(resolved_at=None).values_list("kind", flat=True))
    assert kinds == {Incident.Kind.GAP, Incident.Kind.CONTRADICTION}
    assert coverage.missing(other, HEAD)
    other.delete()
    mine = [row for row in history(deployment).logs if row in whole.logs]
    assert mine == whole.logs
    assert coverage.verify(deployment) == []


def test_a_second_watcher_of_a_contract_takes_nothing_from_the_first(still_chain, chaos, ask):
    first = watch(still_chain)
    whole = collect(still_chain.client, first, to_block=HEAD)
    second = Deployment.objects.create(
        chain=first.chain, slug="second", name="Second", kind="protocol", flavour="none", first_block=1
    )
    stream = second.streams.create(addresses=first.streams.get().addresses, first_block=1)
    with pytest.raises(DishonestAnswer, match="differ from those of the same contracts that were collected for small"):
        logs.collect(ask(chaos("drop-log", rate=0.3).url), second, to_block=HEAD)
    assert history(first) == whole
    assert coverage.verify(first) == coverage.verify(second) == []
    assert coverage.missing(stream, HEAD)
    logs.collect(still_chain.client, second, to_block=HEAD)
    assert history(second).logs == whole.logs
    assert not Incident.objects.filter(kind=Incident.Kind.GAP, resolved_at=None).exists()
