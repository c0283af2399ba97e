"""Numbering rules: the identifiers that the gateway gives to new requirements and test cases."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import numbering as db
from db.requirements.documents import Document as DocumentRow
from db.requirements.numbering import NumberedType
from db.requirements.requirements import RequirementLevel
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node
from graph.requirements.documents import Document

describe_enum(
    NumberedType,
    "The type of the objects that a numbering rule applies to.",
    {"REQUIREMENT": "Requirements.", "TEST_CASE": "Test cases."},
)


@strawberry.type(
    description="A rule by which new objects without an identifier get one, such as `SYS-001`. The"
    " rule of a document takes precedence over that of its project, and that of a level over that"
    " of all levels. Numbers are counted per project and prefix, and never assigned twice."
)
class NumberingRule(Authored, Node):
    model = db.NumberingRule

    numbers: NumberedType = described("The type of the objects that the rule applies to.")
    prefix: str = described("The text before the number, such as `SYS-`.")
    width: int = described(
        "The least number of digits, from 1 to 9. Shorter numbers are padded with zeros."
    )
    level: RequirementLevel | None = described(
        "The level of the requirements that the rule applies to; null for all levels."
    )
    project_id: UUID = described("The ID of the project of the rule.")
    document_id: UUID | None = described(
        "The ID of the document that the rule applies to; null for the whole project."
    )
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project of the rule.")
    document: Document | None = to_one(
        "document_id",
        DocumentRow,
        Document,
        "The document that the rule applies to; null for the whole project.",
    )


NumberingRuleFilterInput = filter_input(
    NumberingRule, "id", "document_id", "numbers", "level", "prefix", "created_at"
)
NumberingRuleOrderInput = order_input(NumberingRule, "prefix", "created_at", "updated_at")


@input_for(NumberingRule, "A numbering rule to create in a project.")
class NumberingRuleCreateInput:
    project_id: UUID
    document_id: UUID | None = UNSET
    numbers: NumberedType = NumberedType.REQUIREMENT
    level: RequirementLevel | None = UNSET
    prefix: str
    width: int = 3


@input_for(NumberingRule, "The fields of a numbering rule to change.")
class NumberingRuleUpdateInput:
    prefix: Maybe[str]
    width: Maybe[int]


async def _prepare(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse documents of other projects, and documents and levels for test cases."""
    for item in items:
        for name in ("document_id", "level"):
            if item.row.numbers is NumberedType.TEST_CASE and getattr(item.row, name) is not None:
                message = "Test cases are in no document, and have no level."
                item.refuse(Problem("INVALID", message, field=[name]))
    ids = {item.row.document_id for item in items if item.row.document_id}
    documents = await transaction.find_by_id(DocumentRow, ids, lock=False)
    for item in items:
        id = item.row.document_id
        if id and id not in documents:
            item.refuse(missing(DocumentRow, ["document_id"]))
        elif id and documents[id].project_id != item.row.project_id:
            message = "The document is in another project."
            item.refuse(Problem("INVALID", message, field=["document_id"]))


def _rules(key: str, text: str) -> Any:
    return connection(
        db.NumberingRule,
        NumberingRule,
        NumberingRuleFilterInput,
        NumberingRuleOrderInput,
        text,
        key=key,
    )


extend_type(
    Project,
    numbering_rules=_rules("project_id", "The numbering rules of the project and its documents."),
)
extend_type(Document, numbering_rules=_rules("document_id", "The document's own numbering rules."))


@strawberry.type
class Mutation:
    numbering_rule_create = create(
        NumberingRule,
        NumberingRuleCreateInput,
        "Create a numbering rule. It applies to objects that are created from then on.",
        within=(ProjectRow, "project_id"),
        prepare=_prepare,
    )
    numbering_rule_update = update(
        NumberingRule,
        NumberingRuleUpdateInput,
        "Update a numbering rule. Identifiers that were given do not change.",
    )
    numbering_rule_delete = delete(
        NumberingRule, "Delete a numbering rule. Its numbers are not given again."
    )
    numbering_rule_restore = restore(NumberingRule, "Restore a deleted numbering rule.")
