"""Signing transactions: the `Signer` protocol, and a signer that holds an Ethereum keystore.

References
----------
EIP-1559 (fees), EIP-2718 (typed transactions), Web3 Secret Storage version 3 (the keystore's format).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from governance.chain.abi import checksum, keccak
from governance.errors import ConflictError, ImplausibleData, InputError, MissingTool

_OTHERS = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An EIP-1559 transaction that sends no ether; fees in wei for a unit of gas."""

    chain_id: int
    nonce: int
    target: str
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The signed bytes and the hash under which a chain will know them."""

    raw: bytes
    tx_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What signed bytes say by themselves: whose signature they carry, their hash, and what was signed."""

    signer: str
    tx_hash: str
    transaction: Transaction


class Signer(Protocol):
    """Whatever can sign for one address: a keystore here, a remote signer or a hardware module elsewhere."""

    @property
    def address(self) -> str:
        """Checksummed address."""

    def sign(self, transaction: Transaction) -> Signed:
        """Return ``transaction``, signed."""


class KeystoreSigner:
    """Signs with a key in memory.

    Parameters
    ----------
    account : LocalAccount
        The key; `load` reads one from a keystore.
    """

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @classmethod
    def load(cls, *, keystore: Path, password_file: Path) -> KeystoreSigner:
        """Return the signer of a keystore.

        Raises
        ------
        MissingTool
            When one of the files is not there.
        InputError
            When others can read them, the keystore is none, or the password is wrong.
        """
        try:
            body = json.loads(_private(keystore))
            key = Account.decrypt(body, _private(password_file).strip())
        except (ValueError, KeyError, TypeError) as error:
            message = f"{keystore} is not a keystore that the password in {password_file} opens."
            raise InputError(message, keystore=keystore) from error
        return cls(Account.from_key(key))

    @property
    def address(self) -> str:
        """Checksummed address."""
        return str(self._account.address)

    def sign(self, transaction: Transaction) -> Signed:
        """Return ``transaction``, signed."""
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": transaction.chain_id,
                "nonce": transaction.nonce,
                "to": bytes.fromhex(transaction.target.removeprefix("0x")),
                "value": 0,
                "data": transaction.data,
                "gas": transaction.gas,
                "maxFeePerGas": transaction.max_fee,
                "maxPriorityFeePerGas": transaction.priority_fee,
            }
        )
        return Signed(raw=bytes(signed.raw_transaction), tx_hash=f"0x{bytes(signed.hash).hex()}")


def read_signed(raw: bytes) -> Transaction:
    """Return the transaction in signed bytes, as `Signer.sign` made them."""
    body = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return Transaction(
        chain_id=body["chainId"],
        nonce=body["nonce"],
        target=checksum(bytes(body["to"])),
        data=bytes(body["data"]),
        gas=body["gas"],
        max_fee=body["maxFeePerGas"],
        priority_fee=body["maxPriorityFeePerGas"],
    )


def recover(raw: bytes) -> Recovered:
    """Return who signed ``raw`` and what it says; nothing beside the bytes is believed.

    Raises
    ------
    ImplausibleData
        When they are not a signed EIP-1559 transaction.
    """
    try:
        signer, transaction = Account.recover_transaction(raw), read_signed(raw)
    except Exception as error:  # hostile bytes: each of three libraries below has exceptions of its own
        raise ImplausibleData("These bytes are not a signed transaction.") from error
    return Recovered(signer=str(signer), tx_hash=f"0x{keccak(raw).hex()}", transaction=transaction)


def create_keystore(*, keystore: Path, password_file: Path, iterations: int | None = None) -> str:
    """Make a new key and write it, encrypted, with its password beside it; both for their owner alone.

    Parameters
    ----------
    keystore, password_file : Path
        Where to write. An existing password is used again, an existing keystore is never touched.
    iterations : int, optional
        Work factor of scrypt; the format's own default when not given.

    Returns
    -------
    str
        The new key's checksummed address.

    Raises
    ------
    ConflictError
        When there is a keystore already.
    """
    if keystore.exists():
        raise ConflictError(f"There is a keystore already: {keystore}. Its key may hold funds; move it away by hand.")
    if not password_file.exists():
        _write(password_file, secrets.token_urlsafe(48))
    account = Account.create()
    body = Account.encrypt(account.key, _private(password_file).strip(), kdf="scrypt", iterations=iterations)
    _write(keystore, json.dumps(body))
    return str(account.address)


def keystore_address(keystore: Path) -> str:
    """Return the address that a keystore says it holds, without opening it.

    Raises
    ------
    MissingTool
        When it is not there.
    InputError
        When it is not a keystore.
    """
    try:
        return checksum(json.loads(_private(keystore))["address"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{keystore} is not a keystore.", keystore=keystore) from error


def _private(path: Path) -> str:
    try:
        if path.stat().st_mode & _OTHERS:
            raise InputError(f"Others can read {path}; run: chmod 600 {path}", path=path)
        return path.read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise MissingTool(
            f"The executor has no key: {path} is missing. Run: manage.py executor init", path=path
        ) from error


def _write(path: Path, text: str) -> None:
    """Write a new private file whole or not at all; of two processes one wins, the other raises `ConflictError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(text, encoding="ascii")
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise ConflictError(f"Another process wrote {path} at the same moment; run it again.", path=path) from error
    finally:
        draft.unlink()
