from __future__ import annotations

from pathlib import Path

import pytest

from governance.env import Env
from governance.errors import MissingTool, ServiceError, UnsupportedDatabase
from governance.services import account, addresses, cluster, postgres
from governance.services.account import Account

OURS = Account(uid=account.os.geteuid(), gid=account.os.getegid())


@pytest.fixture
def root_with_a_private_folder(monkeypatch, tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setattr(cluster.os, "geteuid", lambda: 0)
    for module in (cluster, addresses):
        monkeypatch.setattr(module, "env", lambda: Env(breakwater_data=private / "data"))
    monkeypatch.setattr(cluster, "PUBLIC", tmp_path / "public")
    return private / "data"


def test_a_private_folder_is_seen(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert not addresses.reachable_by_others(private / "data" / "postgres")
    assert addresses.reachable_by_others(Path("/usr/bin/env"))


def test_root_in_a_private_folder_keeps_data_where_the_server_reaches_it(root_with_a_private_folder, monkeypatch):
    data = root_with_a_private_folder
    monkeypatch.setattr(cluster, "server_account", lambda: OURS)
    found = cluster.prepare()
    assert found.home.parent == cluster.PUBLIC
    assert (data / "postgres").resolve() == found.home
    assert cluster.find_home() == found.home
    assert str(addresses.run_folder()).startswith("/tmp/breakwater-")


def test_programs_out_of_reach_are_copied_once(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "PUBLIC", tmp_path / "public")
    packages = tmp_path / "packages"
    for part in cluster.NEEDED:
        (packages / part).mkdir(parents=True)
    (packages / cluster.NEEDED[0] / "postgres").write_text("program")
    first = cluster._public_copy(packages)
    assert (first / cluster.NEEDED[0] / "postgres").read_text() == "program"
    assert cluster._public_copy(packages) == first
    assert [path.name for path in cluster.PUBLIC.iterdir()] == [first.name]


def test_without_useradd_root_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(account.os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "NAME", "breakwater-no-such-user")
    monkeypatch.setattr(account.shutil, "which", lambda *_, **__: None)
    with pytest.raises(MissingTool, match="set DATABASE_URL"):
        account.server_account()


def test_a_failing_program_is_quoted(tmp_path):
    with pytest.raises(ServiceError, match=r"ls failed: .*no-such-file"):
        OURS.run(["/bin/ls", "no-such-file"], folder=tmp_path)


@pytest.mark.usefixtures("database_server")
def test_a_database_that_is_too_old_is_refused(monkeypatch):
    monkeypatch.setattr(postgres, "_server_version", lambda target: 140_012)
    with pytest.raises(UnsupportedDatabase, match=r"is PostgreSQL 14\.12; Breakwater needs 15 or newer"):
        postgres.Database().start()
