"""The SQL that counts a project's requirements, their coverage and test results by day (UTC)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.requirements.collaboration import TraceLink
from db.requirements.requirements import Requirement
from db.requirements.testing import TestExecution

PROJECTS = any_(bindparam("projects", type_=ARRAY(Uuid)))


async def testing_days(session: ViewerSession, projects: Sequence[UUID]) -> list[Record]:
    """Return what came about on each day in these projects; one statement.

    A record holds the `project_id`, the `day`, a `kind` and a `number`: of requirements that were
    created (`created`), of those that had their first test execution or verifying link (`covered`),
    and of executions by their status (`result` and `status`). Only current rows count.
    """
    return await session.query(_statement(), {"projects": list(projects)})


def _statement() -> Any:
    requirements = readable(Requirement, "id", "project_id", "created_at")
    executions = readable(
        TestExecution,
        "project_id",
        "requirement_id",
        "execution_status",
        "executed_at",
        "created_at",
    )
    links = readable(
        TraceLink, "link_type", "source_id", "source_type", "target_id", "target_type", "created_at"
    )
    verifying = links.c.link_type == literal_column("'verifies'")
    covering = union_all(
        select(executions.c.requirement_id.label("id"), executions.c.created_at),
        *(
            select(links.c[f"{end}_id"], links.c.created_at).where(
                verifying, links.c[f"{end}_type"] == literal_column("'requirement'")
            )
            for end in ("source", "target")
        ),
    ).subquery("covering")
    here = requirements.c.project_id == PROJECTS
    first = (
        select(
            requirements.c.project_id,
            func.greatest(requirements.c.created_at, func.min(covering.c.created_at)).label("at"),
        )
        .select_from(requirements.join(covering, covering.c.id == requirements.c.id))
        .where(here)
        .group_by(requirements.c.id, requirements.c.project_id, requirements.c.created_at)
        .subquery("first_covered")
    )
    results = executions.c.executed_at
    return union_all(
        _by_day("created", requirements.c.project_id, requirements.c.created_at).where(here),
        _by_day("covered", first.c.project_id, first.c.at),
        _by_day(
            "result", executions.c.project_id, results, cast(executions.c.execution_status, Text)
        ).where(executions.c.project_id == PROJECTS, results.is_not(None)),
    )


def _by_day(
    kind: str, project: Any, time: Any, status: ColumnElement[Any] | None = None
) -> Select[Any]:
    day = cast(func.timezone("UTC", time), Date)
    group = cast(null(), Text) if status is None else status
    return select(
        project.label("project_id"),
        day.label("day"),
        literal_column(f"'{kind}'::text").label("kind"),
        group.label("status"),
        func.count().label("number"),
    ).group_by(project, day, *([] if status is None else [status]))
