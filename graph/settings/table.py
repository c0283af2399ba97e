"""Prints the settings as a table, for the README and `gateway settings`."""

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from graph.settings import Settings


def table() -> str:
    """Return every setting as a Markdown table, for the README and `gateway settings`."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{name.upper()}` | {_default(field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "" if value in (None, "", ()) else f"`{value}`"
