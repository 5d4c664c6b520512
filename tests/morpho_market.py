"""A market of the real Morpho Blue, compiled from its npm package, with people who do what they please."""

from __future__ import annotations

import random
from dataclasses import dataclass

from governance import deployments
from governance.chain import abi
from governance.lab.actors import address
from governance.models import Deployment
from tests.compiled import compiled
from tests.workshop import BUILDER, Workshop

PARAMS = "(address,address,address,address,uint256)"
LLTV = 860_000_000_000_000_000
SCALE = 10**36
NOBODY = "0x" + "00" * 20
PEOPLE = tuple(address(11, f"morpho/{number}") for number in range(6))
TREASURY = address(11, "morpho/treasury")
MAX = 2**256 - 1


@dataclass
class MorphoMarket:
    """Where everything is; ``params`` names the market in every call."""

    shop: Workshop
    morpho: str
    oracle: str
    lens: str
    params: tuple[str, str, str, str, int]
    first_block: int

    @property
    def id(self) -> bytes:
        return abi.keccak(abi.encode_args(("address",) * 4 + ("uint256",), self.params))

    def watch(self, slug: str = "morpho") -> Deployment:
        return deployments.watch_protocol(
            client=self.shop.client,
            flavour="morpho_blue",
            address=self.morpho,
            slug=slug,
            name=f"Market {slug}",
            first_block=self.first_block,
            options={"market": f"0x{self.id.hex()}"},
        )

    def other(self) -> MorphoMarket:
        """Return a second market of the same contract, without interest."""
        loan, collateral, oracle, _, lltv = self.params
        params = (collateral, loan, oracle, NOBODY, lltv)
        self.shop.send(BUILDER, self.morpho, f"createMarket({PARAMS})", params)
        return MorphoMarket(self.shop, self.morpho, self.oracle, self.lens, params, self.first_block)

    def price(self, dollars_cents: int) -> None:
        """Set what one whole collateral token (18 decimals) is worth in hundredths of a loan token (6 decimals)."""
        self.shop.send(BUILDER, self.oracle, "setPrice(uint256)", dollars_cents * 10**4 * SCALE // 10**18)

    def tries(self, who: str, action: str, *args: object, after: int = 12) -> bool:
        """Try one action of a person on this market."""
        kinds = {
            "supply": "uint256,uint256,address,bytes",
            "withdraw": "uint256,uint256,address,address",
            "borrow": "uint256,uint256,address,address",
            "repay": "uint256,uint256,address,bytes",
            "supplyCollateral": "uint256,address,bytes",
            "withdrawCollateral": "uint256,address,address",
            "liquidate": "address,uint256,uint256,bytes",
            "setFee": "uint256",
            "accrueInterest": "",
        }[action]
        signature = f"{action}({PARAMS}{',' if kinds else ''}{kinds})"
        return self.shop.tries(who, self.morpho, signature, self.params, *args, after=after)

    def position(self, who: str) -> tuple[int, int, int]:
        """Return supply shares, borrow shares and collateral of a person, as the contract says."""
        kinds = ("uint256", "uint128", "uint128")
        return self.shop.ask(self.morpho, "position(bytes32,address)", kinds, self.id, who)

    def step(self, draw: random.Random) -> str:
        """Do one random thing and return what it was; empty when the contract refused it."""
        who, other = draw.sample(PEOPLE, 2)
        supplied, owed, held = self.position(who)
        amount, part = draw.randrange(1, 50_000 * 10**6), draw.random()
        after = draw.choice((1, 12, 3_600, 86_400 * 9))
        wild = draw.random() < 0.2
        action = draw.choice((*_ACTIONS, "liquidate", "price"))
        if action == "price":
            self.price(draw.randrange(50_000, 250_000))
            return action
        if action == "liquidate":
            worst = max(PEOPLE, key=lambda person: self.position(person)[1])
            _, owed, held = self.position(worst)
            size = (held, 0) if part < 0.5 else (0, _share(owed, part))
            return action if self.tries(TREASURY, action, worst, *size, b"", after=after) else ""
        args = _ACTIONS[action](who=who, other=other, supplied=supplied, owed=owed, held=held, amount=amount, part=part)
        if wild and action in {"supply", "repay"}:
            args = (args[0], 0, other, b"") if args[0] else (0, args[1], other, b"")  # for somebody else
        return action if self.tries(BUILDER if action == "setFee" else who, action, *args, after=after) else ""


def _share(of: int, part: float) -> int:
    return max(int(of * part), 1)


_ACTIONS = {
    "supply": lambda who, amount, **_: (amount, 0, who, b""),
    "withdraw": lambda who, supplied, part, **_: (0, _share(supplied, part), who, who),
    "borrow": lambda who, held, part, **_: (_share(held * 1_500 // 10**12, part), 0, who, who),
    "repay": lambda who, owed, part, **_: (0, _share(owed, 1.0 if part > 0.7 else part), who, b""),
    "supplyCollateral": lambda who, amount, **_: (amount * 10**9, who, b""),
    "withdrawCollateral": lambda who, held, part, **_: (_share(held, part / 3), who, who),
    "setFee": lambda amount, **_: ((amount * 10**7) % (25 * 10**16),),
    "accrueInterest": lambda **_: (),
}


def build(shop: Workshop) -> MorphoMarket:
    """Deploy Morpho and one market: a loan token of 6 decimals against a collateral of 18."""
    codes = compiled("morpho")
    first = shop.client.head().number + 1
    morpho = shop.deploy(codes["Morpho"], ("address",), BUILDER)
    oracle, irm = shop.deploy(codes["OracleMock"]), shop.deploy(codes["IrmMock"])
    lens = shop.deploy(codes["Lens"], ("address",), morpho)
    loan, collateral = shop.token("USDX", 6, morpho), shop.token("WETHX", 18, morpho)
    for model in (irm, NOBODY):
        shop.send(BUILDER, morpho, "enableIrm(address)", model)
    shop.send(BUILDER, morpho, "enableLltv(uint256)", LLTV)
    shop.send(BUILDER, morpho, "setFeeRecipient(address)", TREASURY)
    market = MorphoMarket(shop, morpho, oracle, lens, (loan, collateral, oracle, irm, LLTV), first)
    market.price(200_000)
    shop.send(BUILDER, morpho, f"createMarket({PARAMS})", market.params)
    return market
