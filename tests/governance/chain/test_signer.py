"""The executor's key."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from governance.chain.signer import (
    KeystoreSigner,
    Transaction,
    create_keystore,
    keystore_address,
    read_signed,
    recover,
)
from governance.errors import ConflictError, ImplausibleData, InputError, MissingTool

TRANSACTION = Transaction(
    chain_id=31337,
    nonce=7,
    target="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    data=b"\1\2\3",
    gas=100_000,
    max_fee=3 * 10**9,
    priority_fee=10**9,
)


@pytest.fixture
def files(tmp_path):
    return {"keystore": tmp_path / "executor" / "keystore.json", "password_file": tmp_path / "executor" / "password"}


def test_a_new_keystore_is_private_and_opens_again(files):
    address = create_keystore(**files, iterations=2)
    for path in files.values():
        assert path.stat().st_mode & 0o777 == 0o600
    assert files["keystore"].parent.stat().st_mode & 0o777 == 0o700
    assert KeystoreSigner.load(**files).address == address
    assert keystore_address(files["keystore"]) == address
    assert sorted(path.name for path in files["keystore"].parent.iterdir()) == ["keystore.json", "password"]


def test_a_keystore_is_never_overwritten(files):
    create_keystore(**files, iterations=2)
    before = files["keystore"].read_bytes()
    with pytest.raises(ConflictError, match="already"):
        create_keystore(**files, iterations=2)
    assert files["keystore"].read_bytes() == before


def test_a_signature_is_the_signers_and_reads_back(files):
    create_keystore(**files, iterations=2)
    signer = KeystoreSigner.load(**files)
    signed = signer.sign(TRANSACTION)
    assert Account.recover_transaction(signed.raw) == signer.address
    assert read_signed(signed.raw) == TRANSACTION
    found = recover(signed.raw)
    assert (found.signer, found.tx_hash, found.transaction) == (signer.address, signed.tx_hash, TRANSACTION)
    assert signer.sign(TRANSACTION) == signed  # so a crash before the commit cannot make two of one


@pytest.mark.parametrize("raw", [b"", b"\2", b"\2\xc0", b"\xff" * 40, b"\2\xf8\x6f" + b"\1" * 90])
def test_bytes_that_nobody_signed_are_named_as_such(raw):
    with pytest.raises(ImplausibleData, match="not a signed transaction"):
        recover(raw)


@pytest.mark.parametrize("which", ["keystore", "password_file"])
def test_files_that_others_can_read_are_refused(files, which):
    create_keystore(**files, iterations=2)
    files[which].chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        KeystoreSigner.load(**files)


def test_a_missing_key_says_how_to_make_one(files):
    with pytest.raises(MissingTool, match=r"manage\.py executor init"):
        KeystoreSigner.load(**files)


@pytest.mark.parametrize("damage", ["wrong password", "no json", "another json"])
def test_a_key_that_does_not_open_is_named_without_its_password(files, damage):
    create_keystore(**files, iterations=2)
    if damage == "wrong password":
        files["password_file"].write_text("guess", encoding="ascii")
    else:
        files["keystore"].write_text("{" if damage == "no json" else json.dumps({"version": 3}), encoding="ascii")
    with pytest.raises(InputError, match="not a keystore") as caught:
        KeystoreSigner.load(**files)
    assert files["password_file"].read_text(encoding="ascii") not in str(caught.value.as_dict())
