"""Encryption of stored secrets that must be read again, with a key outside the database.

AES-256-GCM with a random nonce; each purpose has a key of its own, derived from GATEWAY_SECRET by
HKDF (RFC 5869), which `auth.reencryption` rotates. A ciphertext for one person or purpose does not
decrypt for another. Where equal texts must have equal ciphertexts, it is AES-256-SIV (RFC 5297),
which takes no nonce.
"""

import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth.settings import AuthSettings

NONCE = 12
"""Bytes of a nonce; random ones may repeat after 2 ** 32 messages under one key."""
GCM_KEY, SIV_KEY = 32, 64
"""Bytes of the keys; SIV uses one half to authenticate and the other to encrypt."""


def encrypt(settings: AuthSettings, purpose: str, owner: bytes, text: bytes) -> bytes:
    """Return the text encrypted: a nonce, then the ciphertext with its tag."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + _cipher(settings, purpose).encrypt(nonce, text, owner)


def decrypt(settings: AuthSettings, purpose: str, owner: bytes, sealed: bytes) -> bytes | None:
    """Return the text decrypted; None for another purpose or owner, or a key that is unknown.

    The keys of GATEWAY_FORMER_SECRETS are tried after that of GATEWAY_SECRET.
    """
    for secret in (settings.gateway_secret, *settings.gateway_former_secrets):
        text = _opened(secret.get_secret_value(), purpose, owner, sealed)
        if text is not None:
            return text
    return None


def is_current(settings: AuthSettings, purpose: str, owner: bytes, sealed: bytes) -> bool:
    """Return whether this was encrypted with the present GATEWAY_SECRET."""
    secret = settings.gateway_secret.get_secret_value()
    return _opened(secret, purpose, owner, sealed) is not None


def deterministic(settings: AuthSettings, purpose: str) -> AESSIV:
    """Return a cipher with equal ciphertexts for equal texts; it discloses nothing but equality."""
    return AESSIV(_key(settings.gateway_secret.get_secret_value(), purpose, SIV_KEY))


def _opened(secret: str, purpose: str, owner: bytes, sealed: bytes) -> bytes | None:
    cipher = AESGCM(_key(secret, purpose, GCM_KEY))
    try:
        return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], owner)
    except (InvalidTag, ValueError):
        return None


def _cipher(settings: AuthSettings, purpose: str) -> AESGCM:
    return AESGCM(_key(settings.gateway_secret.get_secret_value(), purpose, GCM_KEY))


@lru_cache(maxsize=32)
def _key(secret: str, purpose: str, length: int) -> bytes:
    return HKDF(SHA256(), length, None, purpose.encode()).derive(secret.encode())
