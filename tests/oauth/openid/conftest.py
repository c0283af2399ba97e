"""Applications that identify people: Authlib's client of OpenID Connect, and forged tokens."""

import base64
import json
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from authlib.integrations.starlette_client import OAuth
from joserfc.jwk import RSAKey
from joserfc.jwt import encode
from starlette.applications import Starlette

from tests import networks
from tests.oauth.conftest import ISSUER, Application, Person, arrive

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
STRANGER = RSAKey.generate_key(2048)
"""A key that the gateway has never had."""

Relying = Callable[[Application], Any]
SignIn = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def relying(app: Starlette) -> Relying:
    """Return a function that configures Authlib with nothing but discovery and the client."""

    def relying(application: Application) -> Any:
        transport = httpx2.ASGITransport(app, client=(networks.address(), 50000))
        return OAuth().register(
            "gateway",
            client_id=application.client_id,
            client_secret=application.secret,
            server_metadata_url=DISCOVERY,
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "transport": transport,
            },
        )

    return relying


@pytest.fixture
def identified(relying: Relying) -> SignIn:
    """Return a function with which a person signs in to an application built on Authlib."""

    async def identified(application: Application, person: Person, **asked: str) -> dict[str, Any]:
        client = relying(application)
        session: dict[str, Any] = {}
        sent = await client.authorize_redirect(
            SimpleNamespace(session=session), application.callback, **asked
        )
        answer = await arrive(person.browser, sent.headers["location"])
        query = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
        assert query["iss"] == ISSUER
        request = SimpleNamespace(session=session, query_params=query, method="GET", scope={})
        token: dict[str, Any] = await client.authorize_access_token(request)
        return token

    return identified


def read(id_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims, unverified."""
    header, claims, _ = id_token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))


def claimed(person: Person, application: Application, **change: Any) -> dict[str, Any]:
    """Return the claims of an ID token; None leaves one out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": str(person.id),
        "aud": application.client_id,
        "iat": now,
        "exp": now + 3600,
    } | change
    return {name: value for name, value in claims.items() if value is not None}


def forged(claims: dict[str, Any], key: Any = STRANGER, **header: Any) -> str:
    """Return a token that somebody else has signed."""
    top = {"alg": "RS256", "typ": "JWT"} | header
    return encode(top, claims, key, algorithms=[top["alg"]])


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    """Return a token of the algorithm `none`."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'} | header)}.{part(claims)}."
