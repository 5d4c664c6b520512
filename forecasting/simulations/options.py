"""The options of `manage.py simulate`."""

from __future__ import annotations

from argparse import ArgumentParser

from forecasting.core.cascade import CascadeRules
from forecasting.core.liquidators import Liquidators
from forecasting.core.outcomes import Limits
from forecasting.simulations.asking import CHUNKS, MOST_PATHS, PATHS, SCENARIO, SEED


def add_arguments(parser: ArgumentParser) -> None:
    """Add what to simulate, on which paths, in which market, and what to tell of it."""
    what = parser.add_argument_group("what to simulate")
    what.add_argument("slug", nargs="?", default="", metavar="MARKET", help="a watched market, by its newest snapshot")
    what.add_argument("--book", default="", metavar="SOURCE", help="imported positions instead")
    what.add_argument(
        "--beside", action="append", default=[], metavar="NAME", help="another book that sells into the same depth"
    )
    what.add_argument(
        "--receipt",
        action="append",
        default=[],
        metavar="T=BOOK:A",
        help="a token that is a claim on an asset supplied to one of the books, and collateral in another",
    )
    what.add_argument(
        "--as",
        default="",
        metavar="C/D",
        help="collateral/debt that totals consist of which no asset of the file explains",
    )
    what.add_argument(
        "--parameters",
        action="append",
        default=[],
        metavar="A=LT,LB",
        help="threshold, bonus and perhaps LTV of an asset, fractions; or a JSON file",
    )
    what.add_argument(
        "--price", action="append", default=[], metavar="A=USD", help="price of an asset that the book does not price"
    )
    what.add_argument(
        "--at", default="", metavar="TIME", help="when the book is taken to stand; no later price is used"
    )
    how = parser.add_argument_group("on which paths")
    how.add_argument(
        "--scenario", default=SCENARIO, metavar="NAME", help="a name of --list, or a JSON file (default: %(default)s)"
    )
    how.add_argument(
        "--prices", default="", metavar="SOURCE", help="imported prices (default: those that know most of the assets)"
    )
    how.add_argument(
        "--like",
        action="append",
        default=[],
        metavar="A=B",
        help="an asset whose prices stand for another's; USD: it does not move",
    )
    how.add_argument("--hours", type=int, help="length of a path (default: the scenario's own)")
    how.add_argument(
        "--paths", type=int, help=f"how many, or at most with --precise (default: {PATHS}, {MOST_PATHS} with --precise)"
    )
    how.add_argument(
        "--precise",
        type=float,
        metavar="SHARE",
        help="double the paths until the standard error of the ES99 of bad debt is below this share of it",
    )
    how.add_argument("--seed", type=int, default=SEED, help="seed of all draws (default: %(default)s)")
    how.add_argument(
        "--chunks",
        type=int,
        default=CHUNKS,
        help="units of work the paths are cut into (default: %(default)s); same result",
    )
    _add_market(parser)
    tell = parser.add_argument_group("what to tell")
    tell.add_argument("--reserve", type=float, metavar="USD", help="what stands behind the book's bad debt")
    tell.add_argument(
        "--explain",
        nargs="?",
        const="",
        metavar="ACCOUNT",
        help="print every liquidation of the path that is told, or those of an account",
    )
    tell.add_argument(
        "--heat", default="", metavar="ASSET", help="maps of threshold by bonus and of LTV by cap of an asset"
    )
    tell.add_argument(
        "--amplification",
        type=float,
        default=Limits().amplification,
        help="a cascade liquidates at least this many times as much as without impact (default: %(default)s)",
    )
    tell.add_argument(
        "--rounds",
        type=int,
        default=Limits().rounds,
        help="and in at least so many successive steps (default: %(default)s)",
    )


def _add_market(parser: ArgumentParser) -> None:
    market = parser.add_argument_group("in which market")
    market.add_argument(
        "--quotes", default="", metavar="SOURCE", help="imported quotes that tell depth (default: the only ones)"
    )
    market.add_argument(
        "--depth",
        action="append",
        default=[],
        metavar="A=USD",
        help="constant-product depth of an asset, inf, or an asset that is quoted",
    )
    rules, crew = CascadeRules(), Liquidators()
    for name, meaning in {
        "close_factor": "share of a debt that one liquidation may repay",
        "full_close_below": "health factor below which all of it may be repaid",
        "fixed_cost": "what one liquidation costs, USD",
        "permanent_share": "share of a price move by liquidations that stays",
        "half_life_hours": "half-life of the rest, hours",
    }.items():
        own = f"{getattr(rules, name):g}, or as the market's model has it"
        market.add_argument(f"--{name.replace('_', '-')}", type=float, help=f"{meaning} (default: {own})")
    for name, meaning in {
        "profit_floor": "least profit of a liquidation by USD spent",
        "capital": "USD that liquidators can spend in an hour",
        "delay_hours": "from when an account can be liquidated to when they act",
    }.items():
        market.add_argument(
            f"--{name.replace('_', '-')}",
            type=float,
            default=getattr(crew, name),
            help=f"{meaning} (default: %(default)g)",
        )
    market.add_argument(
        "--oracle",
        default="",
        metavar="H,D,L",
        help="heartbeat (hours), deviation (fraction), latency (hours) of oracles (default: the market's price)",
    )
    market.add_argument(
        "--withdrawal",
        default="",
        metavar="S,H",
        help="depth that leaves by unit of log price fall, and half-life (hours) until it is back (default: none)",
    )
