"""A market of Aave v3 as its contracts compute it, version by version, and the logs that they write.

Written from the published formulas alone (``WadRayMath``, ``TokenMath``, ``ScaledBalanceTokenBase``, ``AToken``,
``MathUtils``, ``ReserveLogic``, ``GenericLogic``, ``ValidationLogic.getUserReserveLtv``), and on purpose with nothing
of the product's own arithmetic: what it keeps is what the contracts store.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from governance.chain import abi
from governance.chain.store import LogRow

RAY, WAD, YEAR = 10**27, 10**18, 365 * 24 * 3600
VERSIONS = ("3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7")
NOBODY = "0x" + "00" * 20


def name(number: int) -> str:
    return abi.checksum(number.to_bytes(20, "big"))


POOL, CONFIGURATOR, ORACLE, PROVIDER = (name(0xA000 + number) for number in range(4))
IMPLEMENTATIONS = {version: name(0xB000 + number) for number, version in enumerate(VERSIONS)}
USERS = tuple(name(0xC000 + number) for number in range(3))


def half_up(a: int, b: int, c: int) -> int:
    return (a * b + c // 2) // c


def floor(a: int, b: int, c: int) -> int:
    return a * b // c


def ceil(a: int, b: int, c: int) -> int:
    return (a * b + c - 1) // c


@dataclass
class Token:
    """A scaled token: balances, and the index at which each account was last touched."""

    address: str
    debt: bool
    scaled: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def total(self) -> int:
        return sum(self.scaled.values())


@dataclass
class Reserve:
    asset: str
    decimals: int
    supply: Token
    variable: Token
    feed: str
    price: int = 0
    ltv: int = 0
    threshold: int = 0
    emode: int = 0
    supply_rate: int = 0
    debt_rate: int = 0
    supply_index: int = RAY
    debt_index: int = RAY
    updated: int = 0
    users: set[str] = field(default_factory=set)  # that use it as collateral


@dataclass
class Mode:
    ltv: int
    threshold: int
    collateral: set[int] = field(default_factory=set)
    ltv_zero: set[int] = field(default_factory=set)
    isolated: bool = False


class Model:
    """The market; everything that changes it is a method, and leaves its logs in `logs`."""

    def __init__(self, version: str, *, now: int) -> None:
        self.now = now
        self.version = ""
        self.logs: list[LogRow] = []
        self.reserves: list[Reserve] = []
        self.modes: dict[int, Mode] = {}
        self.mode_of: dict[str, int] = {}
        self.version = version
        self.log(PROVIDER, "PoolUpdated(address,address)", [NOBODY, IMPLEMENTATIONS[version]])
        for number, decimals in enumerate((18, 6, 8)):
            self._list(number, decimals)

    def since(self, version: str) -> bool:
        return VERSIONS.index(self.version) >= VERSIONS.index(version)

    def log(self, address: str, signature: str, indexed: list, *plain: object) -> None:
        types = abi.parameters(signature)
        topics = [abi.encode_args([kind], [value]) for kind, value in zip(types, indexed, strict=False)]
        data = abi.encode_args(types[len(indexed) :], plain)
        topics += [b""] * (3 - len(topics))
        row = (1, len(self.logs), self.now, bytes(32), address, abi.topic(signature), *topics, data)
        self.logs.append(LogRow(*row))

    def _list(self, number: int, decimals: int) -> None:
        asset, supply, variable, feed = (name(0xD000 + 16 * number + part) for part in range(4))
        reserve = Reserve(
            asset, decimals, Token(supply, debt=False), Token(variable, debt=True), feed, updated=self.now
        )
        self.reserves.append(reserve)
        kinds = "ReserveInitialized(address,address,address,address,address)"
        self.log(CONFIGURATOR, kinds, [asset, supply], NOBODY, variable, NOBODY)
        self.log(ORACLE, "AssetSourceUpdated(address,address)", [asset, feed])
        self.publish(number, 10**8)
        self.configure(number, ltv=7_000, threshold=7_500)

    def configure(self, number: int, *, ltv: int, threshold: int) -> None:
        reserve = self.reserves[number]
        reserve.ltv, reserve.threshold = ltv, threshold
        kinds = "CollateralConfigurationChanged(address,uint256,uint256,uint256)"
        self.log(CONFIGURATOR, kinds, [reserve.asset], ltv, threshold, 10_500 if threshold else 0)

    def publish(self, number: int, price: int) -> None:
        self.reserves[number].price = price
        self.log(self.reserves[number].feed, "AnswerUpdated(int256,uint256,uint256)", [price, 1], self.now)

    def upgrade(self, version: str) -> None:
        """Go to a later version as the upgrade proposals did; the 3.6 one logs the bits that it sets."""
        before, self.version = self.version, version
        self.log(POOL, "Upgraded(address)", [IMPLEMENTATIONS[version]])
        self.log(PROVIDER, "PoolUpdated(address,address)", [IMPLEMENTATIONS[before], IMPLEMENTATIONS[version]])
        if before < "3.2" <= version:
            for number, reserve in enumerate(self.reserves):
                if reserve.emode:
                    self.include(reserve.emode, number, role="Collateral", on=True)
        if before < "3.6" <= version:
            self._keep_powerless()

    def _keep_powerless(self) -> None:
        for category, mode in self.modes.items():
            powerless = [number for number in sorted(mode.collateral) if self.reserves[number].ltv == 0]
            mode.ltv_zero.update(powerless)
            for number in powerless:
                self.include(category, number, role="Ltvzero", on=True)

    def define(self, category: int, *, ltv: int, threshold: int) -> None:
        mode = self.modes.setdefault(category, Mode(0, 0))
        mode.ltv, mode.threshold = ltv, threshold
        kinds = "EModeCategoryAdded(uint8,uint256,uint256,uint256,address,string)"
        self.log(CONFIGURATOR, kinds, [category], ltv, threshold, 10_100, NOBODY, "mode")

    def include(self, category: int, number: int, *, role: str, on: bool) -> None:
        """Set an asset's bit in a mode: before 3.2 the asset's own mode, later one of the mode's bitmaps."""
        reserve, mode = self.reserves[number], self.modes[category]
        if not self.since("3.2"):
            reserve.emode, old = (category if on else 0), reserve.emode
            self.log(
                CONFIGURATOR, "EModeAssetCategoryChanged(address,uint8,uint8)", [reserve.asset], old, reserve.emode
            )
            return
        if role == "Ltvzero" and not (self.since("3.6") and number in mode.collateral):
            return
        members = mode.ltv_zero if role == "Ltvzero" else mode.collateral
        (members.add if on else members.discard)(number)
        self.log(CONFIGURATOR, f"Asset{role}InEModeChanged(address,uint8,bool)", [reserve.asset], category, on)

    def isolate(self, category: int, *, on: bool) -> None:
        if self.since("3.7"):
            self.modes[category].isolated = on
            self.log(CONFIGURATOR, "EModeCategoryIsolationChanged(uint8,bool)", [category], on)

    def choose(self, user: str, category: int) -> None:
        self.mode_of[user] = category
        self.log(POOL, "UserEModeSet(address,uint8)", [user], category)

    def switch(self, user: str, number: int, *, on: bool) -> None:
        reserve = self.reserves[number]
        (reserve.users.add if on else reserve.users.discard)(user)
        kind = "Enabled" if on else "Disabled"
        self.log(POOL, f"ReserveUsedAsCollateral{kind}(address,address)", [reserve.asset, user])

    def grown(self, reserve: Reserve) -> tuple[int, int]:
        """Return both indexes as views say them now (``getNormalizedIncome``, ``getNormalizedDebt``)."""
        seconds = self.now - reserve.updated
        supply = half_up(RAY + reserve.supply_rate * seconds // YEAR, reserve.supply_index, RAY)
        return supply, half_up(self._compound(reserve.debt_rate, seconds), reserve.debt_index, RAY)

    def _compound(self, rate: int, seconds: int) -> int:
        if seconds == 0:
            return RAY
        if self.since("3.4"):
            x = rate * seconds // YEAR
            return RAY + x + half_up(x, x // 2 + half_up(x, x // 6, RAY), RAY)
        minus_two = seconds - 2 if seconds > 2 else 0
        two = half_up(rate, rate, RAY) // (YEAR * YEAR)
        three = half_up(two, rate, RAY) // YEAR
        second = seconds * (seconds - 1) * two // 2
        third = seconds * (seconds - 1) * minus_two * three // 6
        return RAY + rate * seconds // YEAR + second + third

    def accrue(self, number: int, *, supply_rate: int, debt_rate: int) -> Reserve:
        """Bring a reserve up to now (``updateState``), with new rates (``updateInterestRates``)."""
        reserve = self.reserves[number]
        supply, debt = self.grown(reserve)
        if reserve.supply_rate:
            reserve.supply_index = supply
        if reserve.variable.total():
            reserve.debt_index = debt
        reserve.supply_rate, reserve.debt_rate, reserve.updated = supply_rate, debt_rate, self.now
        kinds = "ReserveDataUpdated(address,uint256,uint256,uint256,uint256,uint256)"
        self.log(POOL, kinds, [reserve.asset], supply_rate, 0, debt_rate, reserve.supply_index, reserve.debt_index)
        return reserve

    def worth(self, token: Token, scaled: int, index: int) -> int:
        if not self.since("3.5"):
            return half_up(scaled, index, RAY)
        return (ceil if token.debt else floor)(scaled, index, RAY)

    def change(self, token: Token, user: str, amount: int, index: int, *, whole: bool = False) -> bool:
        """Mint (``amount`` above 0) or burn; return whether the contract would have done it."""
        directed = self.since("3.5")
        rounds = (ceil if (amount > 0) == token.debt else floor) if directed else half_up
        held = token.scaled.get(user, 0)
        moved = held if whole else rounds(abs(amount), RAY, index)
        if moved == 0 or (amount < 0 and moved > held):
            return False
        after = held + (moved if amount > 0 else -moved)
        before_value = self.worth(token, held, token.seen.get(user, 0))
        increase = self.worth(token, held, index) - before_value
        token.scaled[user], token.seen[user] = after, index
        if directed:
            net = self.worth(token, after, index) - before_value
        else:
            asked = self.worth(token, held, index) if whole else abs(amount)
            net = asked + increase if amount > 0 else increase - asked
        if amount > 0 or net > 0:  # a burn of less than the interest since the last one shows as a mint
            self.log(token.address, "Mint(address,address,uint256,uint256,uint256)", [user, user], net, increase, index)
        else:
            self.log(
                token.address, "Burn(address,address,uint256,uint256,uint256)", [user, NOBODY], -net, increase, index
            )
        return True

    def transfer(self, token: Token, sender: str, recipient: str, amount: int, index: int) -> bool:
        moved = (ceil if self.since("3.5") else half_up)(amount, RAY, index)
        if moved > token.scaled.get(sender, 0):
            return False
        for user in dict.fromkeys((sender, recipient)):
            held = token.scaled.get(user, 0)
            increase = self.worth(token, held, index) - self.worth(token, held, token.seen.get(user, 0))
            token.seen[user] = index
            if increase > 0:
                kinds = "Mint(address,address,uint256,uint256,uint256)"
                self.log(token.address, kinds, [sender, user], increase, increase, index)
        token.scaled[sender] = token.scaled.get(sender, 0) - moved
        token.scaled[recipient] = token.scaled.get(recipient, 0) + moved
        kinds = "BalanceTransfer(address,address,uint256,uint256)"
        self.log(token.address, kinds, [sender, recipient], moved, index)
        return True

    def account_data(self, user: str) -> tuple[int, int, int, int, int]:
        """Return collateral, debt, LTV, threshold and health factor, as ``getUserAccountData`` does."""
        directed, decoupled = self.since("3.5"), self.since("3.6")
        category = self.mode_of.get(user, 0)
        collateral = debt = ltv_sum = threshold_sum = 0
        for number, reserve in enumerate(self.reserves):
            unit = 10**reserve.decimals
            supply_index, debt_index = self.grown(reserve)
            if user in reserve.users and (decoupled or reserve.threshold):
                held = self.worth(reserve.supply, reserve.supply.scaled.get(user, 0), supply_index)
                value = held * reserve.price // unit
                collateral += value
                ltv_sum += value * self._ltv(category, number)
                inside = self._inside(category, number)
                threshold_sum += value * (self.modes[category].threshold if inside else reserve.threshold)
            if scaled := reserve.variable.scaled.get(user, 0):
                owed = self.worth(reserve.variable, scaled, debt_index)
                debt += ceil(owed, reserve.price, unit) if directed else owed * reserve.price // unit
        ltv = ltv_sum // collateral if collateral else 0
        threshold = threshold_sum // collateral if collateral else 0
        if not debt:
            factor = 2**256 - 1
        elif directed:
            factor = half_up(threshold_sum, WAD, debt) // 10_000
        else:
            factor = half_up((collateral * threshold + 5_000) // 10_000, WAD, debt)
        return collateral, debt, ltv, threshold, factor

    def _inside(self, category: int, number: int) -> bool:
        if not category:
            return False
        if self.since("3.2"):
            return number in self.modes[category].collateral
        return self.reserves[number].emode == category

    def _ltv(self, category: int, number: int) -> int:
        own, inside = self.reserves[number].ltv, self._inside(category, number)
        if not self.since("3.6"):
            return 0 if own == 0 else self.modes[category].ltv if inside else own
        if inside:
            return 0 if number in self.modes[category].ltv_zero else self.modes[category].ltv
        if category and self.modes[category].isolated:
            return 0
        return own
