"""The executor's own files, and its cycle: collect what governors said, index it, relay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.chain import finality
from governance.chain.logs import collect
from governance.chain.signer import KeystoreSigner, create_keystore, keystore_address
from governance.env import env
from governance.errors import ConflictError
from governance.models import Deployment
from governance.relay import run_once
from governance.votes import index

if TYPE_CHECKING:
    from pathlib import Path

    from governance.chain.client import Client
    from governance.chain.signer import Signer
    from governance.relay import RelayReport


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """Where the executor's key and its password are."""

    keystore: Path
    password_file: Path


def key_files() -> KeyFiles:
    """Return the paths of EXECUTOR_KEYSTORE and EXECUTOR_PASSWORD_FILE, or those in the data folder."""
    folder = env().breakwater_data / "executor"
    return KeyFiles(
        keystore=env().executor_keystore or folder / "keystore.json",
        password_file=env().executor_password_file or folder / "password",
    )


def require_isolation() -> None:
    """Refuse to touch the key in a process that loads more than the ground floor.

    Raises
    ------
    ConflictError
        When this process is not the executor's own.
    """
    if env().breakwater_role != "executor":
        message = "The executor's key is for its own process alone; run: manage.py relay, or manage.py executor"
        raise ConflictError(message, role=env().breakwater_role)


def create() -> str:
    """Make the executor's key and return its address; `ConflictError` when there is one, or outside its process."""
    require_isolation()
    files = key_files()
    return create_keystore(keystore=files.keystore, password_file=files.password_file)


def address() -> str:
    """Return the executor's address without opening its key; `MissingTool` when there is none."""
    return keystore_address(key_files().keystore)


def signer() -> Signer:
    """Return the executor's signer; raises what `require_isolation` and `KeystoreSigner.load` raise."""
    require_isolation()
    files = key_files()
    return KeystoreSigner.load(keystore=files.keystore, password_file=files.password_file)


def cycle(*, client: Client, signer: Signer, patience: float = 30.0, dry_run: bool = False) -> RelayReport:
    """Bring the mirror of every governor up to date, then relay.

    The executor does so itself, because it must not depend on the collector's process being alive.
    """
    head = finality.head(client)
    for deployment in Deployment.objects.filter(kind=Deployment.Kind.GOVERNOR).select_related("chain"):
        if head >= deployment.first_block:
            collect(client, deployment, to_block=head)
            index(deployment, client=client)
    return run_once(client=client, signer=signer, confirmations=env().confirmations, patience=patience, dry_run=dry_run)
