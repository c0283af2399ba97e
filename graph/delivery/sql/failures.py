"""The open defects of tests, and the developers of their features."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, not_, select

from auth.session import Transaction
from auth.session.product_query import existing
from db.core.organizations import OrganizationMember
from db.delivery.defects import Defect, DefectStatus
from db.delivery.features import Feature
from db.delivery.testing import FeatureTest
from db.fields import among

FINISHED = (DefectStatus.VERIFIED, DefectStatus.CLOSED, DefectStatus.WONT_FIX)
"""The statuses in which a defect is not the one open defect of its test."""


async def open_defects(
    transaction: Transaction, project_id: UUID, test_ids: Sequence[UUID]
) -> dict[UUID, Defect]:
    """Return the open defect of each of these tests that has one, locked; one statement."""
    if not test_ids:
        return {}
    found = await transaction.find_all(
        Defect,
        Defect.project_id == project_id,
        among(Defect.test_case_id, test_ids),
        not_(among(Defect.status, FINISHED)),
        to_create=Defect,
    )
    return {row.test_case_id: row for row in found if row.test_case_id}


def _named() -> Any:
    tests = existing(FeatureTest, "id", "name", "feature_id", "organization_id")
    features = existing(Feature, "id", "developer_id")
    members = existing(OrganizationMember, "organization_id", "user_id")
    is_member = (members.c.user_id == features.c.developer_id) & (
        members.c.organization_id == tests.c.organization_id
    )
    return (
        select(tests.c.id, tests.c.name, members.c.user_id)
        .select_from(tests)
        .join(features, features.c.id == tests.c.feature_id)
        .outerjoin(members, is_member)
        .where(tests.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    )


_NAMED = _named()


async def tests_and_developers(
    transaction: Transaction, test_ids: Sequence[UUID]
) -> dict[UUID, tuple[str, UUID | None]]:
    """Return the name of each test, and the developer of its feature if it has one."""
    if not test_ids:
        return {}
    rows = await transaction.rules(_NAMED, {"ids": list(test_ids)})
    return {row.id: (row.name, row.user_id) for row in rows}
