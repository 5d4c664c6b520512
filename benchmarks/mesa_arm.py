"""The cascade as Mesa agents, one a position; run by an interpreter that has Mesa (`benchmarks/cascade.py --mesa`).

Making the agents is not counted, only their steps.
"""

from __future__ import annotations

from typing import Any

import mesa  # type: ignore[import-not-found]  # only in an interpreter of its own

from benchmarks.peer_market import Market, clock, main


class Position(mesa.Agent):  # type: ignore[misc]
    """One account."""

    def __init__(self, model: Any, held: float, owed: float) -> None:  # noqa: ANN401 - Mesa's, untyped
        super().__init__(model)
        self.held, self.owed = held, owed

    def look(self) -> None:
        """Queue where a liquidation would pay."""
        market = self.model.market
        if self.held * market.price * market.rules["threshold"] < self.owed:
            gain = market.gain(self.held, self.owed)
            if gain >= 0:
                self.model.queue.append((-gain, self.unique_id, self))


class World(mesa.Model):  # type: ignore[misc]
    """One path."""

    def __init__(self, collateral: Any, debt: Any, market: Market) -> None:  # noqa: ANN401
        super().__init__()
        self.market = market
        self.queue: list[tuple[float, int, Position]] = []
        for held, owed in zip(collateral.tolist(), debt.tolist(), strict=True):
            Position(self, held, owed)

    def advance(self, bare: float) -> None:
        """Run one step."""
        self.market.begin(bare)
        self.queue = []
        self.agents.do("look")
        for _, _, agent in sorted(self.queue, key=lambda one: one[:2]):
            agent.held, agent.owed = self.market.settle(agent.held, agent.owed)
        self.market.end()


def run(collateral: Any, debt: Any, paths: Any, rules: dict[str, float]) -> tuple[float, list[float], list[float]]:  # noqa: ANN401
    """Run all paths."""
    seconds, liquidated, bad = 0.0, [], []
    for path in paths.tolist():
        market = Market(rules)
        world = World(collateral, debt, market)
        began = clock()
        for bare in path:
            world.advance(bare)
        seconds += clock() - began
        liquidated.append(market.liquidated)
        bad.append(sum(max(one.owed - one.held * market.price, 0.0) for one in world.agents))
    return seconds, liquidated, bad


if __name__ == "__main__":
    main(run)
