"""Which version of Aave v3 an implementation of the pool is.

The revision that a pool states is no version: one minor version went live under several, and some forks count by
themselves. What tells versions apart is what an implementation can be asked. Only 3.4 and 3.5 differ in nothing but
their arithmetic; those are told apart by revision.

References
----------
Aave v3 origin, ``IPool`` from 3.1 to 3.7 and ``PoolInstance.POOL_REVISION``; the deployed pools of Ethereum have the
revisions 1 to 3 (3.0), 4 (3.1), 5 and 6 (3.2), 7 (3.3), 8 (3.4), 9 (3.5), 10 (3.6) and 11 (3.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.chain import abi
from governance.domain.action import Call
from governance.domain.rules import VERSIONS
from governance.errors import CallReverted, ChainError, InputError

if TYPE_CHECKING:
    from governance.chain.client import Client

NEWEST_REVISION = 11
FIRST_DIRECTED_REVISION = 9  # 3.5
_ADDED = (  # in the order of versions; a pool that answers one answers all before it
    ("3.1", "getVirtualUnderlyingBalance(address)", "0x" + "00" * 20),
    ("3.2", "getEModeCategoryCollateralBitmap(uint8)", 0),
    ("3.3", "getReserveDeficit(address)", "0x" + "00" * 20),
    ("3.4", "RESERVE_INTEREST_RATE_STRATEGY()", None),
    ("3.6", "getEModeCategoryLtvzeroBitmap(uint8)", 0),
    ("3.7", "getIsEModeCategoryIsolated(uint8)", 0),
)
_NO_FUNCTION = ("invalid opcode", "invalid jump", "out of gas")  # how contracts of old compilers refuse
_SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"  # EIP-1967


def implementation(client: Client, proxy: str) -> str:
    """Return the contract behind ``proxy`` now; empty when it is no proxy that says so (EIP-1967)."""
    word = bytes.fromhex(str(client.call("eth_getStorageAt", [proxy, _SLOT, "latest"]))[2:]).rjust(abi.WORD, b"\0")
    return abi.checksum(word[12:]) if any(word) else ""


def version_of(client: Client, pool: str) -> str:
    """Return the version of ``pool``, a pool or its implementation.

    Raises
    ------
    InputError
        When it is no pool of Aave v3, or of a version that is newer than we know or contradicts itself.
    """
    revision = _revision(client, pool)
    answers = [ask(client, pool, signature, *([] if of is None else [of])) is not None for _, signature, of in _ADDED]
    steps = sum(answers)
    if answers != sorted(answers, reverse=True):
        missing = _ADDED[answers.index(False)]
        message = f"The pool {pool} has what Aave {_ADDED[len(answers) - 1 - answers[::-1].index(True)][0]} added, but"
        raise InputError(
            f"{message} not {missing[1]} of {missing[0]}: this fork is not known.", field="pool", value=pool
        )
    if revision > NEWEST_REVISION:
        message = (
            f"The pool {pool} is of revision {revision}; the newest that Breakwater knows is {NEWEST_REVISION} (Aave"
            f" {VERSIONS[-1]}). Its arithmetic may have changed, so it is not guessed at: update Breakwater."
        )
        raise InputError(message, field="pool", value=pool, revision=revision)
    found = _ADDED[steps - 1][0] if steps else VERSIONS[0]
    return "3.5" if found == "3.4" and revision >= FIRST_DIRECTED_REVISION else found


def ask(client: Client, target: str, signature: str, *args: object, block: int | None = None) -> bytes | None:
    """Return what a contract answers at ``block`` (None: the newest); None says that it has no such function."""
    try:
        answer = client.eth_call(Call(target=target, data=abi.encode(signature, *args)), block=block)
    except CallReverted:
        return None
    except ChainError as error:
        if str(error.facts.get("rpc_message", "")).startswith(_NO_FUNCTION):
            return None
        raise
    return answer or None


def _revision(client: Client, pool: str) -> int:
    answer = ask(client, pool, "POOL_REVISION()")
    if answer is None or len(answer) != abi.WORD:
        raise InputError(f"{pool} is no pool of Aave v3: it states no revision.", field="pool", value=pool)
    return int.from_bytes(answer, "big")
