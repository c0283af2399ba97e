"""Constraints that PostgreSQL enforces on columns, and their messages to clients.

Each constraint is named after its table, column and rule (`ck_projects_slug_format`), and its
`info` has the message: `explain` returns the column and the message for the name in an error.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)

from db.base import mapped_tables

MAX_NAME_LENGTH = 500
MAX_SLUG_LENGTH = 63


class Violation(NamedTuple):
    """The column at fault, and a sentence for the client."""

    column: str
    message: str


BY_TRIGGER = {
    "ck_organization_members_user_id_serves": Violation(
        "user_id", "A service account belongs to one organization."
    ),
    "ck_organization_members_role_serves": Violation(
        "role", "A service account cannot be an owner."
    ),
    "ck_organization_clients_service_account_id_serves": Violation(
        "service_account_id", "An application acts as a service account of its organization."
    ),
    "ck_api_keys_service_account_id_serves": Violation(
        "service_account_id", "An API key acts as a service account of its organization."
    ),
    "ck_webhook_endpoints_service_account_id_serves": Violation(
        "service_account_id", "A webhook endpoint reads as a service account of its organization."
    ),
    "ck_user_roles_admin_role_serves": Violation(
        "admin_role", "A service account cannot be an owner."
    ),
}
"""Violations that triggers raise, by names like those of checks."""


def explain(constraint: str) -> Violation | None:
    """Return the column and message for a violated constraint, unique index or foreign key."""
    if constraint in BY_TRIGGER:
        return BY_TRIGGER[constraint]
    for table in mapped_tables():
        rules: list[Constraint | Index] = [*table.constraints, *table.indexes]
        for rule in rules:
            if rule.name != constraint:
                continue
            if isinstance(rule, ForeignKeyConstraint):
                column, target = rule.column_keys[-1], rule.referred_table.name
                return Violation(column, f"There is no such row in {target}.")
            if "message" in rule.info:
                return Violation(rule.info["column"], rule.info["message"])
    return None


def check(column: str, rule: str, sql: str, message: str) -> CheckConstraint:
    """Return a check named `ck_<table>_<column>_<rule>`."""
    return CheckConstraint(
        sql, name=f"{column}_{rule}", info={"column": column, "message": message}
    )


def not_blank(column: str = "name", longest: int = MAX_NAME_LENGTH) -> tuple[CheckConstraint, ...]:
    """Return checks that a text is more than white space, and of `longest` characters at most."""
    return (
        check(column, "not_blank", f"{column} ~ '\\S'", f"{_words(column)} must not be blank."),
        check(
            column,
            "length",
            f"char_length({column}) <= {longest}",
            f"{_words(column)} must not be longer than {longest} characters.",
        ),
    )


def is_bounded(column: Any) -> bool:
    """Return whether a check of its table limits the characters of a text column."""
    checked = f"char_length({column.name}) <="
    rules = column.table.constraints
    return any(isinstance(rule, CheckConstraint) and checked in str(rule.sqltext) for rule in rules)


def slug_format() -> CheckConstraint:
    """Return a check for a DNS label: lower-case letters and digits, joined by single hyphens."""
    return check(
        "slug",
        "format",
        f"slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= {MAX_SLUG_LENGTH}",
        f"A slug has at most {MAX_SLUG_LENGTH} lower-case letters and digits, joined by hyphens.",
    )


def email_format() -> CheckConstraint:
    """Return a check for one @ and no white space, at most 254 characters (RFC 5321, 4.5.3.1.3)."""
    return check(
        "email",
        "format",
        r"email ~ '^[^@\s]+@[^@\s]+$' AND char_length(email) <= 254",
        "This is not an e-mail address.",
    )


def finite(column: str = "position") -> CheckConstraint:
    """Return a check that a number is neither NaN nor infinite, so it can be ordered and halved."""
    return check(
        column,
        "finite",
        f"{column} > '-Infinity' AND {column} < 'Infinity'",  # NaN sorts above infinity
        f"{_words(column)} must be a finite number.",
    )


def positive(column: str) -> CheckConstraint:
    """Return a check that a number is more than zero."""
    return check(column, "positive", f"{column} > 0", f"{_words(column)} must be more than zero.")


def not_negative(column: str) -> CheckConstraint:
    """Return a check that a number is zero or more."""
    return check(
        column, "not_negative", f"{column} >= 0", f"{_words(column)} must not be less than zero."
    )


def bounded(column: str, longest: int) -> CheckConstraint:
    """Return a check that a text, which may be blank, has at most `longest` characters."""
    return check(
        column,
        "length",
        f"char_length({column}) <= {longest}",
        f"{_words(column)} must not be longer than {longest} characters.",
    )


def within(column: str, least: float, most: float) -> CheckConstraint:
    """Return a check that a number is in a range, which includes both ends."""
    return check(
        column,
        "range",
        f"{column} BETWEEN {least} AND {most}",
        f"{_words(column)} must be from {least} to {most}.",
    )


def web_address(column: str, schemes: str = "https?", longest: int = 512) -> CheckConstraint:
    """Return a check for a URL with one of these schemes, a regular expression."""
    return check(
        column,
        "url",
        f"{column} ~ '^({schemes})://[^[:space:]]+$' AND char_length({column}) <= {longest}",
        f"{_words(column)} must be a URL of at most {longest} characters.",
    )


def later(column: str, than: str = "created_at") -> CheckConstraint:
    """Return a check that a time is after that of another column."""
    return check(
        column,
        "later",
        f"{column} > {than}",
        f"{_words(column)} must be later than {_words(than).lower()}.",
    )


def json_objects(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return checks that columns are JSON objects, not arrays or scalars."""
    return tuple(_json(column, "object") for column in columns)


