"""The scopes of tokens, in words for the people who are asked for them."""

from auth.policy import PRODUCTS

SUBJECTS = {
    "organizations": "your organizations, their projects and the people in them",
    "requirements": "your documents, requirements, tests and the links between them",
}
"""What the scopes of a product are about."""

SCOPES = {
    scope: words
    for product in PRODUCTS
    for scope, words in {
        f"{product}:read": f"See {SUBJECTS[product]}",
        f"{product}:write": f"See, create, change and delete {SUBJECTS[product]}",
    }.items()
} | {"admin": "Do everything that you may do, in your name"}
"""Every scope, and what an application with it can do. Scopes only narrow what the person may."""


def allows_everything(scopes: str | None) -> bool:
    """Whether these scopes, separated by spaces, narrow nothing."""
    return "admin" in (scopes or "").split()


def in_words(scopes: str) -> list[str]:
    """What these scopes, separated by spaces, allow; a scope that another includes is left out."""
    wanted = set(scopes.split())
    if "admin" in wanted:
        wanted = {"admin"}
    included = {scope.replace(":write", ":read") for scope in wanted if scope.endswith(":write")}
    return [words for scope, words in SCOPES.items() if scope in wanted - included]
