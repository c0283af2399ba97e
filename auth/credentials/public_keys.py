"""Public keys of applications, in JWKs that they have written themselves."""

from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that only its owner may know (RFC 7518, section 6)."""
RSA_BITS = range(2048, 4097)
RSA_EXPONENT = 65537
"""The only public exponent accepted: a large one would make verification slow."""

KINDS: dict[str, type[ECKey | OKPKey | RSAKey]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}


class InvalidKeyError(Exception):
    """The key is not accepted; the message says why."""


def public_key(jwk: dict[str, Any]) -> Key:
    """Return the key. Raises InvalidKeyError; a malformed JWK raises any error."""
    if PRIVATE & jwk.keys():
        raise InvalidKeyError("jwk holds a private key. Keep it to yourself, and make another.")
    key = KINDS[jwk["kty"]].import_key(jwk)
    if isinstance(key, RSAKey):
        numbers = key.public_key.public_numbers()
        if numbers.n.bit_length() not in RSA_BITS or numbers.e != RSA_EXPONENT:
            raise InvalidKeyError("RSA keys have 2048 to 4096 bits, and the exponent 65537.")
    return key
