"""The change set of the demonstration: shorter distances, with a link and a new requirement."""

from uuid import UUID

from uuid_utils.compat import uuid7

from auth.session import Transaction
from db.requirements.change_sets import ChangeSet
from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import Requirement
from graph.requirements.change_sets.proposable import REQUIREMENT, TRACE_LINK
from graph.requirements.change_sets.proposing import Edit, Plan

NAME = "Shorter crossing"
CHANGED = {
    "SYS-001": "When a passenger calls the ferry, the ferry shall leave for the other pier within"
    " 90 seconds.",
    "SYS-002": "The ferry shall cross 400 metres of calm water within 200 seconds.",
}
"""The proposed descriptions, by the identifiers of the requirements."""


async def add_change_set(transaction: Transaction, organization_id: UUID) -> None:
    """Propose to change requirements, to add one, and to link it with the crossing time."""
    here = (
        Requirement.organization_id == organization_id,
        Requirement.external_id.startswith("SYS-00"),
    )
    found = await transaction.find_all(Requirement, *here, lock=False)
    requirements = {row.external_id: row for row in found}
    crossing = requirements["SYS-002"]
    change_set = ChangeSet(
        organization_id=organization_id,
        project_id=crossing.project_id,
        name=NAME,
        description="The harbour authority asks for more crossings an hour.",
        edited_at=transaction.now,
    )
    transaction.add(change_set)
    await transaction.flush()
    new = uuid7()
    place = {"document_id": crossing.document_id, "block_id": crossing.block_id}
    text = "The ferry shall make at least 8 crossings an hour."
    link = {"source_id": new, "target_id": crossing.id, "link_type": TraceLinkType.DERIVED_FROM}
    plan = Plan(transaction, change_set)
    await plan.make(
        [
            *(
                Edit(
                    REQUIREMENT,
                    "update",
                    (),
                    requirements[name].id,
                    requirements[name].version,
                    values={"description": text},
                )
                for name, text in CHANGED.items()
            ),
            Edit(
                REQUIREMENT,
                "create",
                (),
                new,
                values={**place, "name": "Crossings an hour", "description": text},
            ),
            Edit(TRACE_LINK, "create", (), uuid7(), values=link),
        ]
    )
    plan.store()
