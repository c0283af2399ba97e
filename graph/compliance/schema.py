"""The types, fields and mutations that compliance adds to the schema."""

import strawberry

from graph.compliance import (
    assessments,
    documents,
    frameworks,
    open_findings,  # noqa: F401 (it extends types)
    sharing,  # noqa: F401 (it extends types)
    tasks,
    working,
)
from graph.compliance.reports import starting

NODES = (
    documents.ComplianceDocument,
    frameworks.Framework,
    frameworks.FrameworkRevision,
    assessments.Assessment,
    tasks.FindingTask,
)


@strawberry.type
class Query(documents.Query, frameworks.Query, assessments.Query, tasks.Query):
    pass


@strawberry.type
class Mutation(
    documents.Mutation,
    assessments.Mutation,
    working.Mutation,
    tasks.Mutation,
    starting.Mutation,
):
    pass


@strawberry.type
class Subscription(assessments.Subscription):
    pass
