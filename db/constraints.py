"""The rules PostgreSQL enforces on columns, and what to say to whoever breaks one.

Each constraint's name says its table, its column and its rule (`ck_projects_slug_format`), and its
`info` holds the sentence for the client: `explain` turns the name in an error into both.
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

from db.base import Base

LONGEST_NAME = 500
LONGEST_SLUG = 63


class Violation(NamedTuple):
    """The column at fault, and a sentence for the client."""

    column: str
    message: str


BY_TRIGGER = {
    "ck_organization_members_user_id_serves": Violation(
        "user_id", "A service account belongs to one organization."
    ),
    "ck_organization_members_role_serves": Violation(
        "role", "A service account is never an owner."
    ),
    "ck_organization_clients_service_account_id_serves": Violation(
        "service_account_id", "An application acts as a service account of its organization."
    ),
    "ck_api_keys_service_account_id_serves": Violation(
        "service_account_id", "An API key acts as a service account of its organization."
    ),
    "ck_user_roles_admin_role_serves": Violation(
        "admin_role", "A service account is never an owner."
    ),
}
"""What triggers refuse, under names like those of checks."""


def explain(constraint: str) -> Violation | None:
    """What the violation of the constraint, unique index or foreign key of this name means."""
    if constraint in BY_TRIGGER:
        return BY_TRIGGER[constraint]
    for table in Base.metadata.tables.values():
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
    """A check named `ck_<table>_<column>_<rule>`."""
    return CheckConstraint(
        sql, name=f"{column}_{rule}", info={"column": column, "message": message}
    )


def not_blank(column: str = "name", longest: int = LONGEST_NAME) -> tuple[CheckConstraint, ...]:
    """More than white space, and no longer than this many characters."""
    return (
        check(column, "not_blank", f"{column} ~ '\\S'", f"{_words(column)} must not be blank."),
        check(
            column,
            "length",
            f"char_length({column}) <= {longest}",
            f"{_words(column)} must not be longer than {longest} characters.",
        ),
    )


def slug_format() -> CheckConstraint:
    """Lower-case letters and digits in words joined by single hyphens, as one DNS label."""
    return check(
        "slug",
        "format",
        f"slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= {LONGEST_SLUG}",
        f"A slug has at most {LONGEST_SLUG} lower-case letters and digits, joined by hyphens.",
    )


def email_format() -> CheckConstraint:
    """One @ between parts without white space; 254 characters at most (RFC 5321, 4.5.3.1.3)."""
    return check(
        "email",
        "format",
        r"email ~ '^[^@\s]+@[^@\s]+$' AND char_length(email) <= 254",
        "This is not an e-mail address.",
    )


def finite(column: str = "position") -> CheckConstraint:
    """A number that can be ordered and halved: neither NaN nor infinite."""
    return check(
        column,
        "finite",
        f"{column} > '-Infinity' AND {column} < 'Infinity'",  # NaN sorts above infinity
        f"{_words(column)} must be a finite number.",
    )


def positive(column: str) -> CheckConstraint:
    """More than zero."""
    return check(column, "positive", f"{column} > 0", f"{_words(column)} must be more than zero.")


def not_negative(column: str) -> CheckConstraint:
    """Zero or more."""
    return check(
        column, "not_negative", f"{column} >= 0", f"{_words(column)} must not be less than zero."
    )


def later(column: str, than: str = "created_at") -> CheckConstraint:
    """A time after that of another column."""
    return check(
        column,
        "later",
        f"{column} > {than}",
        f"{_words(column)} must be later than {_words(than).lower()}.",
    )


def json_objects(*columns: str) -> tuple[CheckConstraint, ...]:
    """JSON objects, not arrays or scalars."""
    return tuple(_json(column, "object") for column in columns)


def json_arrays(*columns: str) -> tuple[CheckConstraint, ...]:
    """JSON arrays, not objects or scalars."""
    return tuple(_json(column, "array") for column in columns)


def _json(column: str, kind: str) -> CheckConstraint:
    return check(
        column,
        kind,
        f"jsonb_typeof({column}) = '{kind}'",
        f"{_words(column)} must be a JSON {kind}.",
    )


def digest(column: str) -> CheckConstraint:
    """A SHA-256 digest in lower-case hexadecimal, so that no secret is stored by mistake."""
    return check(column, "digest", f"{column} ~ '^[0-9a-f]{{64}}$'", "This is not a digest.")


def thumbprint(column: str) -> CheckConstraint:
    """The SHA-256 thumbprint of a public key in base64url (RFC 7638)."""
    return check(
        column, "thumbprint", f"{column} ~ '^[A-Za-z0-9_-]{{43}}$'", "This is not a thumbprint."
    )


def unique(*columns: str, message: str | None = None) -> UniqueConstraint:
    """A key that foreign keys point to, or that also deleted rows keep."""
    return UniqueConstraint(*columns, info=_taken(columns, message))


def unique_live(
    table: str, *columns: str, where: str = "", message: str | None = None, **options: Any
) -> Index:
    """A key of the rows that are not deleted, so that a name can be used again.

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


def deleted_index(table: str) -> Index:
    """The few deleted rows, so that hiding the children of deleted parents costs nothing."""
    return Index(f"ix_{table}_deleted", "id", postgresql_where=text("deleted_at IS NOT NULL"))


def trash_index(table: str) -> Index:
    """The few deleted rows of a tenant in the order of their deletion, for those who look there."""
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
    return column.removesuffix("_id").replace("_", " ").capitalize()
