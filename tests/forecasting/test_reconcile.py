"""Three protocols on one chain: collected, rebuilt, compared with their contracts; and a lie in the tables is found."""

from __future__ import annotations

import json
import random

import pytest
from django.core.management import call_command
from django.db.models.functions import Length
from django.urls import reverse

from forecasting.collect import collect, reconcile, snapshot
from forecasting.models import Checkpoint, Reading, Snapshot
from governance.chain import abi
from governance.errors import ImplausibleData, StaleData
from governance.models import Log
from tests import comet_market, market, morpho_market
from tests.workshop import Workshop

pytestmark = pytest.mark.django_db

TAKEN = {
    "aave_v3": "Mint(address,address,uint256,uint256,uint256)",
    "compound_v3": "Supply(address,address,uint256)",
    "morpho_blue": "SupplyCollateral(bytes32,address,address,uint256)",
}
FIELD = {"aave_v3": "collateral_base", "compound_v3": "principal", "morpho_blue": "collateral"}


@pytest.fixture
def deployments(world, chain_client, db):
    """Return the world's own Aave market beside a market of each other protocol, all with some history."""
    shop = Workshop(chain_client)
    morpho, comet = morpho_market.build(shop), comet_market.build(shop)
    draw = random.Random(5)
    for _ in range(45):
        morpho.step(draw)
        comet.step(draw)
    held = comet.collaterals["CETH"]
    assert comet.supply(comet_market.PEOPLE[0], held, 10**18)
    assert morpho.tries(morpho_market.PEOPLE[0], "supplyCollateral", 10**18, morpho_market.PEOPLE[0], b"")
    assert comet.supply(comet_market.PEOPLE[0], comet.base, 10**9)
    watched = [market.watch(world, chain_client), morpho.watch(), comet.watch()]
    yield {deployment.flavour: deployment for deployment in watched}
    chain_client.call("evm_setAutomine", [True])


def take(deployment, client):
    collect(deployment, client=client)
    return snapshot(deployment, client=client)


def test_every_account_of_every_protocol_equals_its_contract(deployments, chain_client):
    reports = {}
    for flavour, deployment in deployments.items():
        taken = take(deployment, chain_client)
        reports[flavour] = report = reconcile(taken, client=chain_client)
        assert report.findings == ()
        assert report.health_mismatches == 0
        assert report.accounts_compared == taken.accounts.count()
        assert sum(count for count, _ in report.fields.values()) == report.numbers_compared
        assert {wrong for _, wrong in report.fields.values()} == {0}
    assert {report.block_number for report in reports.values()} == {chain_client.head().number}
    assert all(report.accounts_compared >= 5 for report in reports.values())


