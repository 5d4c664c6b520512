"""`manage.py watch`: what it takes, what it refuses, and what it forgets."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from forecasting.models import Price, Reserve
from governance import deployments
from governance.bundles import register
from governance.errors import ConflictError, InputError
from governance.models import AuditEntry, Coverage, Deployment, Log, Stream
from tests.governance.ledger import TOKEN, cover, log, make_chain, stream_of

NOBODY = "0x" + "77" * 20


def run(*words: str) -> str:
    out = StringIO()
    call_command("watch", *words, stdout=out)
    return out.getvalue()


def watch_dao(dao, *words: str) -> str:
    return run("oz", dao.governor, "--slug=dao", *words)


@pytest.fixture(autouse=True)
def _this_node(request, monkeypatch):
    """Let the command find the small DAO's node, in tests that have one."""
    if "dao" in request.fixturenames:
        client = request.getfixturevalue("dao").client
        monkeypatch.setattr("governance.management.commands.watch.default_client", lambda: client)


@pytest.mark.django_db
def test_a_governor_is_watched_with_its_companions_and_listed(dao):
    roles = (f"--role=timelock={dao.timelock}", f"--role=token={dao.token}")
    found = json.loads(watch_dao(dao, *roles, "--name=The DAO", "--json"))
    assert found["addresses"] == {"governor": dao.governor, "timelock": dao.timelock, "token": dao.token}
    (listed,) = json.loads(run("--list", "--json"))["watched"]
    assert listed == found
    assert "The DAO" in run("--list")
    assert watch_dao(dao, *roles).startswith("The DAO is watched")
    assert watch_dao(dao, *roles, "--name=Their DAO").startswith("Their DAO is watched")
    assert Stream.objects.count() == 1


@pytest.mark.django_db
def test_an_address_that_is_no_governor_is_refused(dao):
    for address, words in ((NOBODY, "no contract"), (dao.timelock, "no governor of the flavour 'oz'")):
        with pytest.raises(InputError, match=words):
            run("oz", address, "--slug=dao")
    with pytest.raises(InputError, match="its timelock is"):
        watch_dao(dao, f"--role=timelock={dao.token}")
    with pytest.raises(InputError, match="no contract at"):
        watch_dao(dao, f"--role=token={NOBODY}")
    assert not Deployment.objects.exists()


@pytest.mark.django_db
def test_what_a_person_mistypes_is_named(dao):
    for words, says in (
        (("--role=treasury=" + dao.token,), "no role 'treasury'"),
        (("--role=timelock",), "ROLE=VALUE"),
        (("--first-block=-1",), "count from 0"),
        (("--first-block=99999999",), "the chain stands at block"),
    ):
        with pytest.raises(InputError, match=says):
            watch_dao(dao, *words)
    with pytest.raises(InputError, match="There is no flavour 'uniswap'"):
        run("uniswap", dao.governor, "--slug=dao")
    with pytest.raises(InputError, match="There is no flavour 'uniswap'"):
        run("uniswap", dao.governor)
    with pytest.raises(InputError, match="no role 'banana'"):
        watch_dao(dao, "--role=banana=1")
    with pytest.raises(InputError, match="the slug is needed"):
        run("oz", dao.governor)
    with pytest.raises(InputError, match="Say either"):
        run()
    assert not Deployment.objects.exists()


@pytest.mark.django_db
def test_the_same_governor_is_not_watched_twice(dao):
    watch_dao(dao)
    with pytest.raises(InputError, match="watched already as 'dao'"):
        run("oz", dao.governor, "--slug=other")


@pytest.mark.django_db
def test_a_slug_does_not_silently_become_something_else(dao):
    watch_dao(dao, f"--role=timelock={dao.timelock}", "--first-block=1")
    with pytest.raises(InputError, match="from block 1 on, not 0"):
        watch_dao(dao, f"--role=timelock={dao.timelock}", "--first-block=0")
    found = Deployment.objects.get()
    Deployment.objects.update(addresses=found.addresses | {"timelock": NOBODY})
    with pytest.raises(InputError, match=f"with the timelock {NOBODY}, not {dao.timelock}; say --update"):
        watch_dao(dao)
    watch_dao(dao, "--update")
    assert Deployment.objects.get().addresses == found.addresses
    Deployment.objects.update(addresses={"governor": dao.governor})
    watch_dao(dao)  # a companion more takes nothing away
    assert Deployment.objects.get().addresses["timelock"] == dao.timelock
    Deployment.objects.update(flavour="bravo")
    with pytest.raises(InputError, match="with the flavour bravo"):
        watch_dao(dao)


@pytest.mark.django_db
def test_a_deployment_is_removed_with_its_history_and_nobody_elses():
    chain = make_chain()
    ours, theirs = stream_of(chain, "ours"), stream_of(chain, "theirs")
    Stream.objects.filter(pk=theirs.pk).update(addresses=[NOBODY])
    for stream in (ours, theirs):
        cover(stream, 0, 9)
    log(chain, 3)
    log(chain, 4, address=NOBODY)
    names = {"symbol": "T", "decimals": 18, "a_token": TOKEN, "debt_token": TOKEN, "stable_debt_token": TOKEN}
    reserve = Reserve.objects.create(deployment=ours.deployment, index=0, address=TOKEN, feed=TOKEN, **names)
    Price.objects.create(reserve=reserve, block_number=3, timestamp=1, price=1)
    with pytest.raises(InputError, match="say --yes"):
        run("--remove=ours")
    assert Deployment.objects.count() == 2
    removed = json.loads(run("--remove=ours", "--yes", "--json"))
    assert removed["removed"] == "ours"
    assert {key: removed["rows"][key] for key in ("Log", "Price", "Reserve", "Stream", "Coverage")} == dict.fromkeys(
        ("Log", "Price", "Reserve", "Stream", "Coverage"), 1
    )
    assert [row.slug for row in Deployment.objects.all()] == ["theirs"]
    assert [bytes(row.address).hex() for row in Log.objects.all()] == [NOBODY[2:]]
    assert Coverage.objects.get().stream == theirs
    assert AuditEntry.objects.get().action == "deployment.removed"
    with pytest.raises(InputError, match="'ours' is not watched"):
        run("--remove=ours", "--yes")


@pytest.mark.django_db
def test_what_was_decided_keeps_a_deployment(dao, watched):
    register(dao.bundle(), deployment=watched, actor="steward")
    with pytest.raises(ConflictError, match="1 bundle record"):
        run("--remove=dao", "--yes")
    assert Stream.objects.filter(deployment=watched).exists()


@pytest.mark.django_db
def test_a_proposal_that_was_only_mirrored_goes_with_its_governor(dao, watched):
    dao.propose(dao.bundle(), deployment=watched, register_it=False)
    dao.refresh(watched)
    assert watched.proposals.count() == 1
    assert deployments.remove(watched, actor="a person")["Stream"] == 1
    assert not Deployment.objects.exists()
