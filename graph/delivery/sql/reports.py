"""The SQL of reports: tests and features by their external IDs, and the insertion of results."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy import cast as cast_
from sqlalchemy.dialects.postgresql import aggregate_order_by

from auth.session import Transaction
from auth.session.product_query import existing
from auth.session.write.flush import recordset
from db.base import Entity
from db.core.projects import Project
from db.delivery.builds import Build
from db.delivery.features import Feature
from db.delivery.security import Vulnerability
from db.delivery.testing import FeatureTest, FeatureTestOutcome, FeatureTestResult
from db.fields import among

RESULTS = cast("Table", FeatureTestResult.__table__)
SENT = (
    *("id", "test_case_id", "status", "duration_ms", "error_message", "error_stacktrace"),
    *("assertions_run", "assertions_passed", "assertions_failed", "executed_at"),
)
"""The columns of a result that a report has."""
_NAMES = any_(bindparam("names", type_=ARRAY(Text)))


class KnownTest(NamedTuple):
    """A test that a report names, and the outcome of its latest run before."""

    id: UUID
    external_id: str
    feature_id: UUID
    last_run_status: FeatureTestOutcome | None


def _named(model: type[Entity], *columns: str) -> Any:
    table = existing(model, "id", "organization_id", "project_id", "external_id", *columns)
    return select(*(table.c[name] for name in ("id", "external_id", *columns))).where(
        table.c.organization_id == bindparam("organization_id", type_=Uuid),
        table.c.project_id == bindparam("project_id", type_=Uuid),
        table.c.external_id == _NAMES,
    )


_TESTS = _named(FeatureTest, "feature_id", "last_run_status")
_FEATURES = _named(Feature)


async def tests_named(
    transaction: Transaction, project: Project, names: Collection[str]
) -> dict[str, KnownTest]:
    """Return the tests of the project with these external IDs; one statement."""
    rows = await transaction.rules(_TESTS, _values(project, names))
    return {row.external_id: KnownTest(*row) for row in rows}


async def features_named(
    transaction: Transaction, project: Project, names: Collection[str]
) -> dict[str, UUID]:
    """Return the features of the project with these external IDs; one statement."""
    if not names:
        return {}
    rows = await transaction.rules(_FEATURES, _values(project, names))
    return {row.external_id: row.id for row in rows}


def _values(project: Project, names: Collection[str]) -> dict[str, Any]:
    return {
        "organization_id": project.organization_id,
        "project_id": project.id,
        "names": list(names),
    }


async def insert_results(
    transaction: Transaction,
    build: Build,
    rows: Sequence[Mapping[str, Any]],
    environment: str | None,
) -> int:
    """Insert the results of a build, and return their number; one statement."""
    if not rows:
        return 0
    (number,) = await transaction.insert_parts(
        build,
        _INSERT,
        rows=rows,
        build_id=build.id,
        environment=environment,
        person=transaction.person,
    )
    return int(number)


def _inserting() -> Any:
    """Return the statement that inserts results of tests that exist in the project of a build."""
    sent = recordset("rows", [RESULTS.c[name] for name in SENT])
    tests = existing(FeatureTest, "id", "organization_id", "project_id", "feature_id")
    builds = existing(Build, "id", "organization_id", "project_id")
    values = {name: sent.c[name] for name in SENT} | {
        "organization_id": tests.c.organization_id,
        "project_id": tests.c.project_id,
        "feature_id": tests.c.feature_id,
        "build_id": builds.c.id,
        "execution_environment": bindparam("environment", type_=Text),
        "executed_by": bindparam("person", type_=Uuid),
        "executed_at": func.coalesce(sent.c.executed_at, func.now()),
    }
    chosen = (
        select(*values.values())
        .select_from(sent)
        .join(tests, tests.c.id == sent.c.test_case_id)
        .join(
            builds,
            and_(
                builds.c.id == bindparam("build_id", type_=Uuid),
                builds.c.organization_id == tests.c.organization_id,
                builds.c.project_id == tests.c.project_id,
            ),
        )
    )
    added = insert(RESULTS).from_select([*values], chosen).returning(RESULTS.c.id).cte("added")
    return select(func.count()).select_from(added)


_INSERT = _inserting()


async def vulnerabilities_named(
    transaction: Transaction,
    project_id: UUID,
    external_ids: Collection[str],
    components: Collection[str],
    cve_ids: Collection[str],
) -> list[Vulnerability]:
    """Return the vulnerabilities with these external IDs, or CVEs of components, locked."""
    by_cve = among(Vulnerability.component, components) & among(Vulnerability.cve_id, cve_ids)
    return await transaction.find_all(
        Vulnerability,
        Vulnerability.project_id == project_id,
        or_(among(Vulnerability.external_id, external_ids), by_cve),
        to_create=Vulnerability,
    )


HISTORY = 20
"""The most runs of a test by which it is judged to be flaky."""


def _history() -> Any:
    """Return the statement of the outcomes of tests, in the order of their runs, newest first."""
    wanted: Any = func.unnest(bindparam("ids", type_=ARRAY(Uuid)))
    ids = wanted.table_valued(column("id", Uuid)).render_derived("tests")
    runs = existing(FeatureTestResult, "id", "test_case_id", "status", "executed_at")
    order = (runs.c.executed_at.desc(), runs.c.id.desc())
    last = (
        select(runs.c.status, runs.c.executed_at, runs.c.id)
        .where(runs.c.test_case_id == ids.c.id)
        .order_by(*order)
        .limit(literal_column(str(HISTORY)))
        .lateral("last")
    )
    newest: Any = aggregate_order_by(
        cast_(last.c.status, Text), last.c.executed_at.desc(), last.c.id.desc()
    )
    outcomes = func.array_agg(newest).label("outcomes")
    return select(ids.c.id, outcomes).select_from(ids).join(last, true()).group_by(ids.c.id)


_HISTORY = _history()


async def outcomes_before(
    transaction: Transaction, test_ids: Collection[UUID]
) -> dict[UUID, list[str]]:
    """Return the outcomes of the last HISTORY runs of each of these tests, newest first."""
    if not test_ids:
        return {}
    rows = await transaction.rules(_HISTORY, {"ids": list(test_ids)})
    return {row.id: row.outcomes for row in rows}
