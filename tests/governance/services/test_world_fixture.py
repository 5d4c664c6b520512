"""The world that the tests share: each test finds it as it was built."""

from __future__ import annotations

import pytest

from governance.chain.client import default_client


@pytest.mark.parametrize("hours", [30, 2])
def test_what_a_test_does_to_the_world_is_taken_back(world, chain_client, hours):
    assert world.now().hour == world.spec.hours
    after = world.advance(hours, progress=lambda *_: None)
    assert after.hour == world.spec.hours + hours
    assert default_client().head().number == chain_client.head().number
