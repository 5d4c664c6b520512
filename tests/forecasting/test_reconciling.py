"""Everything that was collected beside its source: books, votes, and the ledger beside its own rows."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from forecasting import readings, reconciling
from forecasting.collect import collect, snapshot
from forecasting.snapshots import ReconcileReport
from governance.chain.client import Client
from governance.deployments import select, watch_governor
from governance.domain.action import Call
from governance.errors import CallReverted, ChainError, GapInData, StaleData
from governance.models import Block, Coverage, Incident, Log
from tests.market import watch

pytestmark = pytest.mark.django_db
LEDGER = ("gaps", "overlaps", "orphans", "altered")


@pytest.fixture
def market(world, chain_client):
    return watch(world, chain_client)


def wrong(found: reconciling.Reconciliation) -> dict[str, int]:
    return {check.what: check.wrong for check in found.ledger}


def test_books_votes_and_the_ledger_are_compared(world, chain_client, market):
    roles = {role: world.addresses[role] for role in ("governor", "timelock", "token")}
    watch_governor(client=chain_client, flavour="oz", addresses=roles, slug="dao", name="DAO")
    found = reconciling.run(select(), client=chain_client)
    assert found.sound
    assert set(found.books) == {"local"}
    assert found.tallies["dao"].tally_equal
    assert wrong(found) == dict.fromkeys(LEDGER, 0)
    said = found.as_dict()
    assert said["accounts"] == said["protocols"]["local"]["accounts"] > 0
    assert said["votes"]["dao"]["mismatches"] == ()


def test_several_blocks_may_be_compared_when_the_node_holds_their_state(market, chain_client):
    chain_client.call("evm_mine", [chain_client.head().timestamp + 3_600])
    head = chain_client.head().number
    said = reconciling.run([market], client=chain_client, blocks=[head - 1, head]).as_dict()
    assert said["protocols"]["local"]["blocks"] == [head - 1, head]
    assert (said["mismatches"], said["failed"]) == (0, {})


def test_a_block_that_is_not_collected_is_a_failure_of_that_protocol_alone(market, chain_client):
    found = reconciling.run([market], client=chain_client, blocks=[10**9])
    assert isinstance(found.failed["local"], GapInData)
    assert not found.sound
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("reconcile", "--block=1000000000", "--json", stdout=out)
    assert json.loads(out.getvalue())["failed"]["local"]["code"] == "gap-in-data"


def test_a_block_before_everything_proves_nothing(market, monkeypatch):
    nothing = ReconcileReport(
        block_number=3, accounts_compared=0, numbers_compared=0, health_mismatches=0, fields={}, findings=()
    )
    monkeypatch.setattr(reconciling.verbs, "snapshot", lambda *_, **__: None)
    monkeypatch.setattr(reconciling.verbs, "reconcile", lambda *_, **__: nothing)
    out = StringIO()
    for words in (["--json"], []):
        with pytest.raises(SystemExit):
            call_command("reconcile", "--block=3", *words, stdout=out)
    data, text = out.getvalue().split("\n", 1)
    assert (json.loads(data)["accounts"], json.loads(data)["numbers"]) == (0, 0)
    assert "There is nothing to compare at block 3" in text
    assert "equal" not in text


@pytest.mark.parametrize("kind", LEDGER)
def test_what_is_wrong_with_the_ledger_is_found(market, chain_client, kind):
    collect(market, client=chain_client)
    (stream, *_) = market.streams.all()
    row = stream.coverage.order_by("first").first()
    if kind == "gaps":
        stream.coverage.filter(pk=row.pk).update(first=row.first + 5)
    elif kind == "overlaps":
        stream.coverage.create(**_like(row, first=row.first + 1, last=row.last - 1))
    elif kind == "orphans":
        Block.objects.filter(number=Log.objects.order_by("block_number").first().block_number).update(hash=b"\1" * 32)
    else:
        Log.objects.filter(pk=Log.objects.exclude(data=b"").order_by("block_number").first().pk).update(data=b"\1")
    assert {check.what: check.wrong for check in reconciling.ledger([market])}[kind] > 0


def _like(row: Coverage, **changes: int) -> dict[str, object]:
    names = ("first", "last", "first_parent", "last_hash", "n_logs", "content", "provider", "proof", "sampled")
    return {name: getattr(row, name) for name in names} | changes


def test_a_difference_stays_open_until_the_protocol_is_compared_again(market, chain_client):
    collect(market, client=chain_client)
    snapshot(market).accounts.filter(debt_base__gt=0).update(debt_base=1)
    found = reconciling.run([market], client=chain_client)
    assert not found.sound
    (fault,) = Incident.objects.filter(kind="mismatch", resolved_at=None)
    assert "; and " in fault.detail
    snapshot(market).delete()
    assert reconciling.run([], client=chain_client).sound
    assert Incident.objects.filter(resolved_at=None).count() == 1
    assert reconciling.run([market], client=chain_client).sound
    assert not Incident.objects.filter(resolved_at=None).exists()


def test_a_node_is_asked_for_the_block_by_its_hash(market, chain_client):
    collect(market, client=chain_client)
    header = chain_client.head()
    calls = [Call(target=market.addresses["oracle"], data=bytes.fromhex("8c89b64f"))]  # BASE_CURRENCY_UNIT()
    assert chain_client.eth_calls(calls, block=header.hash) == chain_client.eth_calls(calls, block=header.number)
    with pytest.raises(ChainError):
        chain_client.eth_calls(calls, block="0x" + "ab" * 32)


def test_a_node_that_takes_no_hash_is_asked_by_number_between_two_looks(market, chain_client, monkeypatch):
    collect(market, client=chain_client)
    header = chain_client.head()
    calls = [Call(target=market.addresses["oracle"], data=bytes.fromhex("8c89b64f"))]
    asked = []
    real = Client.batch

    def by_number_alone(self, requests):
        for method, params in requests:
            if method == "eth_call":
                asked.append(params[1])
                if isinstance(params[1], dict):
                    raise ChainError("invalid argument 1: cannot unmarshal object", rpc_code=-32602)
        return real(self, requests)

    monkeypatch.setattr(Client, "batch", by_number_alone)
    where = {"block": header.number, "block_id": header.hash, "deployment": market}
    found = readings.read_pinned(chain_client, calls, **where)
    assert int.from_bytes(found[calls[0]]) == 10**8
    assert asked == [{"blockHash": header.hash, "requireCanonical": True}, hex(header.number)]
    looks = iter([header.hash, "0x" + "ab" * 32])
    monkeypatch.setattr(readings, "block_hash", lambda *_: next(looks))
    with pytest.raises(StaleData):
        readings.read_pinned(chain_client, calls, **where)


def test_a_refusal_by_the_contract_is_no_reason_to_ask_otherwise(market, chain_client):
    collect(market, client=chain_client)
    header = chain_client.head()
    calls = [Call(target=market.addresses["oracle"], data=b"\xde\xad\xbe\xef")]
    with pytest.raises(CallReverted):
        readings.read_pinned(chain_client, calls, block=header.number, block_id=header.hash, deployment=market)
