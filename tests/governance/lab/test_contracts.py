from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from governance.env import ROOT
from governance.errors import MissingTool, ServiceError
from governance.lab import contracts
from governance.lab.contracts import Artifact

MODULES = ROOT / "node_modules"


def never(*_: object, **__: object) -> None:
    raise AssertionError("nothing is compiled twice")


def test_what_was_compiled_is_found_again(compiled, tmp_path, monkeypatch):
    name = f"{contracts.sources_hash(modules=MODULES)}.json"
    text = json.dumps({kind: {"bytecode": f"0x{made.bytecode}"} for kind, made in compiled.ours.items()})
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(subprocess, "run", never)
    assert contracts.load(modules=MODULES, cache=tmp_path).ours == dict(compiled.ours)
    assert set(compiled.ours) == {
        "GovernorDAO",
        "Multicall",
        "PriceFeed",
        "PricePublisher",
        "TestToken",
        "VotesToken",
    }


def test_libraries_take_their_places_in_the_bytecode():
    artifact = Artifact(bytecode="60" + "__" * 20 + "61", links={"Logic": (1,)})
    assert artifact.linked({"Logic": "0x" + "Ab" * 20}).hex() == "60" + "ab" * 20 + "61"
    with pytest.raises(KeyError):
        artifact.linked({})


def test_without_node_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingTool, match=r"Node\.js is not installed"):
        contracts.load(modules=MODULES, cache=tmp_path)


def test_without_the_packages_it_says_how_to_get_them(tmp_path):
    with pytest.raises(MissingTool, match="make setup"):
        contracts.load(modules=tmp_path, cache=tmp_path)


def test_sources_that_do_not_compile_leave_nothing_behind(tmp_path, monkeypatch):
    broken = tmp_path / "contracts"
    shutil.copytree(contracts.SOURCES, broken)
    (broken / "Multicall.sol").write_text("contract Multicall { function }")
    for name in ("GovernorDAO", "VotesToken", "TestToken", "PricePublisher"):
        (broken / f"{name}.sol").unlink()
    monkeypatch.setattr(contracts, "SOURCES", broken)
    with pytest.raises(ServiceError, match="do not compile"):
        contracts.load(modules=MODULES, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
