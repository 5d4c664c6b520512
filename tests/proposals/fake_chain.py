"""A chain that understands a configurator's three setters and a data provider's two reads, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from governance.chain.abi import decode_call, selector
from governance.chain.client import Header
from governance.chain.fork import Outcome, SimulationResult
from governance.domain.action import Call

COLLATERAL = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
SUPPLY_CAP, BORROW_CAP = "setSupplyCap(address,uint256)", "setBorrowCap(address,uint256)"
CONFIGURATION, CAPS = "getReserveConfigurationData(address)", "getReserveCaps(address)"


@dataclass(kw_only=True)
class FakeChain:
    """One reserve's settings at a head block; ``refuses`` makes every call revert with that reason."""

    settings: dict[str, int]
    number: int = 6_000
    timestamp: int = 1_700_100_000
    refuses: str = ""
    senders: list[str] = field(default_factory=list)

    def head(self) -> Header:
        digest = f"0x{self.number:064x}"
        return Header(number=self.number, hash=digest, parent_hash=digest, timestamp=self.timestamp, base_fee=0)

    def eth_calls(self, calls: Sequence[Call], *, block: int | None = None) -> list[bytes]:
        return [answer(call, self.settings) for call in calls]

    def eth_call(self, call: Call, *, block: int | None = None) -> bytes:
        return answer(call, self.settings)

    def simulate(
        self, client: FakeChain, calls: Sequence[tuple[str, Call]], reads: Sequence[Call] = ()
    ) -> SimulationResult:
        self.senders = [sender for sender, _ in calls]
        after = dict(self.settings)
        for _, call in calls:
            if not self.refuses:
                apply(call, after)
        done = Outcome(ok=not self.refuses, data=b"", gas_used=1, reason=self.refuses, log_count=0)
        return SimulationResult(
            base=self.head(), calls=(done,) * len(calls), reads=tuple(answer(read, after) for read in reads)
        )


def apply(call: Call, settings: dict[str, int]) -> None:
    """Do what the configurator would."""
    if call.data[:4] == selector(COLLATERAL):
        _, ltv, threshold, bonus = decode_call(COLLATERAL, call.data)
        settings.update(ltv=ltv, liquidation_threshold=threshold, liquidation_bonus=bonus)
    elif call.data[:4] == selector(SUPPLY_CAP):
        settings["supply_cap"] = decode_call(SUPPLY_CAP, call.data)[1]
    else:
        settings["borrow_cap"] = decode_call(BORROW_CAP, call.data)[1]


def answer(call: Call, settings: dict[str, int]) -> bytes:
    """Answer as Aave's data provider does."""
    if call.data[:4] == selector(CONFIGURATION):
        words = [
            18,
            settings["ltv"],
            settings["liquidation_threshold"],
            settings["liquidation_bonus"],
            0,
            1,
            1,
            0,
            1,
            0,
        ]
    else:
        words = [settings["borrow_cap"], settings["supply_cap"]]
    return b"".join(word.to_bytes(32) for word in words)
