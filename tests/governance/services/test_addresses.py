from __future__ import annotations

import pytest

from governance.env import Env
from governance.errors import InputError
from governance.services import addresses


@pytest.fixture
def use(monkeypatch, tmp_path):
    def change(**values):
        monkeypatch.setattr(addresses, "env", lambda: Env(breakwater_data=tmp_path, **values))

    return change


def test_an_external_database_is_taken_from_its_address(use):
    use(database_url="postgresql://ann:s%40cret@db.example:6000/risk?sslmode=require&options=-c%20search_path%3Da")
    found = addresses.database_settings()
    assert (found["USER"], found["PASSWORD"], found["HOST"]) == ("ann", "s@cret", "db.example")
    assert (found["PORT"], found["NAME"], found["OPTIONS"]["sslmode"]) == ("6000", "risk", "require")
    assert found["OPTIONS"]["options"].endswith("-c search_path=a")
    assert "statement_timeout" in found["OPTIONS"]["options"]


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/x", "postgresql://u:hunter2@h", "postgresql://h/x?nonsense=hunter2"]
)
def test_an_unusable_database_address_is_refused_without_showing_its_password(use, url):
    use(database_url=url)
    with pytest.raises(InputError, match="DATABASE_URL is not usable") as caught:
        addresses.database_settings()
    assert "hunter2" not in repr(caught.value.as_dict())


def test_the_embedded_defaults_listen_on_sockets_with_generated_passwords(use, tmp_path):
    use()
    found = addresses.database_settings()
    assert found["HOST"].startswith("/")
    assert len(found["PASSWORD"]) >= 40
    assert found["PASSWORD"] not in addresses.broker_url()
    assert (tmp_path / "secrets" / "database").stat().st_mode & 0o077 == 0


def test_sockets_of_a_deep_data_folder_lie_below_tmp(monkeypatch, tmp_path):
    deep = tmp_path / ("x" * 80)
    monkeypatch.setattr(addresses, "env", lambda: Env(breakwater_data=deep))
    assert str(addresses.run_folder()).startswith("/tmp/breakwater-")
    assert addresses.run_folder() == addresses.run_folder()


def test_the_node_port_is_remembered(use, tmp_path):
    use()
    port = addresses.node_port()
    assert port in addresses.NODE_PORTS
    assert addresses.node_port() == port
    assert addresses.rpc_urls() == (f"http://127.0.0.1:{port}",)


def test_external_nodes_keep_their_order(use):
    use(rpc_urls="https://a.example/key, https://b.example")
    assert addresses.rpc_urls() == ("https://a.example/key", "https://b.example")
