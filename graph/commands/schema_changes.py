"""The changes of the schema since a released one, sorted by their effect on clients."""

from collections.abc import Iterable

from graphql import (
    BreakingChange,
    DangerousChange,
    GraphQLError,
    GraphQLSchema,
    SafeChange,
    SchemaChange,
    build_schema,
    find_schema_changes,
    is_specified_directive,
)

SECTIONS: tuple[tuple[type[SchemaChange], str, str], ...] = (
    (BreakingChange, "Breaking", "A valid operation can fail, or a response lose a field."),
    (DangerousChange, "Dangerous", "An operation stays valid, but can behave differently."),
    (SafeChange, "Safe", "Every operation behaves as before."),
)
HEAD = "# Changes of the schema since the last release\n"
NONE = "\nNone.\n"


def schema_changes(released: str, current: str) -> str:
    """Return a Markdown page of the changes between two schemas in SDL. Raises SchemaFileError."""
    changes = find_schema_changes(_built(released), _built(current))
    sections = [
        section
        for kind, title, meaning in SECTIONS
        if (section := _section(title, meaning, (c for c in changes if isinstance(c, kind))))
    ]
    return HEAD + ("".join(sections) or NONE)


class SchemaFileError(Exception):
    """The file holds no GraphQL schema; the message says where it ends to be one."""


def _built(sdl: str) -> GraphQLSchema:
    try:
        schema = build_schema(sdl, assume_valid_sdl=True)
    except (GraphQLError, TypeError) as error:
        line = str(error).partition("\n")[0]
        raise SchemaFileError(f"The file holds no GraphQL schema: {line}") from error
    # What the specification defines is the same in both, however the two texts describe it.
    schema.directives = tuple(d for d in schema.directives if not is_specified_directive(d))
    return schema


def _section(title: str, meaning: str, changes: Iterable[SchemaChange]) -> str:
    lines = sorted({f"* {change.description}\n" for change in changes})
    return f"\n## {title}\n\n{meaning}\n\n{''.join(lines)}" if lines else ""
