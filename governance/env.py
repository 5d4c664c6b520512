"""Every environment variable: type, default and help. The only reader of the environment."""

from __future__ import annotations

import os
import re
import secrets
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from governance.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
_REFERENCE = re.compile(r"auto|latest(-[0-9]{1,6})?|safe|finalized")


class Env(BaseSettings):
    """The settings of one process, read once from its environment."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    breakwater_data: Path = Field(
        ROOT / ".breakwater", description="Folder of the embedded services, secrets, logs and compiled contracts."
    )
    breakwater_role: Literal["all", "executor"] = Field(
        "all",
        description="`executor` loads the governance floor alone; set by the commands `relay` and `executor`.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="External PostgreSQL, 15 or newer: `postgresql://user:password@host:port/name`. Default: embedded.",
    )
    broker_url: SecretStr | None = Field(
        None, description="External Celery broker, `redis://` or `amqp://`. Default: embedded Valkey."
    )
    rpc_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="External EVM nodes, separated by commas, best first. Default: the embedded local node."
    )
    chain_id: int = Field(31337, ge=1, description="The chain that the node must serve; anything else is refused.")
    confirmations: int = Field(
        0,
        ge=0,
        description="Blocks that collection stays behind the head: 0 for the local node, a real chain wants finality.",
    )
    follow: str = Field(
        "auto",
        description="Block that collection follows: `latest`, `latest-N`, `safe` or `finalized`. `auto` is `latest`"
        " less CONFIRMATIONS.",
    )
    finality: str = Field(
        "auto",
        description="Newest block that models train on and evidence cites: `finalized`, `safe`, `latest` or `latest-N`."
        " `auto` is `finalized` for nodes of RPC_URLS, and `latest` for the embedded one, which nobody reorganises.",
    )
    reorg_limit: int = Field(
        128,
        ge=1,
        description="Blocks that a reorganisation may take back by itself; a deeper one stops the collector with an"
        " alarm.",
    )
    fetchers: int = Field(
        4, ge=1, le=64, description="Ranges of blocks that one collector asks nodes for at the same time."
    )
    proof_sample: float = Field(
        0.002,
        ge=0,
        le=1,
        description="Share of the blocks whose logs are compared with all their receipts, hashed up to the header's"
        " receipts root. 1 proves every block so; 0 none.",
    )
    provider_rps: int = Field(
        0,
        ge=0,
        description="Most HTTP requests that each node is sent in a second. 0: as many as it takes; it is slowed down"
        " when it says so.",
    )
    node_port: int = Field(
        0, ge=0, le=65535, description="Port of the embedded node on loopback; 0 picks a free one and remembers it."
    )
    web_host: str = Field("127.0.0.1", description="Address that the web interface listens on.")
    web_port: int = Field(8000, ge=1, le=65535, description="Port of the web interface.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        description="Host names that the web interface answers to, separated by commas.",
    )
    secret_key: SecretStr | None = Field(
        None, description="Django's secret key. Default: generated once into the data folder."
    )
    debug: bool = Field(False, description="Django's debug pages; never in production.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")
    executor_keystore: Path | None = Field(
        None,
        description="Ethereum keystore (JSON) of the executor. Default: `executor/keystore.json` in the data folder.",
    )
    executor_password_file: Path | None = Field(
        None, description="File with the keystore's password. Default: `executor/password` in the data folder."
    )
    price_max_age_hours: int = Field(
        6, ge=1, description="Oldest price (in hours behind the collected head) on which a forecast may be published."
    )

    @field_validator("rpc_urls", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        if not parts:
            raise ValueError("it names nothing between its commas; name at least one, or unset it for the default")
        return parts

    @field_validator("follow", "finality")
    @classmethod
    def _check_reference(cls, value: str) -> str:
        if not _REFERENCE.fullmatch(value):
            raise ValueError("it is latest, latest-N (N blocks before it, such as latest-64), safe, finalized or auto")
        return value

    def secret(self, name: str) -> str:
        """Return the data folder's generated secret ``name``, made at first use and readable by its owner alone."""
        folder = self.breakwater_data / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        if not path.exists():
            draft = folder / f".{name}.{secrets.token_hex(4)}"
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
            try:
                path.hardlink_to(draft)  # atomic: of two processes that start together, one wins and both read it
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text(encoding="ascii")


@cache
def env() -> Env:
    """Return the environment of this process.

    Raises
    ------
    InputError
        When a variable has a value that cannot be used; the value is not shown, for it may be a secret.
    """
    try:
        return Env()
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        name = str(fault["loc"][0]).upper()
        said = fault["msg"].removeprefix("Value error, ")
        raise InputError(f"The environment variable {name} cannot be used: {said}.", field=name) from None


def child_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with ``changes``, for a program that it starts."""
    return {**os.environ, "BREAKWATER_DATA": str(env().breakwater_data.resolve()), **changes}
