"""The SQL that counts the open findings of organizations by day (UTC)."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    Date,
    Integer,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.compliance.assessments import Assessment, AssessmentFramework
from graph.compliance.judging.findings import OPEN_SEVERITIES

ORGANIZATIONS = any_(bindparam("at", type_=ARRAY(Uuid)))


async def changes_by_day(
    session: ViewerSession, organizations: Sequence[UUID], first: date
) -> list[Record]:
    """Return by how much the open findings have changed on each day; one statement.

    A record holds the `organization_id`, the `day` and a number for each severity. Changes before
    `first` are added up on that day. The newest completed assessment of a document against the same
    frameworks replaces the one before it.
    """
    return await session.query(_statement(), {"at": list(organizations), "first": first})


def _statement() -> Any:
    assessments = readable(
        Assessment,
        "id",
        "organization_id",
        "compliance_document_id",
        "status",
        "completed_at",
        "severity_counts",
    )
    links = readable(AssessmentFramework, "assessment_id", "framework_id")
    frameworks = aggregate_order_by(links.c.framework_id, links.c.framework_id)
    completed = (
        select(
            assessments.c.id,
            assessments.c.organization_id,
            assessments.c.compliance_document_id,
            assessments.c.completed_at,
            *(_number(assessments.c.severity_counts, each) for each in OPEN_SEVERITIES),
            func.array_agg(frameworks).label("frameworks"),
        )
        .select_from(assessments.outerjoin(links, links.c.assessment_id == assessments.c.id))
        .where(
            assessments.c.organization_id == ORGANIZATIONS,
            assessments.c.status == literal_column("'completed'"),
        )
        .group_by(
            assessments.c.id,
            assessments.c.organization_id,
            assessments.c.compliance_document_id,
            assessments.c.completed_at,
            assessments.c.severity_counts,
        )
        .subquery("completed")
    )
    c = completed.c
    replaced = func.lead(c.completed_at).over(
        partition_by=(c.compliance_document_id, c.frameworks), order_by=(c.completed_at, c.id)
    )
    runs = select(
        c.organization_id,
        _day(c.completed_at).label("day"),
        _day(replaced).label("until"),
        *(c[each] for each in OPEN_SEVERITIES),
    ).cte("runs")
    r = runs.c
    changes = union_all(
        select(r.organization_id, r.day, *(r[each] for each in OPEN_SEVERITIES)),
        select(r.organization_id, r.until, *(-r[each] for each in OPEN_SEVERITIES)).where(
            r.until.is_not(None)
        ),
    ).subquery("changes")
    day = func.greatest(changes.c.day, bindparam("first", type_=Date))
    grouped = select(
        changes.c.organization_id,
        day.label("day"),
        *(func.sum(changes.c[each]).label(each) for each in OPEN_SEVERITIES),
    )
    return grouped.group_by(changes.c.organization_id, literal_column("2"))


def _day(time: Any) -> Any:
    return cast(func.timezone("UTC", time), Date)


def _number(counts: Any, severity: str) -> Any:
    found = func.jsonb_extract_path_text(counts, literal_column(f"'{severity}'"))
    return func.coalesce(cast(found, Integer), literal_column("0")).label(severity)
