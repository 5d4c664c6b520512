"""What a person is told of an environment variable that cannot be used."""

from __future__ import annotations

import pytest

from governance.env import env
from governance.errors import InputError


@pytest.fixture(autouse=True)
def _fresh():
    yield
    env.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FINALITY", "soon", "cannot be used: it is latest, latest-N"),
        ("RPC_URLS", ",,", "cannot be used: it names nothing between its commas"),
        ("FETCHERS", "0", "cannot be used: Input should be greater than or equal to 1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_would_be_right(monkeypatch, name, value, says):
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        env.cache_clear()
        with pytest.raises(InputError, match=f"The environment variable {name} {says}"):
            env()