def json_arrays(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return checks that columns are JSON arrays, not objects or scalars."""
    return tuple(_json(column, "array") for column in columns)


def _json(column: str, kind: str) -> CheckConstraint:
    return check(
        column,
        kind,
        f"jsonb_typeof({column}) = '{kind}'",
        f"{_words(column)} must be a JSON {kind}.",
    )


def digest(column: str) -> CheckConstraint:
    """Return a check for a SHA-256 digest in hexadecimal, so no secret is stored by mistake."""
    return check(column, "digest", f"{column} ~ '^[0-9a-f]{{64}}$'", "This is not a digest.")


def thumbprint(column: str) -> CheckConstraint:
    """Return a check for the SHA-256 thumbprint of a public key in base64url (RFC 7638)."""
    return check(
        column, "thumbprint", f"{column} ~ '^[A-Za-z0-9_-]{{43}}$'", "This is not a thumbprint."
    )


def unique(*columns: str, message: str | None = None) -> UniqueConstraint:
    """Return a unique constraint that foreign keys reference, or that deleted rows keep too."""
    return UniqueConstraint(*columns, info=_taken(columns, message))


def unique_live(
    table: str, *columns: str, where: str = "", message: str | None = None, **options: Any
) -> Index:
    """Return a unique index of the rows that are not deleted, so that a name can be used again.

    `where` narrows it further. A column may be `lower(column)`. Its name leaves the tenant out:
    `uq_<table>_<columns>`.
    """
    condition = "deleted_at IS NULL" + (f" AND {where}" if where else "")
    names = [column.removeprefix("lower(").removesuffix(")") for column in columns]
    return Index(
        f"uq_{table}_{'_'.join(names).removeprefix('organization_id_')}",
        *(text(column) if column not in names else column for column in columns),
        unique=True,
        postgresql_where=text(condition),
        info=_taken(names, message),
        **options,
    )


def deleted_index(table: str, *places: str) -> Index:
    """Return an index of the deleted rows, by which children of deleted parents are hidden.

    `places` are the columns that place each row: rows of one place are then found by the index,
    with the columns that row level security needs.
    """
    name = f"ix_{table}_deleted_in" if places else f"ix_{table}_deleted"
    return Index(name, *places, "id", postgresql_where=text("deleted_at IS NOT NULL"))


def trash_index(table: str) -> Index:
    """Return an index of a tenant's deleted rows in the order of their deletion, for the trash."""
    return Index(
        f"ix_{table}_trash",
        "organization_id",
        "deleted_at",
        "id",
        postgresql_where=text("deleted_at IS NOT NULL"),
    )


def _taken(columns: Sequence[str], message: str | None) -> dict[str, str]:
    column = columns[-1]
    taken = f"Another row has this {_words(column).lower()}."
    return {"column": column, "message": message or taken}


def _words(column: str) -> str:
    return column.replace("_", " ").capitalize()
