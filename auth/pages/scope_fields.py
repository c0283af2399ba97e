"""The scopes as fields of a form: a check box for each."""

from collections.abc import Collection, Mapping

from auth.policy.scope_names import SCOPES


def ticked(fields: Mapping[str, str]) -> list[str]:
    """Return the scopes whose boxes are checked in a form."""
    return [scope for scope in SCOPES if _name(scope) in fields]


def boxes(
    chosen: Collection[str], words_of: Mapping[str, str] = SCOPES
) -> list[tuple[str, str, bool]]:
    """Return, for each scope, its field, its rights in words, and whether it is checked."""
    return [(_name(scope), words, scope in chosen) for scope, words in words_of.items()]


def _name(scope: str) -> str:
    """Return the name of the field that is sent when the scope is checked."""
    return f"scope:{scope}"
