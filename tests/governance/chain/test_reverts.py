from __future__ import annotations

import pytest

from governance.chain import abi, reverts


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (abi.encode("Error(string)", "4"), "4 (CALLER_NOT_RISK_OR_POOL_ADMIN)"),
        (abi.encode("Error(string)", "Ownable: no"), "Ownable: no"),
        (abi.encode("Panic(uint256)", 0x11), "panic 0x11 (arithmetic overflow)"),
        (abi.encode("GovernorNonexistentProposal(uint256)", 7), "GovernorNonexistentProposal(7)"),
        (b"", "no reason given"),
        (b"\xde\xad\xbe\xef", "0xdeadbeef"),
        (abi.selector("Error(string)") + b"\1", "0x08c379a001"),
    ],
)
def test_revert_data_is_put_in_words(data, reason):
    assert reverts.reason(data) == reason
