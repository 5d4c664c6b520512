"""Bytecode of the world's contracts: ours compiled by npm's solc, the others' as their npm packages ship it."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.errors import MissingTool, ServiceError

SOURCES = Path(__file__).resolve().parent.parent / "contracts"
COMPILE_SECONDS = 180
AAVE = Path("@aave/core-v3/artifacts/contracts")
OPENZEPPELIN = Path("@openzeppelin/contracts/build/contracts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Creation bytecode as hexadecimal text, and where library addresses go in it.

    Attributes
    ----------
    bytecode : str
        Without ``0x``.
    links : Mapping[str, tuple[int, ...]]
        Library name to the byte offsets of its 20-byte address.
    """

    bytecode: str
    links: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def linked(self, libraries: Mapping[str, str]) -> bytes:
        """Return the bytecode with the addresses of ``libraries`` in place; raises KeyError for one that is missing."""
        code = self.bytecode
        for library, offsets in self.links.items():
            address = libraries[library][2:].lower()
            for offset in offsets:
                code = code[: offset * 2] + address + code[offset * 2 + 40 :]
        return bytes.fromhex(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """All bytecode that a world deploys.

    Attributes
    ----------
    ours : Mapping[str, Artifact]
        Compiled from `governance/contracts`.
    modules : Path
        The folder of the npm packages.
    """

    ours: Mapping[str, Artifact]
    modules: Path

    def aave(self, path: str) -> Artifact:
        """Return an artifact of Aave's core package, e.g. of ``"protocol/pool/Pool"``."""
        return _read(self.modules / AAVE / f"{path}.sol" / f"{path.rpartition('/')[2]}.json")

    def openzeppelin(self, name: str) -> Artifact:
        """Return an artifact of OpenZeppelin's package, e.g. of ``"TimelockController"``."""
        return _read(self.modules / OPENZEPPELIN / f"{name}.json")


def load(*, modules: Path, cache: Path) -> Contracts:
    """Return the contracts; ours are compiled unless ``cache`` holds them for these sources and this compiler.

    Parameters
    ----------
    modules : Path
        ``node_modules``.
    cache : Path
        Folder of compiled contracts.

    Raises
    ------
    MissingTool
        When Node.js or an npm package is missing.
    ServiceError
        When the sources do not compile.
    """
    path = cache / f"{sources_hash(modules=modules)}.json"
    if not path.exists():
        _compile(modules, path)
    found = json.loads(path.read_text(encoding="utf-8"))
    ours = {name: Artifact(bytecode=made["bytecode"].removeprefix("0x")) for name, made in found.items()}
    return Contracts(ours=ours, modules=modules)


def sources_hash(*, modules: Path) -> str:
    """Return 24 digits that name the sources, the compiler and the library they inherit from."""
    digest = hashlib.sha256()
    for source in sorted([*SOURCES.glob("*.sol"), *SOURCES.glob("*.mjs")]):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    for package in ("solc", "@openzeppelin/contracts", "@aave/core-v3"):
        digest.update(_version(modules, package).encode() + b"\0")
    return digest.hexdigest()[:24]


def _compile(modules: Path, path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        raise MissingTool("Node.js is not installed; the local world's contracts are compiled with it.", tool="node")
    try:
        done = subprocess.run(
            [node, str(SOURCES / "compile.mjs"), str(modules)],
            capture_output=True,
            check=False,
            text=True,
            timeout=COMPILE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"The contracts did not compile within {COMPILE_SECONDS} s.") from error
    if done.returncode != 0:
        raise ServiceError(f"The contracts do not compile: {done.stderr.strip()[:2_000]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{secrets.token_hex(4)}")  # a reader never sees half a file
    draft.write_text(done.stdout, encoding="utf-8")
    draft.replace(path)


def _version(modules: Path, package: str) -> str:
    return str(_json(modules / package / "package.json")["version"])


def _read(path: Path) -> Artifact:
    found = _json(path)
    references = found.get("linkReferences") or {}
    links = {
        library: tuple(place["start"] for place in places)
        for libraries in references.values()
        for library, places in libraries.items()
    }
    return Artifact(bytecode=found["bytecode"].removeprefix("0x"), links=links)


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise MissingTool(f"{path} is missing; run `make setup` (npm ci).", path=path) from error
