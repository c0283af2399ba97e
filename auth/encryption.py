"""What has to be kept and read again is encrypted, with a key that is not in the database.

AES-256-GCM with a random nonce; each purpose has a key of its own, made of GATEWAY_SECRET by HKDF
(RFC 5869). What is encrypted for one person or purpose does not open for another.
"""

import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth.settings import AuthSettings

NONCE = 12
"""Bytes; random ones may be repeated after 2 ** 32 messages under one key."""


def encrypt(settings: AuthSettings, purpose: str, owner: bytes, text: bytes) -> bytes:
    """The text for nobody but us: a nonce, then the ciphertext with its seal."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + _cipher(settings, purpose).encrypt(nonce, text, owner)


def decrypt(settings: AuthSettings, purpose: str, owner: bytes, sealed: bytes) -> bytes | None:
    """The text again; None when it is not of this purpose and owner, or of another secret."""
    try:
        return _cipher(settings, purpose).decrypt(sealed[:NONCE], sealed[NONCE:], owner)
    except (InvalidTag, ValueError):
        return None


def _cipher(settings: AuthSettings, purpose: str) -> AESGCM:
    return AESGCM(_key(settings.gateway_secret.get_secret_value(), purpose))


@lru_cache(maxsize=8)
def _key(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, purpose.encode()).derive(secret.encode())
