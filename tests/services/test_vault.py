"""The vault: a secret at rest opens for its own row and purpose only, under any key of the ring."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from services import vault
from tests.conftest import SECRETS
from tests.resources.conftest import app_with

UNUSED = Path("/nowhere/never-opened.db")
KEY = SECRETS["FERNET_KEY"]
NEWER = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()


@pytest.fixture(scope="module")
def standing() -> Flask:
    return app_with(UNUSED)


@pytest.fixture
def inside(standing: Flask) -> Iterator[None]:
    with standing.app_context():
        yield


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("value", ["", "text", "\u0000é🙂", None, 7, [1, [2]], {"a": {"b": None}}, "x" * 100_000])
def test_what_is_sealed_comes_out_again(value: Any) -> None:
    sealed = vault.seal("letter", "row", value)
    assert vault.reveal("letter", "row", sealed) == value
    assert sealed != vault.seal("letter", "row", value)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("purpose", "owner"), [("letter", "other"), ("totp", "row"), ("", ""), ("row", "letter"), ("letter", "ROW"), ("letter", "")]
)
def test_another_row_or_purpose_is_refused(purpose: str, owner: str) -> None:
    sealed = vault.seal("letter", "row", {"to": "ada@example.org"})
    with pytest.raises(vault.VaultRefused):
        vault.reveal(purpose, owner, sealed)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("sealed", ["", "x", "gAAAA", "é", "x" * 1000, Fernet(NEWER).encrypt(b'["letter", "row", 1]').decode()])
def test_what_we_did_not_seal_is_refused(sealed: str) -> None:
    with pytest.raises(vault.VaultRefused):
        vault.reveal("letter", "row", sealed)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("inner", [b"", b"{}", b"[]", b'["letter", "row"]', b'["letter", "row", 1, 2]', b"\xff", b'"abc"'])
def test_what_we_sealed_in_another_form_is_refused(inner: bytes) -> None:
    with pytest.raises(vault.VaultRefused):
        vault.reveal("letter", "row", Fernet(KEY).encrypt(inner).decode())


@pytest.mark.usefixtures("inside")
def test_a_changed_byte_is_refused() -> None:
    sealed = vault.seal("letter", "row", "secret")
    for index in range(0, len(sealed) - 2, 9):
        changed = sealed[:index] + ("A" if sealed[index] != "A" else "B") + sealed[index + 1 :]
        with pytest.raises(vault.VaultRefused):
            vault.reveal("letter", "row", changed)


def test_the_first_key_seals_and_every_key_of_the_ring_opens() -> None:
    with app_with(UNUSED, FERNET_KEY=KEY).app_context():
        old = vault.seal("letter", "row", 1)
    with app_with(UNUSED, FERNET_KEY=f"{NEWER},{KEY}").app_context():
        assert vault.reveal("letter", "row", old) == 1
        new = vault.seal("letter", "row", 2)
    with app_with(UNUSED, FERNET_KEY=NEWER).app_context():
        assert vault.reveal("letter", "row", new) == 2
        with pytest.raises(vault.VaultRefused):
            vault.reveal("letter", "row", old)


@pytest.mark.usefixtures("inside")
def test_no_two_ciphertexts_have_the_same_nonce() -> None:
    sealed = [vault.seal("letter", "one", "the same") for _ in range(2000)]
    nonces = {base64.urlsafe_b64decode(text)[9:25] for text in sealed}  # after version and time, 16 bytes
    assert len(nonces) == 2000
