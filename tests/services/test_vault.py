"""The vault: a secret at rest opens for its own row and purpose only, in either format, under any key of the ring."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask

from services import vault
from tests.conftest import SECRETS
from tests.resources.conftest import app_with

UNUSED = Path("/nowhere/never-opened.db")
KEY = SECRETS["FERNET_KEY"]
NEWER = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()


FORMATS = ["fernet", "aes-256-gcm"]


@pytest.fixture(scope="module", params=FORMATS)
def standing(request: pytest.FixtureRequest) -> Flask:
    return app_with(UNUSED, ENCRYPTION_FORMAT=request.param)


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
@pytest.mark.parametrize(
    "sealed",
    [
        *("", "x", "gAAAA", "é", "x" * 1000, Fernet(NEWER).encrypt(b'["letter", "row", 1]').decode()),
        *("v2.", "v2.AAAA", "v2.é", "v2." + "A" * 36, "v2." + "A" * 1000, "v3." + "A" * 1000, "v2.gAAAA"),
    ],
)
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


@pytest.mark.usefixtures("inside")
def test_a_ciphertext_without_its_mark_or_with_another_is_refused() -> None:
    sealed = vault.seal("letter", "row", "secret")
    for changed in (f"v2.{sealed}", sealed.removeprefix("v2."), sealed.replace("v2.", "v1.", 1)):
        if changed != sealed:
            assert not vault.opens("letter", "row", changed)


@pytest.mark.parametrize("sealing", FORMATS)
def test_each_format_is_read_whichever_is_configured(sealing: str) -> None:
    with app_with(UNUSED, ENCRYPTION_FORMAT=sealing).app_context():
        sealed = vault.seal("letter", "row", {"a": 1})
    for reading in FORMATS:
        with app_with(UNUSED, ENCRYPTION_FORMAT=reading).app_context():
            assert vault.reveal("letter", "row", sealed) == {"a": 1}
            assert vault.resealed("letter", "row", sealed).startswith({"fernet": "gAAAA", "aes-256-gcm": "v2."}[reading])


def test_fernet_is_written_unless_another_format_is_set() -> None:
    """The release before reads nothing else."""
    with app_with(UNUSED).app_context():
        assert Fernet(KEY).decrypt(vault.seal("letter", "row", 1)) == b'["letter", "row", 1]'


def test_the_new_format_is_aes_256_gcm_under_a_derived_key_with_row_and_purpose_as_associated_data() -> None:
    with app_with(UNUSED, ENCRYPTION_FORMAT="aes-256-gcm").app_context():
        sealed = vault.seal("letter", "row", "secret")
    key = HKDF(SHA256(), 32, salt=None, info=b"latchkey AES-256-GCM at rest").derive(KEY.encode())
    raw = base64.urlsafe_b64decode(sealed.removeprefix("v2."))
    assert AESGCM(key).decrypt(raw[:12], raw[12:], b'["letter", "row"]') == b'"secret"'


@pytest.mark.parametrize("chosen", FORMATS)
def test_the_first_key_seals_and_every_key_of_the_ring_opens(chosen: str) -> None:
    with app_with(UNUSED, FERNET_KEY=KEY, ENCRYPTION_FORMAT=chosen).app_context():
        old = vault.seal("letter", "row", 1)
    with app_with(UNUSED, FERNET_KEY=f"{NEWER},{KEY}", ENCRYPTION_FORMAT=chosen).app_context():
        assert vault.reveal("letter", "row", old) == 1
        new = vault.seal("letter", "row", 2)
    with app_with(UNUSED, FERNET_KEY=NEWER, ENCRYPTION_FORMAT=chosen).app_context():
        assert vault.reveal("letter", "row", new) == 2
        with pytest.raises(vault.VaultRefused):
            vault.reveal("letter", "row", old)


@pytest.mark.usefixtures("inside")
def test_no_two_ciphertexts_have_the_same_nonce() -> None:
    sealed = [vault.seal("letter", "one", "the same") for _ in range(2000)]
    place = slice(3, 19) if sealed[0].startswith("v2.") else slice(12, 33)  # 12 bytes; 15 after version and time
    nonces = {text[place] for text in sealed}
    assert len(nonces) == 2000
