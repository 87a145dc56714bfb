"""WebAuthn with a security key made of software (W3C Web Authentication, attestation "none")."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from hostd.access import webauthn
from hostd.core.errors import Invalid, NotAuthenticated, Unsupported

fido2 = pytest.importorskip("fido2", reason="python3-fido2 is not installed")
ORIGIN = "https://host.example:8006"


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


class SoftKey:
    """Answers challenges as a browser with a key does."""

    def __init__(self) -> None:
        self.key, self.id, self.count = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), 0

    def _client(self, type: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": type, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def _head(self, party: str, flags: int) -> bytes:
        self.count += 1
        return hashlib.sha256(party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def register(self, options: dict[str, Any], *, origin: str = ORIGIN) -> str:
        from fido2 import cbor
        from fido2.cose import ES256

        public = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))
        head = self._head(options["rp"]["id"], 0x41)
        data = head + bytes(16) + len(self.id).to_bytes(2) + self.id + public
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"], origin)
        return self._answer({"attestationObject": b64(attestation), "clientDataJSON": b64(client)})

    def sign(self, options: dict[str, Any], *, origin: str = ORIGIN) -> str:
        data, client = self._head(options["rpId"], 0x01), self._client("webauthn.get", options["challenge"], origin)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {"authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signature)}
        )

    def _answer(self, response: dict[str, str]) -> str:
        return json.dumps({"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response})


@pytest.fixture
def party() -> webauthn.RelyingParty:
    return webauthn.RelyingParty.from_options({"keyboard": "de", "webauthn": {"id": "host.example", "origin": ORIGIN}})


def test_a_key_registers_and_logs_in(party: webauthn.RelyingParty) -> None:
    key = SoftKey()
    challenge, state = webauthn.begin_registration(party, "zoe@pve", [])
    stored = [webauthn.finish_registration(party, state, key.register(json.loads(challenge)["publicKey"]))]
    asked = webauthn.begin_login(party, stored)
    answer = key.sign(asked["publicKey"])
    number, counter = webauthn.finish_login(party, asked, stored, answer)
    assert (number, counter) == (0, 2)
    with pytest.raises(NotAuthenticated):  # a copy that is behind
        webauthn.finish_login(party, asked, [{**stored[0], "counter": 2}], answer)
    other = webauthn.begin_login(party, stored)
    for wrong in (answer, key.sign(other["publicKey"], origin="https://evil.example"), "{}", "rubbish"):
        with pytest.raises(NotAuthenticated):
            webauthn.finish_login(party, other, stored, wrong)
    with pytest.raises(NotAuthenticated):
        webauthn.finish_login(party, other, stored, SoftKey().sign(other["publicKey"]))


def test_a_registration_for_another_site_is_refused(party: webauthn.RelyingParty) -> None:
    challenge, state = webauthn.begin_registration(party, "zoe@pve", [])
    answer = SoftKey().register(json.loads(challenge)["publicKey"], origin="https://evil.example")
    with pytest.raises(Invalid):
        webauthn.finish_registration(party, state, answer)


def test_without_a_relying_party_it_says_what_is_missing() -> None:
    with pytest.raises(Unsupported, match="webauthn: id="):
        webauthn.RelyingParty.from_options({"keyboard": "de"})
