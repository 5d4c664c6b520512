"""The clock, the accounts and the reserves of the sample."""

from __future__ import annotations

import random

from governance.chain.abi import checksum

DAY = 86_400
START = 1_735_689_600  # 1 January 2025
DAYS = 380
HEAD_TIME = START + DAYS * DAY
HEAD = DAYS * 24
USD = 10**8
# symbol, decimals, first price, volatility a day, ltv, threshold, bonus, supply cap, borrow cap
RESERVES = (
    ("WETH", 18, 3_200.0, 0.034, 7_800, 8_100, 10_500, 60_000, 42_000),
    ("WBTC", 8, 94_000.0, 0.027, 7_300, 7_800, 10_600, 2_400, 900),
    ("GOV", 18, 86.0, 0.055, 5_500, 6_500, 11_000, 700_000, 120_000),
    ("USDC", 6, 1.0, 0.0006, 7_700, 8_000, 10_450, 180_000_000, 150_000_000),
    ("DAI", 18, 1.0, 0.0008, 7_500, 7_800, 10_500, 120_000_000, 100_000_000),
)


def account_of(index: int) -> str:
    return checksum(bytes([0x40 + index % 150]) + random.Random(index).randbytes(19))


def hash_of(text: str) -> str:
    return "0x" + random.Random(text).randbytes(32).hex()
