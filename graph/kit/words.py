"""The names of types in other forms: as a column's, and in a sentence."""

from re import findall

CAPITALS = {"OAuth": "OAuth", "Api": "API"} | {
    name: name for name in ("Excalidraw", "Flow", "React", "Stripe")
}
"""Parts of names that keep capitals in a sentence."""


def _parts(name: str) -> list[str]:
    return findall("OAuth|[A-Z][a-z]+", name)


def column_name(name: str) -> str:
    """Return the name of a type as that of a column: `oauth_client` of `OAuthClient`."""
    return "_".join(_parts(name)).lower()


def spoken(name: str) -> str:
    """Return the name of a type as words of a sentence: `OAuth client` of `OAuthClient`."""
    return " ".join(CAPITALS.get(part, part.lower()) for part in _parts(name))


def plural(name: str) -> str:
    """Return the plural of the name of a type: `Properties` of `Property`."""
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def with_article(name: str) -> str:
    """Return the name of a type as the start of a sentence: `An OAuth client`."""
    words = spoken(name)
    return f"An {words}" if words[0] in "aeioAO" else f"A {words}"
