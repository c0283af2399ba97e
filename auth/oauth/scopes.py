"""The scopes of tokens, in words for the people who are asked for them."""

from collections.abc import Mapping

from auth.policy import PRODUCTS

SUBJECTS = {
    "organizations": "organizations, their projects and the people in them",
    "requirements": "documents, requirements, tests and the links between them",
}
"""What the scopes of a product are about."""


def _worded(whose: str, everything: str) -> dict[str, str]:
    return {
        scope: words
        for product in PRODUCTS
        for scope, words in {
            f"{product}:read": f"See {whose} {SUBJECTS[product]}",
            f"{product}:write": f"See, create, change and delete {whose} {SUBJECTS[product]}",
        }.items()
    } | {"admin": everything}


SCOPES = _worded("your", "Do everything that you may do, in your name")
"""Every scope, and what an application with it can do. Scopes only narrow what the person may."""
OF_SERVICE = _worded("its", "Do everything that its role allows")
"""The same of what acts as a service account."""


def allows_everything(scopes: str | None) -> bool:
    """Whether these scopes, separated by spaces, narrow nothing."""
    return "admin" in (scopes or "").split()


def in_words(scopes: str, words_of: Mapping[str, str] = SCOPES) -> list[str]:
    """What these scopes, separated by spaces, allow; a scope that another includes is left out."""
    wanted = set(scopes.split())
    if "admin" in wanted:
        wanted = {"admin"}
    included = {scope.replace(":write", ":read") for scope in wanted if scope.endswith(":write")}
    return [words for scope, words in words_of.items() if scope in wanted - included]
