"""Contagion: what protocols lose because they are linked, by a shared market and by receipts of each other.

A receipt is a token that is a claim on a protocol's pool and collateral elsewhere. `marginal` runs protocols together
and each alone on the same paths. `receipts` marks receipts down by what their issuer's lenders lost, runs again, and
goes on until nothing changes: it begins with no loss, and so finds the least losses that fit together, as
`forecasting.core.network.clear` does. `study` says all of it as data.

References
----------
Marginal contagion as the loss of all linked less the sum of each alone, on the same paths: cf. Tovanich et al. (2023),
*Contagion in decentralized lending protocols*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np

from forecasting.core import tables, weighted
from forecasting.core.book import Book, Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.exposures import backing
from forecasting.core.losses import Estimate
from forecasting.core.network import Clearing, clear, debt_rank
from forecasting.core.staging import Stage
from forecasting.core.tables import Ints
from forecasting.core.volatility.base import rounded
from governance.errors import InputError

SETTLED = 1e-9  # change of a haircut below which nothing changes any more
MOST_ROUNDS = 100
LEAST_VALUE = 1e-9  # of a receipt that nobody redeems; prices must stay positive


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marginal:
    """What M protocols lose together and each alone on the same P paths; bad debt at the horizon, USD.

    Attributes
    ----------
    names : tuple of str
    together : Estimate
        Mean of the sum over protocols that share the market.
    linked, alone : tuple of Estimate
        Mean of each protocol, with the others and without them.
    marginal : Estimate
        Mean of the difference by path: all together less the sum of each alone.
    together_es99, apart_es99 : Estimate
        Mean of the worst 1 % of the sums, together and alone.
    by_path : (P,) floats
        The differences.
    """

    names: tuple[str, ...]
    together: Estimate
    linked: tuple[Estimate, ...]
    alone: tuple[Estimate, ...]
    marginal: Estimate
    together_es99: Estimate
    apart_es99: Estimate
    by_path: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A token that is a claim on a protocol's pool, and collateral elsewhere.

    Attributes
    ----------
    token : str
        Symbol under which it is held as collateral.
    issuer : int
        The protocol that redeems it: 0 is the book, then those beside it.
    underlying : str
        Symbol of the asset that it redeems for.
    """

    token: str
    issuer: int
    underlying: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linked:
    """What receipts pass on, over P paths, M protocols and L receipts.

    Attributes
    ----------
    bad_debt, unlinked : (P, M) floats
        With the receipts marked down, and with receipts that are always worth what they claim, USD.
    haircut : (P, L) floats
        Share of a receipt's claim that is lost.
    passed_on : Estimate
        Mean of the difference of the sums over protocols, USD.
    rounds : int
        How often losses were passed on.
    settled : bool
        Whether nothing changed any more.
    """

    bad_debt: Floats
    unlinked: Floats
    haircut: Floats
    passed_on: Estimate
    rounds: int
    settled: bool


def marginal(problem: CascadeProblem, names: Sequence[str]) -> Marginal:
    """Return what the protocols of ``problem`` lose because they share depth and liquidators' capital.

    Parameters
    ----------
    problem : CascadeProblem
    names : sequence of str
        Of the book and of those beside it.
    """
    count = 1 + len(problem.beside)
    if len(names) != count:
        raise InputError(f"{count} names are needed, one for each protocol; there are {len(names)}.", field="names")
    weights = problem.weights
    together = problem.run().parts[:, :, tables.BAD_DEBT]
    alone = np.stack([_alone(problem, at).run().parts[:, 0, tables.BAD_DEBT] for at in range(count)], axis=1)
    by_path = together.sum(axis=1) - alone.sum(axis=1)
    return Marginal(
        names=tuple(names),
        together=weighted.mean(together.sum(axis=1), weights),
        linked=tuple(weighted.mean(together[:, m], weights) for m in range(count)),
        alone=tuple(weighted.mean(alone[:, m], weights) for m in range(count)),
        marginal=weighted.mean(by_path, weights),
        together_es99=weighted.shortfall(together.sum(axis=1), weights, level=0.99),
        apart_es99=weighted.shortfall(alone.sum(axis=1), weights, level=0.99),
        by_path=by_path,
    )


def _alone(problem: CascadeProblem, at: int) -> CascadeProblem:
    """Return the problem of protocol ``at`` with the market to itself."""
    if at == 0:
        return replace(problem, beside=())
    one = problem.beside[at - 1]
    rules = replace(problem.rules, close_factor=one.close_factor, full_close_below=one.full_close_below)
    return replace(problem, book=replace(one.book, price=problem.book.price), rules=rules, beside=())


class _Claim(NamedTuple):
    """A receipt by columns: its token, its issuer, its underlying, and all that holders can claim (tokens of that).

    What is owed has been supplied, so they can claim that at least.
    """

    token: int
    issuer: int
    underlying: int
    amount: float


