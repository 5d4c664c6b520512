"""What every protocol's ledger must survive: being frozen into JSON and read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from forecasting.books import ledger_at
from governance.protocols.base import plugin

if TYPE_CHECKING:
    from forecasting.models import Snapshot

DAY = 86_400


def survives_freezing(taken: Snapshot) -> None:
    """Assert that the ledger of a snapshot says the same after it was frozen, now and with a day's interest."""
    deployment = taken.deployment
    ledger = ledger_at(deployment, block=taken.block_number)
    again = plugin(deployment.flavour)(deployment.addresses).ledger()
    again.restore(json.loads(json.dumps(ledger.freeze())))
    decimals = dict(deployment.reserves.values_list("address", "decimals"))
    for seconds in (0, DAY):
        moment = {"timestamp": taken.timestamp + seconds, "decimals": decimals}
        assert again.book(**moment) == ledger.book(**moment)
    assert again.freeze() == ledger.freeze()
