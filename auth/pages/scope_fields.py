"""The scopes as fields of a form: each one a box to tick."""

from collections.abc import Collection, Mapping

from auth.oauth.scopes import SCOPES


def ticked(fields: Mapping[str, str]) -> list[str]:
    """The scopes whose boxes are ticked in a form."""
    return [scope for scope in SCOPES if _name(scope) in fields]


def boxes(
    chosen: Collection[str], words_of: Mapping[str, str] = SCOPES
) -> list[tuple[str, str, bool]]:
    """For each scope its field, what it allows in words, and whether it is ticked."""
    return [(_name(scope), words, scope in chosen) for scope, words in words_of.items()]


def _name(scope: str) -> str:
    """The field that is there when the scope has been ticked."""
    return f"scope:{scope}"
