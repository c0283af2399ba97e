"""The definitions that apply to requirements, and the defaults of their tables."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, Uuid, and_, any_, bindparam, cast, or_, select

from auth.session.product_query import existing
from db.core.organizations import OrganizationMember
from db.core.projects import Project
from db.requirements.properties import Column, Property

PROJECT_IDS = bindparam("project_ids", type_=ARRAY(Uuid))
DOCUMENT_IDS = bindparam("document_ids", type_=ARRAY(Uuid))
BLOCK_IDS = bindparam("block_ids", type_=ARRAY(Uuid))


def _applying() -> Select[*tuple[Any, ...]]:
    projects = existing(Project, "id", "organization_id", "strict_properties").c
    properties = existing(
        Property,
        "id",
        "organization_id",
        "project_id",
        "document_id",
        "key",
        "name",
        "property_type",
        "options",
        "is_base",
    ).c
    columns = existing(Column, "block_id", "property_id", "default_value").c
    applies = and_(
        properties.organization_id == projects.organization_id,
        or_(properties.project_id.is_(None), properties.project_id == projects.id),
        or_(properties.document_id.is_(None), properties.document_id == any_(DOCUMENT_IDS)),
    )
    filled = and_(
        columns.property_id == properties.id,
        columns.block_id == any_(BLOCK_IDS),
        columns.default_value.is_not(None),
    )
    return (
        select(
            projects.id.label("project"),
            projects.strict_properties,
            properties.id,
            properties.project_id,
            properties.document_id,
            properties.key,
            properties.name,
            # As text: asyncpg would look an enumeration up, once a connection.
            cast(properties.property_type, Text).label("property_type"),
            properties.options,
            properties.is_base,
            columns.block_id,
            columns.default_value,
        )
        .select_from(projects.id.table)
        .outerjoin(properties.id.table, applies)
        .outerjoin(columns.block_id.table, filled)
        .where(projects.id == any_(PROJECT_IDS))
    )


APPLYING = _applying()
"""Each of the `project_ids` with the properties that apply in it and in the `document_ids`, each of
these with the defaults of its columns in the `block_ids`. A project without any is one row."""


def _members() -> Select[*tuple[UUID, UUID]]:
    members = existing(OrganizationMember, "organization_id", "user_id").c
    return select(members.organization_id, members.user_id).where(
        members.user_id == any_(bindparam("user_ids", type_=ARRAY(Uuid)))
    )


MEMBERS = _members()
"""The memberships of the `user_ids`."""
