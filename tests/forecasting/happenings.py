"""Random histories of an Aave market, as logs: listings, feeds, prices, parameters, loans and liquidations."""

from __future__ import annotations

import random
from collections.abc import Iterator

from governance.chain import abi
from governance.domain.units import RAY
from tests.forecasting.landing import Said, contract

POOL, CONFIGURATOR, ORACLE = (contract(number) for number in (1, 2, 3))
ASSETS = [contract(0x100 + number) for number in range(4)]
SUPPLY, STABLE, DEBT = ([contract(base + number) for number in range(4)] for base in (0x200, 0x300, 0x400))
FEEDS = [contract(0x500 + number) for number in range(5)]
PEOPLE = [contract(0x900 + number) for number in range(6)]
WATCHED = [POOL, CONFIGURATOR, ORACLE, *SUPPLY, *STABLE, *DEBT, *FEEDS]

PRICES = (0, -1, 1, 10**8, 2_500 * 10**8, 2**63 - 1, 2**63, 2**200, -(2**100))


class NoChain:
    """Answers the only questions that derivation asks: a token's symbol and decimals."""

    def eth_calls(self, calls, **_):
        symbol = abi.encode("symbol()")
        return [b"TKN".ljust(32, b"\0") if call.data == symbol else (18).to_bytes(32) for call in calls]


def history(seed: int, *, blocks: int, each: float = 2.0, first: int = 1) -> list[Said]:
    """Return what is said in ``blocks`` blocks, about ``each`` times a block; all is listed at the start."""
    rng = random.Random(seed)
    made = [said for number in range(4) for said in listing(number, block=first)]
    for block in range(first, first + blocks):
        for _ in range(min(int(rng.expovariate(1 / each)), 20)):
            made.extend(happening(rng, block))
    return made


def listing(number: int, *, block: int) -> Iterator[Said]:
    asset = ASSETS[number]
    yield Said(
        block=block, address=ORACLE, signature="AssetSourceUpdated(address,address)", topics=(asset, FEEDS[number])
    )
    yield Said(
        block=block,
        address=CONFIGURATOR,
        signature="ReserveInitialized(address,address,address,address,address)",
        topics=(asset, SUPPLY[number]),
        data=(STABLE[number], DEBT[number], POOL),
    )


def happening(rng: random.Random, block: int) -> Iterator[Said]:
    kinds = (price, feed, parameter, rates, balance, liquidation, mode, listed_again)
    kind = rng.choices(kinds, (12, 1, 2, 6, 10, 1, 1, 0.3))[0]
    yield from kind(rng, block)


def price(rng: random.Random, block: int) -> Iterator[Said]:
    value = rng.choice(PRICES) if rng.random() < 0.2 else rng.randrange(10**7, 10**12)
    signature = "AnswerUpdated(int256,uint256,uint256)"
    yield Said(block=block, address=rng.choice(FEEDS), signature=signature, topics=(value, 1), data=(1,))


def feed(rng: random.Random, block: int) -> Iterator[Said]:
    target = rng.choice([*ASSETS, PEOPLE[0]])  # the last is an e-mode's price source
    signature = "AssetSourceUpdated(address,address)"
    yield Said(block=block, address=ORACLE, signature=signature, topics=(target, rng.choice(FEEDS)))


def parameter(rng: random.Random, block: int) -> Iterator[Said]:
    asset, value = rng.choice(ASSETS), rng.randrange(3)
    if rng.random() < 0.5:
        signature, data = "SupplyCapChanged(address,uint256,uint256)", (0, value)
    else:
        signature = "CollateralConfigurationChanged(address,uint256,uint256,uint256)"
        data = (7_000 + value, 8_000, 10_500)
    yield Said(block=block, address=CONFIGURATOR, signature=signature, topics=(asset,), data=data)


def rates(rng: random.Random, block: int) -> Iterator[Said]:
    index = RAY + block * 10**20 + rng.randrange(10**18)
    yield Said(
        block=block,
        address=POOL,
        signature="ReserveDataUpdated(address,uint256,uint256,uint256,uint256,uint256)",
        topics=(rng.choice(ASSETS),),
        data=(RAY // 50, 0, RAY // 20, index, index + 7),
    )


def balance(rng: random.Random, block: int) -> Iterator[Said]:
    number, person, other = rng.randrange(4), rng.choice(PEOPLE), rng.choice(PEOPLE)
    index, amount = RAY + rng.randrange(10**25), rng.randrange(1, 10**24)
    token = rng.choice((SUPPLY, DEBT))[number]
    mint = "Mint(address,address,uint256,uint256,uint256)"
    yield Said(block=block, address=token, signature=mint, topics=(person, person), data=(amount, 0, index))
    if rng.random() < 0.4:
        burn = "Burn(address,address,uint256,uint256,uint256)"
        yield Said(block=block, address=token, signature=burn, topics=(person, other), data=(amount // 2, 0, index))
    elif token in SUPPLY and rng.random() < 0.5:
        moved = "BalanceTransfer(address,address,uint256,uint256)"
        data = (amount // 5, index)
        yield Said(block=block, address=token, signature=moved, topics=(person, other), data=data)
    enabled = rng.choice(("Enabled", "Disabled"))
    signature = f"ReserveUsedAsCollateral{enabled}(address,address)"
    yield Said(block=block, address=POOL, signature=signature, topics=(ASSETS[number], person))


def liquidation(rng: random.Random, block: int) -> Iterator[Said]:
    collateral, debt = rng.sample(ASSETS, 2)
    yield Said(
        block=block,
        address=POOL,
        signature="LiquidationCall(address,address,address,uint256,uint256,address,bool)",
        topics=(collateral, debt, rng.choice(PEOPLE)),
        data=(rng.randrange(10**20), rng.randrange(10**20), rng.choice(PEOPLE), 0),
    )


def mode(rng: random.Random, block: int) -> Iterator[Said]:
    defined = "EModeCategoryAdded(uint8,uint256,uint256,uint256,address,string)"
    data = (9_000, 9_300 + rng.randrange(9), 10_100, PEOPLE[0], 0xC0, 0)
    yield Said(block=block, address=CONFIGURATOR, signature=defined, topics=(1,), data=data)
    chosen = "UserEModeSet(address,uint8)"
    yield Said(block=block, address=POOL, signature=chosen, topics=(rng.choice(PEOPLE),), data=(rng.randrange(2),))


def listed_again(rng: random.Random, block: int) -> Iterator[Said]:
    number = rng.randrange(4)
    yield Said(block=block, address=CONFIGURATOR, signature="ReserveDropped(address)", topics=(ASSETS[number],))
    yield from listing(number, block=block)
