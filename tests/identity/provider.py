"""An identity provider on this machine, which tests make lie in every way."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "gateway", "a secret of the client"


class Provider:
    """A provider: its keys, the codes that it has issued, and what it says."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
        self.published = [self.key]
        self.codes: dict[str, dict[str, Any]] = {}
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        """Claims that replace those of the person; None removes one."""
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.user_info: dict[str, Any] | None = None
        self.calls: list[str] = []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/jwks", self.jwks),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
            ]
        )

    async def discovery(self, request: Request) -> Response:
        self.calls.append("discovery")
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return JSONResponse({name: one for name, one in document.items() if one is not None})

    async def jwks(self, request: Request) -> Response:
        self.calls.append("jwks")
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.published]})

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        asked = self.codes.pop(form.get("code", [""])[0], None)
        verifier = form.get("code_verifier", [""])[0]
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if asked["redirect_uri"] != form.get("redirect_uri", [""])[0]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if not request.headers.get("authorization", "").startswith("Basic "):
            return JSONResponse({"error": "invalid_client"}, 401)
        claims = {**asked["claims"], **self.claims}
        claims = {name: one for name, one in claims.items() if one is not None}
        return JSONResponse(
            {"access_token": "a", "token_type": "Bearer", "id_token": self.sign(claims)}
        )

    async def userinfo(self, request: Request) -> Response:
        return JSONResponse(self.user_info or {})

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        key = key or self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def answer(self, url: str, person: dict[str, Any], **changed: str | None) -> str:
        """Sign a person in at an authorization URL; return the path and query of the way back."""
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert url.startswith(f"{self.issuer}/authorize?")
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert set(asked["scope"].split()) == {"openid", "email", "profile"}
        code, now = uuid4().hex, int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "sid": f"session of {person['sub']}",
            **person,
        }
        self.codes[code] = {**asked, "claims": claims}
        back = urlsplit(asked["redirect_uri"])
        values = {"code": code, "state": asked["state"], "iss": self.issuer, **changed}
        query = urlencode({name: one for name, one in values.items() if one is not None})
        return f"{back.path}?{query}"

    def logout_token(self, **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            **changed,
        }
        return self.signed({name: one for name, one in claims.items() if one is not None})
