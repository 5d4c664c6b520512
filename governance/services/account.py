"""The system user that PostgreSQL runs as when Breakwater itself runs as root, which PostgreSQL refuses."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from governance.errors import MissingTool, ServiceError

NAME = "embedded_postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user and group that a program runs as."""

    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        """Whether it is the user of this very process."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Hand ``path`` over to this user."""
        if not self.is_us:
            os.chown(path, self.uid, self.gid)

    def run(self, argv: Sequence[str], *, folder: Path) -> None:
        """Run a program as this user, from ``folder``, until it ends.

        Raises
        ------
        ServiceError
            When it fails; the message quotes what it wrote last.
        """
        identity = {} if self.is_us else {"user": self.uid, "group": self.gid, "extra_groups": []}
        done = subprocess.run(  # type: ignore[call-overload]
            list(argv),
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
            **identity,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise ServiceError(f"{Path(argv[0]).name} failed: {' '.join(said[-3:])[:500]}", program=argv[0])


def server_account() -> Account:
    """Return the user for PostgreSQL: ours, or for root a system user that is made when it is missing.

    Raises
    ------
    MissingTool
        When we are root and the system has no ``useradd``.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _create() -> pwd.struct_passwd:
    tool = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if tool is None:
        raise MissingTool(
            "PostgreSQL does not run as root, and there is no `useradd` to make a user for it; "
            "run Breakwater as an ordinary user, or set DATABASE_URL.",
            tool="useradd",
        )
    root = Account(uid=os.geteuid(), gid=os.getegid())
    root.run(
        [
            tool,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/bin/false",
            NAME,
        ],
        folder=Path("/"),
    )
    return pwd.getpwnam(NAME)
