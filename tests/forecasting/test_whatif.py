"""What if: the numbers of a fall under other parameters."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace as Namespace

import numpy as np
import pytest
from django.db import connections

from forecasting import trials
from forecasting.core import whatif
from forecasting.core.cascade import CascadeProblem, Protocol
from governance.errors import ConflictError, InputError
from governance.locks import lock_key
from tests.forecasting import samples


def question(**changes) -> whatif.Question:
    return replace(whatif.current(samples.problem(accounts=60, seed=4), 0), drop=0.3, **changes)


def test_asking_for_nothing_else_is_the_book_as_it_is():
    answer = whatif.answer(samples.problem(accounts=60, seed=4), question())
    assert answer.as_asked == answer.as_it_is
    assert answer.as_it_is.at_drop.drop == 0.3
    assert [drop.drop for drop in answer.as_it_is.curve] == list(whatif.GRID)


def test_a_lower_threshold_liquidates_no_less_and_may_do_so_at_once():
    problem = samples.problem(accounts=60, seed=4)
    answer = whatif.answer(problem, question(threshold=0.6))
    assert answer.as_asked.below > answer.as_it_is.below == 0
    assert answer.as_asked.accounts > answer.as_it_is.accounts
    assert answer.as_asked.at_drop.liquidatable > answer.as_it_is.at_drop.liquidatable


def test_an_answer_does_not_depend_on_the_paths_weights_and_threads_of_the_problem():
    problem = samples.problem(accounts=60, count=5, seed=4)
    other = replace(problem, paths=problem.paths[:2] * 0.5, weights=np.array([0.5, 1.5]), threads=2)
    assert whatif.answer(problem, question(bonus=0.07)) == whatif.answer(other, question(bonus=0.07))


def test_the_story_repays_what_the_answer_says():
    answer = whatif.answer(samples.problem(accounts=60, seed=4), question())
    assert sum(one.repaid for one in answer.story.rounds) == pytest.approx(answer.as_asked.at_drop.liquidated)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drop": 1.0}, "drop"),
        ({"threshold": 0.0}, "threshold"),
        ({"bonus": 0.6}, "bonus"),
        ({"bonus": -0.1}, "bonus"),
        ({"close_factor": 0.0}, "close_factor"),
        ({"threshold": 0.95, "bonus": 0.1}, "threshold"),
        ({"drop": float("nan")}, "drop"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(changes, field):
    with pytest.raises(InputError) as caught:
        whatif.answer(samples.problem(accounts=5), replace(question(), **changes))
    assert caught.value.facts["field"] == field


def test_a_book_that_takes_too_long_is_refused():
    with pytest.raises(InputError, match=r"3,000 accounts that owe something, with .* balances, are too many"):
        whatif.answer(samples.problem(accounts=3_000), question())


def test_the_limit_counts_the_runs_that_an_answer_makes(monkeypatch):
    problem, passes = samples.problem(accounts=20, seed=4), []
    run = CascadeProblem.run

    def counted(self):
        passes.append(self.paths.shape[0] * self.paths.shape[1])
        return run(self)

    monkeypatch.setattr(CascadeProblem, "run", counted)
    whatif.answer(problem, question())
    held = sum(int(((book.collateral > 0) | (book.debt > 0)).sum()) for book in (problem.book,))
    assert sum(passes) == whatif.RUNS * whatif.HOURS
    monkeypatch.setattr(whatif, "MOST", held * sum(passes))
    whatif.require_small(problem)
    monkeypatch.setattr(whatif, "MOST", held * sum(passes) - 1)
    with pytest.raises(InputError, match="too many to answer at once"):
        whatif.require_small(problem)


def test_accounts_that_owe_nothing_are_no_work():
    problem = samples.problem(accounts=20, seed=4)
    idle = replace(problem, book=replace(problem.book, debt=np.zeros_like(problem.book.debt)))
    found = replace(idle, beside=tuple(Protocol(name=str(n), book=idle.book) for n in range(2_000)))
    whatif.require_small(found)
    with pytest.raises(InputError, match="too many"):
        whatif.require_small(replace(found, book=samples.problem(accounts=2_000).book))


@pytest.mark.django_db(transaction=True)
def test_questions_wait_for_each_other_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(trials, "PATIENCE", 0.3)
    problem, asked = samples.problem(accounts=20, seed=4), question()
    monkeypatch.setattr(trials, "_bench", lambda _: Namespace(problem=problem))
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(trials.LOCK)])
    with pytest.raises(ConflictError, match="Others are asking just now; ask again in a moment"):
        trials.ask(trials.Source(run=-1), asked)
    other.close()
    assert trials.ask(trials.Source(run=-1), asked) == whatif.answer(problem, asked)