def test_by_the_commands_that_a_person_types(deployments, chain_client, capsys):
    watched = {deployment.slug: deployment for deployment in deployments.values()}
    kept = {slug: (row.flavour, row.addresses) for slug, row in watched.items()}
    for row in watched.values():
        row.delete()
    flags = {
        "aave_v3": lambda roles: [roles["addresses_provider"]],
        "compound_v3": lambda roles: [roles["comet"], "--role", f"configurator={roles['configurator']}"],
        "morpho_blue": lambda roles: [roles["morpho"], "--role", f"market={roles['market']}"],
    }
    for slug, (flavour, roles) in kept.items():
        call_command("watch", flavour, *flags[flavour](roles), "--slug", slug)
    call_command("collect", "--once")
    capsys.readouterr()
    call_command("reconcile", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["mismatches"] == found["gaps"] == 0
    assert found["accounts"] == sum(
        taken.accounts.count() for taken in Snapshot.objects.filter(block_number=chain_client.head().number)
    )


def test_it_makes_no_difference_how_the_contracts_are_asked(deployments, world, chain_client):
    deployment = deployments["compound_v3"]
    taken = take(deployment, chain_client)
    by_batches = reconcile(taken, client=chain_client)
    deployment.addresses["multicall"] = world.addresses["multicall"]
    deployment.save()
    by_multicall = reconcile(Snapshot.objects.get(pk=taken.pk), client=chain_client)
    assert by_multicall == by_batches
    assert by_batches.numbers_compared > 20


@pytest.mark.parametrize("flavour", TAKEN)
def test_a_log_that_was_altered_in_the_table_is_found(deployments, chain_client, flavour):
    deployment = deployments[flavour]
    before = take(deployment, chain_client)
    where = {"chain_id": deployment.chain_id, "topic0": abi.topic(TAKEN[flavour])}
    found = Log.objects.filter(**where, block_number__gte=deployment.first_block)
    log = found.annotate(size=Length("data")).filter(size__gt=0).order_by("-block_number").first()
    assert log is not None
    account = abi.checksum(bytes(log.topic3 if flavour == "morpho_blue" else log.topic2)[12:])
    honest = before.accounts.get(account=account)
    amount = int.from_bytes(bytes(log.data[:32]))
    altered = (amount * 2).to_bytes(32) + bytes(log.data[32:])
    Log.objects.filter(**where, block_number=log.block_number, log_index=log.log_index).update(data=altered)
    Snapshot.objects.filter(deployment=deployment).delete()
    Checkpoint.objects.filter(deployment=deployment).delete()
    report = reconcile(snapshot(deployment, client=chain_client), client=chain_client)
    found = [finding for finding in report.findings if finding.account == account]
    assert found
    assert {finding.block_number for finding in found} == {before.block_number}
    assert all(finding.collected != finding.contract for finding in found)
    if flavour != "aave_v3":  # whose values in dollars cover several numbers
        (exact,) = [finding for finding in found if finding.field == FIELD[flavour]]
        assert exact.collected > exact.contract
        assert exact.contract == int(honest.own[FIELD[flavour]])


def test_readings_are_kept_and_make_the_node_superfluous(deployments, chain_client):
    deployment = deployments["compound_v3"]
    taken = take(deployment, chain_client)
    content = taken.dataset_hash
    Snapshot.objects.filter(pk=taken.pk).delete()
    chain_client.call("evm_mine")

    class Absent:
        def __getattr__(self, name):
            raise AssertionError("the node was asked")

    assert snapshot(deployment, block=taken.block_number, client=Absent()).dataset_hash == content


def _lie(deployment, name, change):
    """Let what was read of one block be a lie, and no snapshot be held that was made before."""
    reading = Reading.objects.filter(deployment=deployment).latest("block_number")
    (field,) = [field for field in reading.words if field.partition(":")[0] == name][:1]
    reading.words[field] = str(change(int(reading.words[field])))
    reading.save()
    Snapshot.objects.filter(deployment=deployment).delete()


@pytest.mark.parametrize(
    ("flavour", "name"), [("compound_v3", "price"), ("morpho_blue", "price"), ("morpho_blue", "rate")]
)
def test_a_reading_that_is_a_lie_is_found_and_read_again(deployments, chain_client, flavour, name):
    deployment = deployments[flavour]
    take(deployment, chain_client)
    _lie(deployment, name, lambda word: word * 3 + 1)
    lied = snapshot(deployment, client=chain_client)
    assert name in {finding.field for finding in reconcile(lied, client=chain_client).findings}
    again = snapshot(deployment, client=chain_client)
    assert again.block_number == lied.block_number
    assert reconcile(again, client=chain_client).findings == ()


@pytest.mark.parametrize("change", [lambda word: 0, lambda word: word * 3])
@pytest.mark.parametrize("name", ["supply_index", "borrow_index", "accrued_at"])
def test_totals_that_cannot_be_are_refused_and_read_again(deployments, chain_client, name, change):
    deployment = deployments["compound_v3"]
    taken = take(deployment, chain_client)
    _lie(deployment, name, change)
    with pytest.raises(ImplausibleData):
        snapshot(deployment, client=chain_client)
    assert snapshot(deployment, client=chain_client).dataset_hash == taken.dataset_hash


def test_a_block_that_the_node_has_lost_is_no_match(deployments, chain_client):
    taken = take(deployments["morpho_blue"], chain_client)
    taken.block_hash = f"0x{7:064x}"
    with pytest.raises(StaleData, match="collect and snapshot again"):
        reconcile(taken, client=chain_client)


@pytest.mark.parametrize("flavour", ["compound_v3", "morpho_blue"])
def test_every_page_shows_other_protocols_too(deployments, chain_client, client, flavour):
    taken = take(deployments[flavour], chain_client)
    account = taken.accounts.order_by("health_factor").first().account
    for other in set(deployments) - {flavour}:
        deployments[other].delete()  # the pages show the first market
    pages = [reverse(name) for name in ("home", "market-list", "accounts", "liquidations", "forecasts")]
    pages += [reverse("market", args=[row.pk]) for row in taken.deployment.reserves.all()]
    for page in (*pages, reverse("account", args=[account])):
        assert client.get(page).status_code == 200, page
