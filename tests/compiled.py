"""Contracts that only tests deploy: ours in `tests/contracts`, and what they import from npm packages."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import subprocess
from pathlib import Path

from governance.env import ROOT, env

SOURCES = Path(__file__).resolve().parent / "contracts"
COMPILERS = {
    "morpho": ("solc-0.8.19", "paris"),
    "comet": ("solc", "cancun"),
    "governors": ("solc", "cancun"),
    "feeds": ("solc", "cancun"),
}
PACKAGES = {
    "morpho": "@morpho-org/morpho-blue",
    "comet": "solc",
    "governors": "@openzeppelin/contracts",
    "feeds": "solc",
}


def compiled(name: str) -> dict[str, str]:
    """Return the creation bytecode, by contract, of one folder of `tests/contracts`; compiled once a data folder."""
    modules = ROOT / "node_modules"
    compiler, version = COMPILERS[name]
    digest = hashlib.sha256(f"{compiler} {version}".encode())
    for path in (*sorted((SOURCES / name).glob("*.sol")), modules / PACKAGES[name] / "package.json"):
        digest.update(path.read_bytes())
    cache = env().breakwater_data / "contracts" / f"{name}-{digest.hexdigest()[:24]}.json"
    if not cache.exists():
        _compile([str(modules), compiler, str(SOURCES / name), version], cache)
    made = json.loads(cache.read_text(encoding="utf-8"))
    return {contract: found["bytecode"] for contract, found in made.items()}


def _compile(arguments: list[str], cache: Path) -> None:
    node = shutil.which("node")
    assert node, "Node.js is needed to compile contracts"
    done = subprocess.run(
        [node, str(SOURCES / "compile.mjs"), *arguments], capture_output=True, check=False, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[:4_000]
    cache.parent.mkdir(parents=True, exist_ok=True)
    draft = cache.with_suffix(f".{secrets.token_hex(4)}")  # a reader never sees half a file
    draft.write_text(done.stdout, encoding="utf-8")
    draft.replace(cache)
