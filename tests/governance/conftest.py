"""What tests of the ground floor share."""

from __future__ import annotations

import pytest


@pytest.fixture
def relayed(dao, watched, signer):
    """Return the id of a proposal that the executor has queued, executed and verified."""
    from governance.relay import run_once  # noqa: PLC0415 - needs Django's models
    from tests.dao import TIMELOCK  # noqa: PLC0415 - likewise

    proposal_id = dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    run_once(client=dao.client, signer=signer)
    dao.warp(TIMELOCK)
    run_once(client=dao.client, signer=signer)
    return proposal_id
