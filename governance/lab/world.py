"""The local world: build it, load it again, and let its time go on.

Every hour one block carries the new prices and what the actors do, and further blocks, twelve seconds apart, carry the
liquidations that the prices caused. Between two calls of `World` the node mines each transaction that anybody sends
into a block of its own, twelve seconds after the last.

The world lives on the node; beside it a small JSON file says what it was made of and where its contracts are. What the
next hour brings follows from the specification and the chain alone, so an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import json
import math
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from governance.chain import abi
from governance.chain.client import Client, Receipt, call_object
from governance.chain.multicall import aggregate
from governance.domain.action import Call
from governance.errors import ConflictError, InputError
from governance.lab import actors, genesis
from governance.lab.contracts import Contracts
from governance.lab.genesis import BLOCK_SECONDS, Site
from governance.lab.liquidator import Liquidator, Venue
from governance.lab.outbox import Outbox
from governance.lab.prices import PricePath
from governance.lab.spec import HOUR, WorldSpec

Progress = Callable[[int, int, str], None]

ROUNDS = 6  # of liquidations after one hour's prices
CALM_FALL = 0.03  # a fall of the first asset within a day that alarms nobody
ALARM = 40.0  # how much more actors look at their accounts for each further unit of fall
MOST_ALARM = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where a world stands: block, unix seconds, and hours since its start."""

    block: int
    timestamp: int
    hour: int


