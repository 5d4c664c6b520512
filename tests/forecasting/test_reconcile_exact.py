"""What a comparison in dollars cannot see: single units, and accounts of which no log is left."""

from __future__ import annotations

import pytest
from django.db.models import Q
from django.db.models.functions import Length

from forecasting.collect import collect, reconcile, snapshot
from forecasting.models import Checkpoint, Snapshot
from governance.chain import abi
from governance.models import Log
from tests import market

pytestmark = pytest.mark.django_db
MINT = abi.topic("Mint(address,address,uint256,uint256,uint256)")


@pytest.fixture
def deployment(world, chain_client, db):
    made = market.watch(world, chain_client)
    collect(made, client=chain_client)
    return made


def again(deployment, client):
    Snapshot.objects.filter(deployment=deployment).delete()
    Checkpoint.objects.filter(deployment=deployment).delete()
    return reconcile(snapshot(deployment, client=client), client=client)


def test_one_smallest_unit_too_many_is_found(deployment, world, chain_client):
    weth = market.Market(world=world, client=chain_client).receipt_token("WETH")
    mints = Log.objects.filter(topic0=MINT, address=bytes.fromhex(weth[2:]), block_number__gte=deployment.first_block)
    log = mints.annotate(size=Length("data")).filter(size=96).order_by("-block_number").first()
    data = (int.from_bytes(bytes(log.data[:32])) + 1).to_bytes(32) + bytes(log.data[32:])
    mints.filter(block_number=log.block_number, log_index=log.log_index).update(data=data)
    fields = {finding.field.partition(":")[0] for finding in again(deployment, chain_client).findings}
    assert {"supplied", "total_supply"} <= fields


def test_an_account_of_which_no_log_is_left_is_missed_in_the_totals(deployment, chain_client):
    account = snapshot(deployment, client=chain_client).accounts.filter(debt_base__gt=0).first().account
    word = abi.encode_args(["address"], [account])
    Log.objects.filter(Q(topic1=word) | Q(topic2=word) | Q(topic3=word)).delete()
    report = again(deployment, chain_client)
    assert account not in {finding.account for finding in report.findings}
    assert {"total_supply", "total_variable_debt"} <= {finding.field for finding in report.findings}
