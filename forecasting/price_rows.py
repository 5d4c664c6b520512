"""Price rows in the making: as columns, one a block and reserve, the last one that was above zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from forecasting.columns import Integers, Words, land
from forecasting.models import Price
from governance.bulk import copy_rows

if TYPE_CHECKING:
    from governance.chain.store import LogRow

_LARGEST = 2**63 - 1
_COLUMNS = ("reserve_id", "block_number", "timestamp", "price")


class Prices:
    """Collects prices in any order; `write` stores those that count."""

    def __init__(self) -> None:
        self._parts: list[tuple[npt.NDArray[np.int64], Integers]] = []
        self._rows: list[tuple[int, int, int, int]] = []
        self._single: list[int] = []

    def add(self, reserve: int, log: LogRow, price: int) -> None:
        """Take in the price that ``log`` made true."""
        self._rows.append((reserve, log.block_number, log.log_index, log.timestamp))
        self._single.append(price)

    def add_many(self, reserve: int, published: Words, at: npt.NDArray[np.intp]) -> None:
        """Take in the prices of the logs ``at`` these places in ``published``."""
        where = np.empty((len(at), 4), np.int64)
        where[:, 0] = reserve
        where[:, 1], where[:, 2], where[:, 3] = published.block[at], published.index[at], published.timestamp[at]
        self._parts.append((where, published.value[at]))

    def write(self) -> int:
        """Store the last price above zero of each block and reserve, and return how many that are."""
        parts = [*self._parts]
        if self._rows:
            parts.append((np.array(self._rows, np.int64), _exact(self._single)))
        if not parts:
            return 0
        where, price = np.concatenate([at for at, _ in parts]), np.concatenate([value for _, value in parts])
        good = np.flatnonzero(price > 0)
        where, price = where[good], price[good]
        order = np.lexsort((where[:, 2], where[:, 1], where[:, 0]))  # stable: of one log, what was added last
        where, price = where[order], price[order]
        last = np.ones(len(where), bool)
        last[:-1] = (where[1:, :2] != where[:-1, :2]).any(axis=1)
        _store(where[last], price[last])
        return int(last.sum())


def _exact(values: list[int]) -> Integers:
    if all(abs(value) <= _LARGEST for value in values):
        return np.array(values, np.int64)
    made = np.empty(len(values), object)
    made[:] = values
    return made


def _store(where: npt.NDArray[np.int64], price: Integers) -> None:
    """Store rows: those whose price fits 64 bits as arrays, the others one by one."""
    small = (price <= _LARGEST).astype(bool)
    columns: dict[str, Any] = {"reserve_id": 0, "block_number": 1, "timestamp": 3}
    if small.any():
        land(
            Price,
            {name: where[small, at] for name, at in columns.items()} | {"price": price[small].astype(np.int64)},
        )
    rest = np.flatnonzero(~small)
    copy_rows(Price, _COLUMNS, ((*map(int, where[i, [0, 1, 3]]), int(price[i])) for i in rest))
