from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from governance.chain import abi
from governance.domain.units import WAD
from governance.lab import actors
from governance.lab.spec import ASSETS, YEAR

POOL = "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"
TOKENS = [actors.address(0, asset.symbol) for asset in ASSETS]
PRICES = [round(asset.price * 10**8) for asset in ASSETS]
PEOPLE = actors.create(YEAR)
BORROWER = next(actor for actor in PEOPLE if actor.debt >= 0)
LENDER = next(actor for actor in PEOPLE if actor.debt < 0)
SIGNATURES = {
    abi.selector(signature): (signature, position)
    for signature, position in [
        ("supply(address,uint256,address,uint16)", 2),
        ("borrow(address,uint256,uint256,uint16,address)", 4),
        ("repay(address,uint256,uint256,address)", 3),
        ("withdraw(address,uint256,address)", 2),
    ]
}
accounts = st.builds(
    actors.Account,
    collateral=st.integers(0, 10**15),
    debt=st.integers(0, 10**14),
    available=st.integers(0, 10**14),
    threshold=st.integers(1, 9_000),
    health=st.integers(0, 10 * WAD),
    liquidity=st.integers(0, 10**26),
)


def conduct() -> actors.Conduct:
    return actors.Conduct(YEAR, pool=POOL, tokens=TOKENS)


def verbs(calls) -> list[str]:
    return [SIGNATURES[call.data[:4]][0].partition("(")[0] for call in calls]


def test_the_crowd_is_varied_and_the_same_each_time():
    assert actors.create(YEAR) == PEOPLE
    assert len({actor.address for actor in PEOPLE}) == YEAR.accounts
    assert {actor.debt for actor in PEOPLE} >= {-1, 0, 3, 4}
    sizes = sorted(actor.size for actor in PEOPLE)
    assert sizes[-1] > 20 * sizes[len(sizes) // 2]
    assert actors.create(replace(YEAR, seed=1))[0].address != PEOPLE[0].address


@given(actor=st.sampled_from(PEOPLE), account=accounts, seed=st.integers(0, 10**6))
def test_whatever_they_see_they_send_sound_calls_for_themselves(actor, account, seed):
    calls = conduct().act(actor, account, PRICES, random.Random(seed))
    for call in calls:
        signature, position = SIGNATURES[call.data[:4]]
        values = abi.decode_call(signature, call.data)
        assert call.target == POOL
        assert values[0] in [TOKENS[index] for index in actor.assets]
        assert values[1] > 0
        assert values[position] == actor.address
    if actor.debt < 0:
        assert not {"borrow", "repay"} & set(verbs(calls))


def test_who_begins_supplies_before_borrowing():
    empty = actors.Account(collateral=0, debt=0, available=0, threshold=0, health=0, liquidity=0)
    done = verbs(conduct().act(BORROWER, empty, PRICES, random.Random(1)))
    assert done == ["supply"] * len(BORROWER.collateral) + ["borrow"]
    assert verbs(conduct().act(LENDER, empty, PRICES, random.Random(1))) == ["supply"]


def test_in_danger_the_attentive_act_and_the_careless_wait():
    danger = actors.Account(
        collateral=10**13, debt=7 * 10**12, available=0, threshold=7_500, health=WAD * 103 // 100, liquidity=10**20
    )
    alert, careless = replace(BORROWER, attention=1.0), replace(BORROWER, attention=0.0)
    assert verbs(conduct().act(alert, danger, PRICES, random.Random(1)))[0] in {"supply", "repay"}
    assert conduct().act(careless, danger, PRICES, random.Random(1)) == []


def test_who_has_lost_all_collateral_gives_up():
    lost = actors.Account(collateral=0, debt=10**10, available=0, threshold=0, health=0, liquidity=10**20)
    assert conduct().act(BORROWER, lost, PRICES, random.Random(1)) == []
