"""Signed addresses of the gateway: one method, one path, these parameters, until a time."""

import hmac
import time
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote, urlencode

from db.problem import Problem
from graph.settings import Settings

SIGNATURE, EXPIRES = "signature", "expires"
KIND = b"address\0"
"""The domain separator of these signatures among others with the same secret."""


class SignedAddress:
    """Signs addresses by HMAC (RFC 2104) with a key of the gateway's secret, and verifies them."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.gateway_secret.get_secret_value().encode()
        self._base = settings.url

    def url(self, method: str, path: str, life: timedelta, **parameters: str) -> str:
        """Return the address at which this method is allowed for this time."""
        given = {**parameters, EXPIRES: str(int(time.time() + life.total_seconds()))}
        given[SIGNATURE] = self._signature(method, path, given)
        return f"{self._base}{path}?{urlencode(given, quote_via=quote)}"

    def verify(self, method: str, path: str, parameters: Mapping[str, str]) -> None:
        """Raise FORBIDDEN unless the address was signed for this, and its time is not over."""
        given = dict(parameters)
        signature = given.pop(SIGNATURE, "")
        expected = self._signature(method, path, given)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise Problem("FORBIDDEN", "The URL is not valid.")
        if int(given[EXPIRES]) < time.time():
            raise Problem("FORBIDDEN", "The URL has expired.")

    def _signature(self, method: str, path: str, given: Mapping[str, str]) -> str:
        signed = "\n".join((method, path, urlencode(sorted(given.items()), quote_via=quote)))
        return hmac.new(self._key, KIND + signed.encode(), "sha256").hexdigest()