def receipts(problem: CascadeProblem, links: Sequence[Receipt], *, steps: int = 1) -> Linked:
    """Return what receipts pass on when each is marked down by what its issuer's lenders lost.

    The loss of a receipt is its issuer's bad debt in the underlying over all that is supplied of it. It is known in the
    last ``steps`` steps of a path, in which liquidators can still act on it. Losses only grow from round to round: a
    markdown is never taken back because it made somebody sell in time.

    Parameters
    ----------
    problem : CascadeProblem
    links : sequence of Receipt
        One for each token.
    steps : int
        From 1 to the number of steps.

    Raises
    ------
    InputError
        When a receipt names a token, an asset or an issuer that is not there, or one of which nothing is supplied.
    """
    if not 1 <= steps <= problem.paths.shape[1]:
        raise InputError(f"A path of {problem.paths.shape[1]} steps has no last {steps}.", field="steps", value=steps)
    claims, stage = _claims(problem, links), Stage.of(problem)
    unlinked = problem.run().parts[:, :, tables.BAD_DEBT]
    bad_debt, haircut = unlinked.copy(), np.zeros((problem.paths.shape[0], len(claims)))
    rounds, at = 0, np.arange(problem.paths.shape[0])
    marked = problem
    while True:
        found = _haircuts(stage, marked.paths, claims, bad_debt=bad_debt[at])
        at, found = _grown(at, found, haircut)
        if not at.size or rounds == MOST_ROUNDS:
            break
        haircut[at] = found
        rounds += 1
        marked = _marked(problem, claims, haircut, at, steps=steps)
        bad_debt[at] = np.maximum(bad_debt[at], marked.run().parts[:, :, tables.BAD_DEBT])
    return Linked(
        bad_debt=bad_debt,
        unlinked=unlinked,
        haircut=haircut,
        passed_on=weighted.mean((bad_debt - unlinked).sum(axis=1), problem.weights),
        rounds=rounds,
        settled=not at.size,
    )


def _grown(at: Ints, found: Floats, haircut: Floats) -> tuple[Ints, Floats]:
    """Return those of the paths ``at`` on which a haircut grew, and their haircuts."""
    more = (found > haircut[at] + SETTLED).any(axis=1)
    return at[more], np.maximum(found, haircut[at])[more]


def _claims(problem: CascadeProblem, links: Sequence[Receipt]) -> tuple[_Claim, ...]:
    tokens = [link.token for link in links]
    for token in tokens:
        if tokens.count(token) > 1:
            raise InputError(f"{token} is named as two receipts.", field="receipt", value=token)
    return tuple(_claim(problem, link) for link in links)


def _claim(problem: CascadeProblem, link: Receipt) -> _Claim:
    books, symbols = _books(problem), problem.book.symbols
    for symbol in (link.token, link.underlying):
        if symbol not in symbols:
            known = ", ".join(symbols)
            raise InputError(f"{symbol} is not in the book, which is over {known}.", field="receipt", value=symbol)
    if not 0 <= link.issuer < len(books):
        raise InputError(
            f"{link.token} is issued by protocol {link.issuer}; there are {len(books)}, from 0.",
            field="receipt",
            value=link.issuer,
        )
    underlying = symbols.index(link.underlying)
    issuer = books[link.issuer]
    supplied = float(issuer.total_supply[underlying])
    if not supplied > 0:
        raise InputError(
            f"Nothing of {link.underlying} is supplied to the issuer of {link.token}, which claims it.",
            field="receipt",
            value=link.token,
        )
    amount = max(supplied, float(issuer.debt[:, underlying].sum()))
    return _Claim(symbols.index(link.token), link.issuer, underlying, amount)


def _marked(
    problem: CascadeProblem, claims: Sequence[_Claim], haircut: Floats, at: Ints, *, steps: int
) -> CascadeProblem:
    """Return the problem on the paths ``at``, with receipts marked down in their last steps."""
    paths = problem.paths[at]
    for column, claim in enumerate(claims):
        value = np.maximum(1.0 - haircut[at, column], LEAST_VALUE)
        paths[:, -steps:, claim.token] *= value[:, None]
    return replace(problem, paths=paths, weights=None)


def _haircuts(stage: Stage, paths: Floats, claims: Sequence[_Claim], *, bad_debt: Floats) -> Floats:
    """Return the (P, L) shares of their claims that receipts lose on ``paths``; ``bad_debt`` (P, M) tells where."""
    found = np.zeros((paths.shape[0], len(claims)))
    issuers = sorted({claim.issuer for claim in claims})
    for p in np.flatnonzero(bad_debt[:, issuers].any(axis=1)):
        ending = stage.run(paths[p])
        for column, claim in enumerate(claims):
            worth = claim.amount * ending.tally.price[claim.underlying]
            found[p, column] = min(ending.lost[claim.issuer, claim.underlying] / worth, 1.0)
    return found


def _books(problem: CascadeProblem) -> list[Book]:
    return [problem.book, *(other.book for other in problem.beside)]


def held(problem: CascadeProblem, links: Sequence[Receipt]) -> Floats:
    """Return the (M, M) receipts of ``i`` that are collateral in ``j``, USD at the start; 0 for ``i = j``."""
    return _between(problem, links, [book.collateral.sum(axis=0) * problem.book.price for book in _books(problem)])


