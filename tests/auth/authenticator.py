"""An authenticator in software: it registers passkeys and answers as WebAuthn says, or not quite.

Each argument that changes an answer makes it what an attacker or a broken device would send.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN, DOMAIN = "http://localhost:8000", "localhost"
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
USUAL = PRESENT | VERIFIED
SYNCHRONIZED = USUAL | ELIGIBLE | BACKED_UP


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def options_of(page: str, kind: str) -> dict[str, Any]:
    """Return the options in the form on a page that asks to `create` or `get` a credential."""
    marked = page.split(f'data-passkey="{kind}" data-options="')[1]
    found: dict[str, Any] = json.loads(unescape(marked.split('"')[0]))
    return found


@dataclass
class Authenticator:
    """One passkey, of whoever it is registered for first."""

    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    count: int = 0
    user: bytes = b""
    origin: str = ORIGIN

    def create(self, options: dict[str, Any], **changed: Any) -> str:
        """Return the answer to the options of a registration."""
        self.user = decoded(options["user"]["id"])
        credential = b"\0" * 16 + len(self.id).to_bytes(2) + self.id
        key = cbor2.dumps(self._key(changed.get("algorithm", -7)))
        flags = changed.pop("flags", USUAL) | ATTESTED
        data = self._data(flags, changed.get("domain", DOMAIN)) + credential + key
        attestation = {
            "fmt": changed.get("format", "none"),
            "attStmt": changed.get("statement", {}),
            "authData": data,
        }
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options, changed),
            "attestationObject": encoded(cbor2.dumps(attestation)),
            "transports": ["internal"],
        }
        return self._answer(response)

    def get(self, options: dict[str, Any], **changed: Any) -> str:
        """Return the answer to the options of an authentication."""
        self.count = changed.get("count", self.count + 1)
        data = self._data(changed.get("flags", USUAL), changed.get("domain", DOMAIN))
        client_data = self._client_data(changed.get("type", "webauthn.get"), options, changed)
        signed = data + sha256(decoded(client_data)).digest()
        signature = changed.get("key", self.key).sign(signed, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": encoded(data),
            "signature": encoded(signature),
        }
        user = changed.get("user", self.user)
        return self._answer(response | ({"userHandle": encoded(user)} if user else {}))

    def _key(self, algorithm: int) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: algorithm, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    def _data(self, flags: int, domain: str) -> bytes:
        return sha256(domain.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _client_data(self, kind: str, options: dict[str, Any], changed: dict[str, Any]) -> str:
        data = {
            "type": kind,
            "challenge": changed.get("challenge", options["challenge"]),
            "origin": changed.get("origin", self.origin),
            "crossOrigin": False,
        }
        return encoded(json.dumps(data).encode())

    def _answer(self, response: dict[str, Any]) -> str:
        id = encoded(self.id)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": response})
