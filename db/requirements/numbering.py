"""Numbering: the rules by which requirements and test cases get their identifiers."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Index, Text, Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import Function

from db.base import Base, InProject, document_key, project_key
from db.constraints import check, not_negative, trash_index, unique_live
from db.fields import choice, labels, number
from db.requirements.requirements import RequirementLevel
from db.text import Identifier
from db.traits import ResourceType, Traits, Trash


class NumberedType(StrEnum):
    """The type of the rows that a rule numbers."""

    REQUIREMENT = "requirement"
    TEST_CASE = "test_case"


class NumberingRule(InProject, kw_only=True):
    """How new rows of a project, a document or a level are numbered: prefix, then digits.

    Of several rules the document's come before the project's, then those of the level. Its numbers
    are those of the `NumberCounter` of the project and the prefix.
    """

    __tablename__ = "numbering_rules"
    traits = Traits(
        ResourceType.NUMBERING_RULE, node="NumberingRule", named_by="prefix", trash=Trash.PURGED
    )

    document_id: Mapped[UUID | None] = mapped_column(default=None)
    numbers: Mapped[NumberedType] = choice(NumberedType.REQUIREMENT)
    level: Mapped[RequirementLevel | None] = mapped_column(labels(RequirementLevel), default=None)
    prefix: Mapped[Identifier]
    width: Mapped[int] = number(3)

    __table_args__ = (
        project_key(),
        document_key(),
        check(
            "prefix",
            "format",
            r"prefix ~ '^\S{0,39}[^0-9\s]$'",
            "A prefix has 1 to 40 characters without spaces, and does not end in a digit.",
        ),
        check("width", "range", "width BETWEEN 1 AND 9", "Width must be from 1 to 9."),
        unique_live(
            "numbering_rules",
            "organization_id",
            "project_id",
            "document_id",
            "numbers",
            "level",
            message="There is a rule for these already.",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("numbering_rules"),
    )


class NumberCounter(Base, kw_only=True):
    """The last number of a prefix in a project: given, or found in an identifier of a client.

    Only functions and triggers of the database change it, and never to a smaller number.
    """

    __tablename__ = "number_counters"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    prefix: Mapped[Identifier] = mapped_column(primary_key=True)
    last: Mapped[int] = number(0, BigInteger)

    __table_args__ = (project_key(), not_negative("last"), Index(None, "project_id"))


def is_numbered(numbers: NumberedType, places: Collection[UUID]) -> Function[Any]:
    """Return the call that checks whether numbering rules apply in these documents or projects."""
    return func.ctx.is_numbered(
        bindparam(None, numbers, type_=labels(NumberedType), unique=True),
        bindparam(None, list(places), type_=ARRAY(Uuid), unique=True),
        type_=Boolean,
    )


def take_numbers(
    numbers: NumberedType, places: Sequence[UUID], levels: Sequence[str | None]
) -> Function[Any]:
    """Return the call that takes an identifier for each new row, by the rules of its place.

    Places are documents of requirements, or projects of test cases. It returns the identifiers in
    the order of the rows, null for those that no rule numbers; null where there are no rules.
    """
    return func.ctx.take_numbers(
        bindparam(None, numbers, type_=labels(NumberedType), unique=True),
        bindparam(None, list(places), type_=ARRAY(Uuid), unique=True),
        bindparam(None, list(levels), type_=ARRAY(Text), unique=True),
        type_=ARRAY(Text),
    )