def pledged(problem: CascadeProblem, links: Sequence[Receipt]) -> Floats:
    """Return the (M, M) debt in ``j`` that receipts of ``i`` back, USD at the start; 0 for ``i = j``.

    The debt of an account is spread over its collaterals as in `forecasting.core.exposures`.
    """
    return _between(problem, links, [backing(book).T @ (book.debt @ problem.book.price) for book in _books(problem)])


def _between(problem: CascadeProblem, links: Sequence[Receipt], amounts: Sequence[Floats]) -> Floats:
    """Sum the (R,) amounts of each protocol over the receipts of the others."""
    found = np.zeros((len(amounts), len(amounts)))
    for claim in _claims(problem, links):
        for j, amount in enumerate(amounts):
            found[claim.issuer, j] += amount[claim.token] if claim.issuer != j else 0.0
    return found


def look_through(problem: CascadeProblem, links: Sequence[Receipt], *, bad_debt: Floats) -> Clearing:
    """Return what lenders get back if borrowers who pledged receipts hand these over instead of repaying.

    Nodes are the protocols and, last, everybody else, to whom they owe all that is supplied and not pledged. Borrowers'
    own cushions are not counted, so this is the worst that receipts can pass on; `receipts` counts them.

    Parameters
    ----------
    problem : CascadeProblem
    links : sequence of Receipt
    bad_debt : (M,) floats
        Of each protocol, USD.
    """
    claims = pledged(problem, links)
    count = len(claims)
    supplied = np.array([book.total_supply @ problem.book.price for book in _books(problem)])
    liabilities = np.zeros((count + 1, count + 1))
    liabilities[:count, :count] = claims
    liabilities[:count, count] = np.maximum(supplied - claims.sum(axis=1), 0.0)
    outside = np.zeros(count + 1)
    outside[:count] = np.maximum(liabilities[:count].sum(axis=1) - claims.sum(axis=0) - bad_debt, 0.0)
    return clear(liabilities, outside=outside)


def reach(problem: CascadeProblem, links: Sequence[Receipt]) -> tuple[float, ...]:
    """Return the DebtRank of each protocol when it fails altogether: the share of all that is lent which it reaches.

    What a protocol can lose before its lenders do is what its borrowers own: collateral less debt, at the start.
    """
    price, books = problem.book.price, _books(problem)
    equity = np.array([((book.collateral - book.debt) @ price).clip(min=0.0).sum() for book in books])
    lent = np.array([(book.debt @ price).sum() for book in books])
    exposures = held(problem, links).T
    return tuple(debt_rank(exposures, equity=equity, distress=one, value=lent).rank for one in np.eye(len(books)))


def study(problem: CascadeProblem, names: Sequence[str], *, links: Sequence[Receipt] = ()) -> dict[str, object]:
    """Return contagion as JSON-ready data.

    Parameters
    ----------
    problem : CascadeProblem
    names : sequence of str
        Of the book and of those beside it.
    links : sequence of Receipt

    Returns
    -------
    dict
        ``together``, ``marginal``, ``together_es99``, ``apart_es99`` (estimates as ``value``, ``low``, ``high``),
        ``linked`` and ``alone`` by name; and where there are receipts ``receipts`` (``passed_on``, ``rounds``,
        ``settled``, and the mean ``haircut`` by token), ``debt_rank`` by name (see `reach`) and ``clearing`` (see
        `look_through`, on the path with the largest bad debt: ``path``, and ``recovery`` by name); otherwise None.
    """
    found = marginal(problem, names)
    body: dict[str, object] = {
        **{
            name: asdict(estimate)
            for name, estimate in (
                ("together", found.together),
                ("marginal", found.marginal),
                ("together_es99", found.together_es99),
                ("apart_es99", found.apart_es99),
            )
        },
        "linked": _named(names, found.linked),
        "alone": _named(names, found.alone),
    }
    return body | (
        _receipts_told(problem, names, links) if links else dict.fromkeys(("receipts", "debt_rank", "clearing"))
    )


def _named(names: Sequence[str], estimates: Sequence[Estimate]) -> Mapping[str, object]:
    return {name: asdict(estimate) for name, estimate in zip(names, estimates, strict=True)}


def _receipts_told(problem: CascadeProblem, names: Sequence[str], links: Sequence[Receipt]) -> dict[str, object]:
    found = receipts(problem, links)
    worst = int(found.bad_debt.sum(axis=1).argmax())
    cleared = look_through(problem, links, bad_debt=found.unlinked[worst])
    haircut = [weighted.mean(column, problem.weights) for column in found.haircut.T]
    return {
        "receipts": {
            "passed_on": asdict(found.passed_on),
            "rounds": found.rounds,
            "settled": found.settled,
            "haircut": _named([link.token for link in links], haircut),
        },
        "debt_rank": {name: rounded(rank) for name, rank in zip(names, reach(problem, links), strict=True)},
        "clearing": {
            "path": worst,
            "waves": cleared.rounds,
            "recovery": {
                name: rounded(paid / owed) if owed else None
                for name, paid, owed in zip(names, cleared.payments, cleared.owed, strict=False)
            },
        },
    }
