"""The scopes of tokens, in words for the people who consent to them."""

from collections.abc import Mapping

from auth.policy import PRODUCTS

WORK = "jobs:work"
"""The scope of workers outside of the gateway that run jobs of any product."""
WORKERS = frozenset({WORK} | {f"{name}:work" for name, each in PRODUCTS.items() if each.work})
"""The scopes of workers, which no other scope but `admin` includes."""
SCIM = "scim"
"""The scope of identity providers that provision users and groups, likewise."""


def _worded(whose: str, everything: str) -> dict[str, str]:
    return {
        scope: words
        for name, product in PRODUCTS.items()
        for scope, words in {
            f"{name}:read": f"See {whose} {product.subject}",
            f"{name}:write": f"See, create, change and delete {whose} {product.subject}",
            f"{name}:work": product.work and f"Run {product.work.format(whose)}",
        }.items()
        if words
    } | {
        WORK: f"Run background jobs of {whose} organizations, and see their arguments",
        SCIM: f"Provision users and groups of {whose} organization by SCIM",
        "admin": everything,
    }


SCOPES = _worded("your", "Do everything that you may do, in your name")
"""The rights of each scope, in words. Scopes only narrow the rights of the person."""
IDENTITY = "openid"
"""The scope of OpenID Connect: it brings an ID token and the user information, and no data."""
PROFILE, EMAIL = "profile", "email"
OPENID_SCOPES = {
    IDENTITY: "Recognize you by the ID of your account",
    PROFILE: "See your name, language and time zone",
    EMAIL: "See your email address",
    "offline_access": "Go on while you are not there",
}
"""Scopes of OpenID Connect, which any application may request. None of them reaches the API.

Refresh tokens are issued to every application that is registered for them: `offline_access` adds
nothing.
"""
OPEN_SCOPES = tuple(scope for scope in SCOPES if scope not in {*WORKERS, SCIM, "admin"})
"""The scopes that are requested by default: all but `admin`, that of workers and that of SCIM."""
OF_SERVICE = _worded("its", "Do everything that its role allows")
"""The rights of each scope for a service account, in words."""


def allows_everything(scopes: str | None) -> bool:
    """Return whether these scopes, separated by spaces, narrow nothing."""
    return "admin" in (scopes or "").split()


def in_words(scopes: str, words_of: Mapping[str, str] = SCOPES | OPENID_SCOPES) -> list[str]:
    """Return the rights of these scopes, separated by spaces, in words, without included scopes."""
    wanted = set(scopes.split())
    if "admin" in wanted:
        wanted = {"admin"} | wanted & OPENID_SCOPES.keys()
    included = {scope.replace(":write", ":read") for scope in wanted if scope.endswith(":write")}
    return [words for scope, words in words_of.items() if scope in wanted - included]
