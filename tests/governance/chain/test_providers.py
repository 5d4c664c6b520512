"""How nodes serve, in the table: what several processes saw adds up, and what one found out warns the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.chain import providers
from governance.chain.client import Client
from governance.errors import ChainError, DishonestAnswer
from governance.models import Chain, Provider
from tests.governance.chain.test_client import ok, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain():
    return Chain.objects.create(chain_id=5, name="five", genesis_hash="0x" + "00" * 32)


def test_what_a_client_saw_adds_up(chain):
    with serving(ok("0x1")) as good, serving(ok("0x1"), 503) as bad:
        client = Client([bad.url, good.url], chain_id=None, timeout=5, attempts=1)
        for _ in range(2):
            for _ in range(3):
                client.call("eth_blockNumber")
            providers.save(client, chain_id=5)
        providers.save(client, chain_id=5)
        client.close()
    broken, working = (Provider.objects.get(name=host) for host in client.hosts)
    assert (working.requests, working.failures, working.last_error) == (6, 0, "")
    assert working.latency_ms > 0
    assert broken.requests == broken.failures == 3  # then it was left alone
    assert "HTTP 503" in broken.last_error
    assert broken.quarantined_until > timezone.now()
    assert "secret-key" not in f"{Provider.objects.values()}"


def test_what_one_process_found_out_warns_the_next(chain):
    with serving(ok("0x1")) as liar, serving(ok("0x2")) as good:
        first, second = (Client([liar.url, good.url], chain_id=None, timeout=5, attempts=1) for _ in range(2))
        first.call("eth_blockNumber")
        first.distrust(DishonestAnswer("a lie", host=first.hosts[0]), first=1, last=2)
        providers.save(first, chain_id=5)
        providers.recall(second, chain_id=5)
        assert second.call("eth_blockNumber") == "0x2"
        first.close()
        second.close()


def test_a_quarantine_that_is_over_is_forgotten(chain):
    with serving(ok("0x1")) as node, serving(ok("0x2")) as other:
        client = Client([node.url, other.url], chain_id=None, timeout=5, attempts=1)
        until = timezone.now() - timedelta(seconds=1)
        Provider.objects.create(chain=chain, name=client.hosts[0], quarantined_until=until)
        providers.recall(client, chain_id=5)
        assert client.call("eth_blockNumber") == "0x1"
        providers.save(client, chain_id=5)
        assert Provider.objects.get(name=client.hosts[0]).quarantined_until is None
        client.close()


def test_an_idle_client_writes_nothing(chain):
    client = Client(["http://127.0.0.1:9"], chain_id=None, attempts=1)
    providers.save(client, chain_id=5)
    assert not Provider.objects.exists()
    with pytest.raises(ChainError):
        client.call("eth_blockNumber")
    providers.save(client, chain_id=5)
    assert Provider.objects.get().failures == 1