class World:
    """A world on a node. `build` and `load` make it.

    Attributes
    ----------
    spec : WorldSpec
    addresses : dict of str
        ``addresses_provider, pool, configurator, oracle, data_provider, acl_manager, publisher, governor, timelock,
        token, multicall``, checksummed.
    reserves : dict of str
        Token address by asset symbol.
    holders : tuple of str
        Accounts with votes, the greatest first.
    steward : str
        The greatest holder, who has the power to propose.
    first_block : int
        The first block with a contract of the world.
    """

    def __init__(self, client: Client, spec: WorldSpec, site: Site, path: Path) -> None:
        self.spec = spec
        self.addresses = dict(site.addresses)
        self.reserves = {asset.symbol: token for asset, token in zip(spec.assets, site.tokens, strict=True)}
        self.holders = site.holders
        self.steward = site.holders[0]
        self.first_block = site.first_block
        self.actors = actors.create(spec)
        self._site = site
        self._file = path
        self._client = client
        self._outbox = Outbox(client)
        self._path = PricePath(spec)
        self._conduct = actors.Conduct(spec, pool=site.addresses["pool"], tokens=site.tokens)
        venue = Venue(
            pool=site.addresses["pool"],
            data_provider=site.addresses["data_provider"],
            multicall=site.addresses["multicall"],
            tokens=site.tokens,
        )
        self._liquidator = Liquidator(client, spec, venue=venue, actors=self.actors, path=self._path)

    @classmethod
    def build(cls, client: Client, spec: WorldSpec, *, contracts: Contracts, path: Path, progress: Progress) -> World:
        """Deploy a world and simulate all of its days, or finish one that was begun.

        Parameters
        ----------
        client : Client
            Of a node whose genesis has the timestamp ``spec.start``.
        contracts : Contracts
            What to deploy.
        path : Path
            The JSON file beside the node's state.
        progress : callable
            Told hours done, hours in all, and what is going on.

        Raises
        ------
        ConflictError
            When the node already carries something else.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and client.head().number > 0:
            world = cls.load(client, path)
        else:  # a node that was killed lost its chain; the same specification makes the same one again
            progress(0, spec.hours, "deploying the market and the DAO")
            with _alone(client, path):
                world = cls._begin(client, spec, contracts, path)
        if world.spec.spec_hash != spec.spec_hash:
            raise ConflictError(
                f"The node carries the world {world.spec.name!r} of another specification; "
                "build anew with `manage.py world build --fresh`."
            )
        world.advance(max(spec.hours - world.now().hour, 0), progress=progress)
        return world

    @classmethod
    def load(cls, client: Client, path: Path) -> World:
        """Return the world that ``path`` describes and the node carries.

        Raises
        ------
        InputError
            When there is no such file.
        ConflictError
            When the node carries another chain.
        """
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError("There is no local world yet; build one with `manage.py world build`.") from error
        site = Site.from_dict(saved["site"])
        known = client.head().number >= site.first_block
        if not known or client.header(site.first_block).hash != site.first_hash:
            raise ConflictError(
                "The node does not carry the world that was built; build it with `manage.py world build [--fresh]`.",
                block=site.first_block,
                expected=site.first_hash,
            )
        return cls(client, WorldSpec.from_dict(saved["spec"]), site, path)

    @classmethod
    def _begin(cls, client: Client, spec: WorldSpec, contracts: Contracts, path: Path) -> World:
        path.unlink(missing_ok=True)
        site = genesis.create(client, spec, contracts, prices=PricePath(spec).at(0))
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.write_text(json.dumps({"spec": spec.as_dict(), "site": site.as_dict()}), encoding="utf-8")
        draft.replace(path)
        return cls(client, spec, site, path)

    def now(self) -> Moment:
        """Return where the world stands."""
        head = self._client.head()
        return Moment(block=head.number, timestamp=head.timestamp, hour=(head.timestamp - self.spec.start) // HOUR)

    def prices(self, hour: int) -> dict[str, int]:
        """Return each asset's price at ``hour``, in US dollars with 8 decimals."""
        row = self._path.at(hour)
        return {asset.symbol: price for asset, price in zip(self.spec.assets, row, strict=True)}

    def advance(self, hours: int, *, progress: Progress) -> Moment:
        """Let ``hours`` go by: prices, actors and the liquidator, as in the history. Return where the world stands."""
        with self._by_hand():
            start = self.now()
            self._outbox.enroll(actor.address for actor in self.actors)
            self._liquidate(start.hour, start.timestamp)  # what an interrupted run left undone
            for done in range(hours):
                self._hour(start.hour + done + 1)
                if done % 24 == 0:
                    progress(done, hours, f"day {(start.hour + done) // 24 + 1}")
        progress(hours, hours, "done")
        return self.now()

    def send(self, sender: str, call: Call) -> Receipt:
        """Send ``call`` as ``sender``, whoever that is, mine it, and return its receipt.

        Raises
        ------
        CallReverted
            When the contract refuses it, before anything is sent.
        """
        self._client.call("eth_call", [{"from": sender} | call_object(call), "latest"])
        with self._by_hand():
            self._outbox.fund([sender])
            self._outbox.send(sender, call, gas=genesis.GAS)
            tx_hash = self._outbox.mine_strictly(self._client.head().timestamp + BLOCK_SECONDS)[-1]
        receipt = self._client.receipt(tx_hash)
        if receipt is None:
            raise ConflictError("Somebody else mines on this node; the transaction was not in the block.")
        return receipt

    def fund(self, address: str) -> None:
        """Give ``address`` ether for gas."""
        self._outbox.fund([address])

    def _hour(self, hour: int) -> None:
        """Mine one hour: first the prices, then the actors, then whom the prices made fall."""
        draw = random.Random(f"{self.spec.seed}/hour/{hour}")
        timestamp = self.spec.start + hour * HOUR
        self._outbox.send(genesis.publisher(self.spec), self._publish(hour))
        visitors = draw.sample(self.actors, self._number_of_visitors(hour - 1, draw))
        for actor, account in zip(visitors, self._accounts(visitors), strict=True):
            for call in self._conduct.act(actor, account, self._path.at(hour - 1), draw):
                self._outbox.send(actor.address, call)
        self._outbox.mine(timestamp)
        self._liquidator.forget(actor.address for actor in visitors)
        self._liquidate(hour, timestamp)

    def _liquidate(self, hour: int, timestamp: int) -> None:
        for number in range(1, ROUNDS + 1):
            calls = self._liquidator.look(hour)
            if not calls:
                return
            for call in calls:
                self._outbox.send(genesis.liquidator(self.spec), call)
            self._outbox.mine(timestamp + number * BLOCK_SECONDS)

    def _number_of_visitors(self, hour: int, draw: random.Random) -> int:
        then, now = self._path.at(max(hour - 24, 0))[0], self._path.at(hour)[0]
        alarm = min(max(1 - now / then - CALM_FALL, 0.0) * ALARM, MOST_ALARM)
        return min(_poisson(self.spec.activity * (1 + alarm), draw), len(self.actors))

    def _accounts(self, visitors: Sequence[actors.Actor]) -> list[actors.Account]:
        calls: list[Call] = []
        user_data = "getUserAccountData(address)"
        for actor in visitors:
            calls.append(Call(target=self._site.addresses["pool"], data=abi.encode(user_data, actor.address)))
            asset = max(actor.debt, 0)  # a lender borrows nothing, so that any asset's liquidity will do
            balance = abi.encode("balanceOf(address)", self._site.a_tokens[asset])
            calls.append(Call(target=self._site.tokens[asset], data=balance))
        found = aggregate(self._client, calls, address=self.addresses["multicall"]) if calls else []
        return [actors.Account.decoded(*pair) for pair in zip(found[::2], found[1::2], strict=True)]

    def _publish(self, hour: int) -> Call:
        return genesis.publish(self.addresses["publisher"], self._path.at(hour))

    @contextmanager
    def _by_hand(self) -> Iterator[None]:
        """Mine by hand for a while, and afterwards let the node mine whatever anybody sends."""
        with _alone(self._client, self._file):
            self._client.call("evm_setAutomine", [False])
            self._client.call("anvil_dropAllTransactions")  # of an hour that was interrupted before it was mined
            self._outbox = Outbox(self._client)
            try:
                yield
            finally:
                self._client.call("anvil_setBlockTimestampInterval", [BLOCK_SECONDS])
                self._client.call("evm_setAutomine", [True])


@contextmanager
def _alone(client: Client, path: Path) -> Iterator[None]:
    """Keep other processes from moving the time of the same node's world."""
    with path.with_name(f"{client.host.replace(':', '-')}.lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError("Another command moves the local world's time; wait until it is done.") from error
        yield


def _poisson(mean: float, draw: random.Random) -> int:
    """Return a Poisson draw by Knuth's product of uniforms."""
    limit, product, count = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count
