"""What the demo may forget, and what it may not."""

from __future__ import annotations

import pytest

from governance.env import env
from governance.errors import ConflictError
from governance.lab.spec import TEST
from governance.models import Block, Chain
from proposals import local
from proposals.local import Site


@pytest.fixture
def site(monkeypatch):
    """A site whose services are started by nobody, and stopped by nobody."""
    touched = []
    monkeypatch.setattr(local.supervisor, "ensure", lambda *names, **_: ())
    monkeypatch.setattr(local.supervisor, "stop", lambda *names: touched.append(names))
    found = Site(TEST, fresh=True)
    found.touched = touched
    return found


def test_records_of_a_real_chain_are_not_forgotten(site, db):
    Chain.objects.create(chain_id=1, name="Mainnet", genesis_hash="0x00")
    with pytest.raises(ConflictError, match="will not delete"):
        site.start(lambda _: None)
    assert Chain.objects.count() == 1
    assert site.touched == []


def test_an_external_database_is_not_emptied(site, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@example.invalid/theirs")
    env.cache_clear()
    try:
        with pytest.raises(ConflictError, match="empty database"):
            site.start(lambda _: None)
    finally:
        monkeypatch.undo()
        env.cache_clear()


def test_somebody_elses_node_is_not_used(site, chain_client):
    with pytest.raises(ConflictError, match="unset RPC_URLS"):
        site.start(lambda _: None)


def test_records_that_the_node_does_not_know_are_noticed(chain_client, db):
    site, head = Site(TEST, fresh=False), chain_client.head()
    assert not site._records_are_of_another_chain()
    chain = Chain.objects.create(chain_id=env().chain_id, name="Local", genesis_hash="0x00")
    row = {"chain": chain, "parent_hash": bytes(32), "timestamp": head.timestamp}
    Block.objects.create(number=head.number, hash=bytes.fromhex(head.hash[2:]), **row)
    assert not site._records_are_of_another_chain()
    Block.objects.create(number=head.number + 1, hash=bytes(32), **row)
    assert site._records_are_of_another_chain()
