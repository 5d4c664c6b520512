"""What is known of tokens from elsewhere, to judge files by: when they began, what they are worth, which are pegged.

First days are those of the token's contract or of its first trading, whichever a price could come from; a day is given
generously (early), because the question is only whether a price can exist at all. Floors are round numbers below the
lowest price in USD that a token had from a day on up to 2025; a price in ether or bitcoin lies far below. Ceilings are
some ten times above the highest price up to 2025; the raw integers of a feed, of 8 decimals, lie far above.

References
----------
First days: the projects' own launch announcements and the creation transactions of the contracts on Ethereum (AAVE
0x7fc6…ddae9, UNI 0x1f98…f984, wstETH 0x7f39…2ca0 and so on); BTC: the first public exchange, July 2010; ETH: Kraken and
Poloniex, 7 August 2015. Slots: the Ethereum consensus specification (genesis 1606824023, 12 seconds a slot; the merge
was at slot 4,700,013).
"""

from __future__ import annotations

from datetime import UTC, datetime

GENESIS = 1_606_824_023
SLOT = 12
MERGE = GENESIS + 4_700_013 * SLOT

_FIRST_DAYS = """
BTC 2010-07-17  ETH 2015-08-07  WETH 2015-08-07  XRP 2013-08-04  BNB 2017-07-14  SOL 2020-03-20  ADA 2017-10-01
DOGE 2013-12-08 LTC 2011-10-07  MATIC 2019-04-26 POL 2023-10-25  AVAX 2020-07-15 DOT 2020-08-18  ATOM 2019-03-14
LUNA 2019-05-06 UST 2020-09-17  USTC 2020-09-17  ARB 2023-03-16  OP 2022-04-26   TRX 2017-08-28  TON 2021-08-01
USDT 2014-10-06 USDC 2018-08-03  DAI 2017-12-18  TUSD 2018-01-04 BUSD 2019-09-05 GUSD 2018-09-08 PAX 2018-09-04
USDP 2018-09-04 SUSD 2018-03-11  LUSD 2021-04-05 FRAX 2020-12-16 FEI 2021-03-31  MIM 2021-05-25  GHO 2023-07-14
CRVUSD 2023-05-03 PYUSD 2022-11-08 USDE 2023-11-14 SUSDE 2023-11-14 FDUSD 2023-06-01 USDS 2024-09-17 RAI 2021-02-17
EURS 2018-07-01 AGEUR 2021-10-27 AMPL 2019-06-13
STETH 2020-12-18 WSTETH 2021-02-18 RETH 2021-09-30 CBETH 2022-05-01 SFRXETH 2022-10-06 FRXETH 2022-10-06
WEETH 2023-07-01 EZETH 2023-12-01 RSETH 2023-12-10 OSETH 2023-11-01 ETHX 2023-06-01 SETH2 2020-12-01 ANKRETH 2020-12-01
WBTC 2018-11-24 RENBTC 2020-05-11 TBTC 2020-05-01 CBBTC 2024-08-01 LBTC 2024-07-01
AAVE 2020-09-24 STKAAVE 2020-09-24 LEND 2017-11-25 UNI 2020-09-14 COMP 2020-03-04 CRV 2020-08-13 MKR 2017-01-25
SNX 2018-03-07 LINK 2017-09-16 YFI 2020-07-17 BAL 2020-06-20 SUSHI 2020-08-26 XSUSHI 2020-08-26 1INCH 2020-12-23
LDO 2020-12-17 RPL 2017-09-01 CVX 2021-05-17 FXS 2020-12-16 ENS 2021-11-01 STG 2022-03-15 DPI 2020-09-10
REN 2018-02-13 ENJ 2017-07-24 MANA 2017-08-17 ZRX 2017-08-11 BAT 2017-05-29 KNC 2017-09-12 REP 2015-10-01
GRT 2020-12-11 APE 2022-03-14 SHIB 2020-07-31 PEPE 2023-04-14 MORPHO 2022-06-01 ENA 2024-03-01 PENDLE 2021-04-27
GNO 2017-04-24 OHM 2021-03-22 RLC 2017-04-19 PAXG 2019-08-28 MNT 2023-05-01 METIS 2021-05-10 GMX 2021-08-31
"""

