from __future__ import annotations

import socket

import pytest

from governance.env import Env
from governance.errors import PortTaken
from governance.services import web


@pytest.fixture
def use(monkeypatch, tmp_path):
    return lambda **values: monkeypatch.setattr(web, "env", lambda: Env(breakwater_data=tmp_path, **values))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123/"),
        ("0.0.0.0", "http://127.0.0.1:8123/"),  # noqa: S104 - what a person may set
        ("::1", "http://[::1]:8123/"),
    ],
)
def test_the_address_can_be_opened(use, host, address):
    use(web_host=host, web_port=8123)
    assert web.address() == address


def test_a_taken_port_is_named_with_what_to_do(use):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        use(web_port=other.getsockname()[1])
        with pytest.raises(PortTaken, match="set WEB_PORT"):
            web.check_port()
