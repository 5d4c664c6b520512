"""Why a contract said no: revert data in words.

References
----------
Solidity "Error handling": ``Error(string)`` and ``Panic(uint256)``. Aave v3 ``Errors`` library: its reasons are
numbers as text; their names are the contract's own. OpenZeppelin 5 errors are custom errors, found by selector.
"""

from __future__ import annotations

from functools import cache

from governance.chain import abi
from governance.errors import BreakwaterError

AAVE_V3 = {
    1: "CALLER_NOT_POOL_ADMIN",
    2: "CALLER_NOT_EMERGENCY_ADMIN",
    3: "CALLER_NOT_POOL_OR_EMERGENCY_ADMIN",
    4: "CALLER_NOT_RISK_OR_POOL_ADMIN",
    5: "CALLER_NOT_ASSET_LISTING_OR_POOL_ADMIN",
    6: "CALLER_NOT_BRIDGE",
    10: "CALLER_NOT_POOL_CONFIGURATOR",
    11: "CALLER_NOT_ATOKEN",
    18: "RESERVE_LIQUIDITY_NOT_ZERO",
    20: "INVALID_RESERVE_PARAMS",
    23: "CALLER_MUST_BE_POOL",
    24: "INVALID_MINT_AMOUNT",
    25: "INVALID_BURN_AMOUNT",
    26: "INVALID_AMOUNT",
    27: "RESERVE_INACTIVE",
    28: "RESERVE_FROZEN",
    29: "RESERVE_PAUSED",
    30: "BORROWING_NOT_ENABLED",
    32: "NOT_ENOUGH_AVAILABLE_USER_BALANCE",
    33: "INVALID_INTEREST_RATE_MODE_SELECTED",
    34: "COLLATERAL_BALANCE_IS_ZERO",
    35: "HEALTH_FACTOR_LOWER_THAN_LIQUIDATION_THRESHOLD",
    36: "COLLATERAL_CANNOT_COVER_NEW_BORROW",
    39: "NO_DEBT_OF_SELECTED_TYPE",
    43: "UNDERLYING_BALANCE_ZERO",
    45: "HEALTH_FACTOR_NOT_BELOW_THRESHOLD",
    46: "COLLATERAL_CANNOT_BE_LIQUIDATED",
    47: "SPECIFIED_CURRENCY_NOT_BORROWED_BY_USER",
    50: "BORROW_CAP_EXCEEDED",
    51: "SUPPLY_CAP_EXCEEDED",
    53: "DEBT_CEILING_EXCEEDED",
    57: "LTV_VALIDATION_FAILED",
    60: "ASSET_NOT_BORROWABLE_IN_ISOLATION",
    62: "USER_IN_ISOLATION_MODE_OR_LTV_ZERO",
    63: "INVALID_LTV",
    64: "INVALID_LIQ_THRESHOLD",
    65: "INVALID_LIQ_BONUS",
    67: "INVALID_RESERVE_FACTOR",
    68: "INVALID_BORROW_CAP",
    69: "INVALID_SUPPLY_CAP",
    70: "INVALID_LIQUIDATION_PROTOCOL_FEE",
    82: "ASSET_NOT_LISTED",
    91: "FLASHLOAN_DISABLED",
}

PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "invalid enum value",
    0x32: "index out of bounds",
}

CUSTOM = (
    "AccessControlUnauthorizedAccount(address,bytes32)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
    "ERC20InsufficientBalance(address,uint256,uint256)",
    "FailedCall()",
    "GovernorAlreadyCastVote(address)",
    "GovernorAlreadyQueuedProposal(uint256)",
    "GovernorInsufficientProposerVotes(address,uint256,uint256)",
    "GovernorInvalidProposalLength(uint256,uint256,uint256)",
    "GovernorInvalidVoteType()",
    "GovernorNonexistentProposal(uint256)",
    "GovernorNotQueuedProposal(uint256)",
    "GovernorOnlyExecutor(address)",
    "GovernorOnlyProposer(address)",
    "GovernorRestrictedProposer(address)",
    "GovernorUnexpectedProposalState(uint256,uint8,bytes32)",
    "OwnableUnauthorizedAccount(address)",
    "TimelockInsufficientDelay(uint256,uint256)",
    "TimelockUnauthorizedCaller(address)",
    "TimelockUnexecutedPredecessor(bytes32)",
    "TimelockUnexpectedOperationState(bytes32,bytes32)",
)


def reason(data: bytes) -> str:
    """Return revert ``data`` in words: ``"4 (CALLER_NOT_RISK_OR_POOL_ADMIN)"``, or the bytes when they are unknown."""
    if not data:
        return "no reason given"
    try:
        return _decoded(data)
    except (BreakwaterError, UnicodeDecodeError):
        return f"0x{data.hex()}"


def explain(text: str) -> str:
    """Return a textual reason, with the name beside it where it is one of Aave's numbers."""
    name = AAVE_V3.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 3 else None
    return f"{text} ({name})" if name else text


def _decoded(data: bytes) -> str:
    if data[:4] == abi.selector("Error(string)"):
        return explain(str(abi.decode(("string",), data[4:])[0]))
    if data[:4] == abi.selector("Panic(uint256)"):
        code = abi.decode(("uint256",), data[4:])[0]
        return f"panic 0x{code:02x} ({PANICS.get(code, 'unknown')})"
    signature = _custom().get(data[:4])
    if signature is None:
        return f"0x{data.hex()}"
    values = abi.decode(abi.parameters(signature), data[4:])
    shown = (f"0x{value.hex()}" if isinstance(value, bytes) else str(value) for value in values)
    return f"{signature[: signature.index('(')]}({', '.join(shown)})"


@cache
def _custom() -> dict[bytes, str]:
    return {abi.selector(signature): signature for signature in CUSTOM}