_FLOORS = """
BTC 500 2017-01-01    WBTC 1500 2018-11-24  RENBTC 1500 2020-05-11 TBTC 1500 2020-05-01   CBBTC 1500 2024-08-01
ETH 50 2017-06-01     WETH 50 2017-12-01    STETH 50 2020-12-18    WSTETH 50 2021-02-18   RETH 50 2021-09-30
CBETH 50 2022-05-01   SFRXETH 50 2022-10-06 FRXETH 50 2022-10-06   WEETH 50 2023-07-01    EZETH 50 2023-12-01
RSETH 50 2023-12-10   OSETH 50 2023-11-01   AAVE 15 2020-09-24     UNI 0.25 2020-09-14    COMP 10 2020-03-04
CRV 0.1 2020-08-13    MKR 100 2019-01-01    SNX 0.2 2020-01-01     LINK 0.15 2018-06-01   YFI 500 2020-07-25
BAL 0.2 2020-06-20    SUSHI 0.3 2020-08-26  XSUSHI 0.3 2020-08-26  1INCH 0.08 2020-12-23  LDO 0.2 2020-12-17
RPL 0.5 2019-06-01    CVX 0.8 2021-05-17    FXS 0.4 2020-12-16     ENS 4 2021-11-01       DPI 20 2020-09-10
SOL 0.4 2020-03-20    BNB 4 2018-12-01      XRP 0.08 2017-06-01    AVAX 1.5 2020-09-01    ENJ 0.015 2018-01-01
MANA 0.01 2018-01-01  BAT 0.05 2018-01-01   ZRX 0.08 2018-01-01    KNC 0.1 2018-01-01     REN 0.005 2018-03-01
PAXG 900 2019-08-28   GNO 5 2018-01-01      ARB 0.1 2023-03-16     OP 0.2 2022-04-26
LTC 15 2017-06-01     ATOM 1 2019-05-01     DOT 1.5 2020-08-25     MATIC 0.1 2021-03-01   POL 0.08 2023-10-25
GMX 5 2022-01-01      PENDLE 0.02 2021-05-01 DOGE 0.02 2021-02-10  LEND 0.002 2018-01-01  ADA 0.08 2020-11-01
TRX 0.006 2018-01-01  TON 0.3 2021-08-27    GRT 0.04 2020-12-20    APE 0.15 2022-03-17    REP 0.3 2017-01-01
STKAAVE 15 2020-10-10 ETHX 50 2023-06-01    SETH2 50 2020-12-01    ANKRETH 50 2020-12-01  LBTC 1500 2024-07-01
"""
_CEILINGS = """
BTC 1e7   WBTC 1e7   RENBTC 1e7 TBTC 1e7   CBBTC 1e7  LBTC 1e7   YFI 1e6    MKR 1e5   ETH 1e5   WETH 1e5  STETH 1e5
WSTETH 1e5 RETH 1e5  CBETH 1e5  SFRXETH 1e5 FRXETH 1e5 WEETH 1e5 EZETH 1e5  RSETH 1e5 OSETH 1e5 ETHX 1e5  SETH2 1e5
ANKRETH 1e5 PAXG 1e5 AAVE 1e4   STKAAVE 1e4 COMP 1e4  GNO 1e4    BNB 2e4    SOL 5e3   LTC 5e3   AVAX 2e3  DPI 1e4
UNI 1e3   SNX 500    LINK 1e3   BAL 1e3    CRV 1e3    SUSHI 500  XSUSHI 500 1INCH 100 LDO 200   RPL 2e3   CVX 1e3
FXS 1e3   ENS 1e3    XRP 100    ADA 50     DOGE 20    MATIC 50   POL 50     DOT 1e3   ATOM 1e3  LUNA 2e3  ARB 50
OP 100    TRX 10     TON 200    GMX 2e3    PENDLE 200 LEND 20    REN 50     ENJ 100   MANA 100  ZRX 50    BAT 50
KNC 100   REP 5e3    GRT 50     APE 500    STG 100    OHM 2e4    METIS 5e3  MNT 50    ENA 50    MORPHO 100 RLC 500
SHIB 0.01 PEPE 0.01
"""
_STAKED_ETHER = "STETH WSTETH RETH CBETH SFRXETH FRXETH WEETH EZETH RSETH OSETH ETHX"
_DECIMALS = (
    f"18 {_STAKED_ETHER} ETH WETH DAI TUSD BUSD PAX USDP SUSD LUSD FRAX FEI MIM GHO CRVUSD USDE SUSDE FDUSD USDS RAI",
    "18 AAVE STKAAVE UNI COMP CRV MKR SNX LINK YFI BAL SUSHI XSUSHI 1INCH LDO RPL CVX FXS ENS STG DPI REN ENJ MANA ZRX",
    "18 BAT KNC REP GRT APE TBTC PAXG MATIC GNO",
    "8 WBTC RENBTC CBBTC LBTC",
    "6 USDC USDT PYUSD",
    "2 GUSD EURS",
    "9 AMPL",
)
_STABLE = """
USDT USDC DAI TUSD BUSD GUSD PAX USDP SUSD LUSD FRAX FEI MIM GHO CRVUSD PYUSD USDE FDUSD USDS UST USTC
"""

FIRST_DAY: dict[str, int] = {
    symbol: int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    for symbol, day in zip(*[iter(_FIRST_DAYS.split())] * 2, strict=True)
}
"""Unix seconds from which on a token, by upper-case symbol, may have a price."""

STABLE = frozenset(_STABLE.split())
"""Tokens that are meant to be worth one dollar."""

COLLAPSED: dict[str, int] = {
    symbol: int(datetime(2022, 5, 7, tzinfo=UTC).timestamp()) for symbol in ("UST", "USTC", "LUNA")
}
"""Unix seconds from which on a token's price says nothing about its unit any more."""

FLOOR: dict[str, tuple[int, float]] = {
    symbol: (int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()), float(usd))
    for symbol, usd, day in zip(*[iter(_FLOORS.split())] * 3, strict=True)
}
"""From which unix second on a token's price in USD was never below what."""

CEILING: dict[str, float] = {symbol: float(usd) for symbol, usd in zip(*[iter(_CEILINGS.split())] * 2, strict=True)}
"""Above which no token's price in USD was ever near."""

HIGHEST = 1e7
"""The ceiling of tokens that we do not know."""

DECIMALS: dict[str, int] = {symbol: int(places) for places, *line in map(str.split, _DECIMALS) for symbol in line}
"""Decimals of tokens on Ethereum, as their contracts say."""

DOLLARS = ("USDT", "USDC", "BUSD", "USD")  # the longer ones first

STAKED_ETHER = frozenset(_STAKED_ETHER.split())
"""Tokens that are worth about one ether."""


def token(symbol: str) -> str:
    """Return the token that a venue's symbol is about, upper case: ETHUSDT, ETH-USD and ETH/USD are of ETH."""
    upper = symbol.upper()
    for dollar in DOLLARS:
        base = upper.removesuffix(dollar).rstrip("-/_:")
        if upper not in FIRST_DAY and base != upper and base in FIRST_DAY:
            return base
    return upper
