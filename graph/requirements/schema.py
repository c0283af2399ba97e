"""The types, fields and mutations that requirements management adds to the schema."""

import strawberry

from graph.requirements import (
    assignments,
    baselines,
    blocks,
    bulk_operations,
    changes,
    columns,
    comparisons,  # noqa: F401 (it extends types)
    documents,
    executions,
    external_checks,
    external_documents,
    files,
    import_mappings,
    import_reports,  # noqa: F401 (it extends types)
    linking,
    matrix,
    matrix_views,
    nested,
    numbering,
    presence,
    properties,
    requirements,
    results_import,
    roles,  # noqa: F401 (it extends types)
    sharing,  # noqa: F401 (it extends types)
    statistics,  # noqa: F401 (it extends types)
    statistics_events,
    summaries,  # noqa: F401 (it extends types)
    testing,
    testing_history,  # noqa: F401 (it extends types)
    trace_coverage,  # noqa: F401 (it extends types)
    trace_links,
    traceability,
    tracing,  # noqa: F401 (it extends types)
    transfers,
    visits,
)
from graph.requirements.change_sets import impact as change_set_impact  # noqa: F401 (it extends types)
from graph.requirements.change_sets import mutations as change_set_mutations
from graph.requirements.change_sets import types as change_sets
from graph.requirements.comments import mutations as comment_mutations
from graph.requirements.comments import types as comments
from graph.requirements.copying import moving as moving_documents
from graph.requirements.copying import mutations as copying
from graph.requirements.diagrams import changes as diagram_changes
from graph.requirements.diagrams import drawings, element_links, flows
from graph.requirements.enhancement import types as enhancement
from graph.requirements.quality import settings as quality_settings
from graph.requirements.quality import types as quality_types  # noqa: F401 (it extends types)
from graph.requirements.reviews import mutations as review_mutations
from graph.requirements.reviews import types as reviews
from graph.requirements.signatures import types as signatures
from graph.requirements.workflows import types as workflows

NODES = (
    documents.Document,
    blocks.Block,
    requirements.Requirement,
    baselines.Baseline,
    assignments.Assignment,
    testing.TestCase,
    executions.TestExecution,
    matrix_views.TestMatrixView,
    numbering.NumberingRule,
    import_mappings.ImportMapping,
    trace_links.TraceLink,
    properties.Property,
    columns.Column,
    external_documents.ExternalDocument,
    files.File,
    drawings.ExcalidrawDiagram,
    flows.ReactFlowDiagram,
    element_links.DiagramElementLink,
    change_sets.ChangeSet,
    change_sets.ChangeSetItem,
    comments.CommentThread,
    comments.Comment,
    workflows.Workflow,
    reviews.Review,
    reviews.ReviewItem,
    reviews.Reviewer,
    reviews.ReviewVerdict,
    signatures.Signature,
)


@strawberry.type
class Query(
    documents.Query,
    blocks.Query,
    requirements.Query,
    baselines.Query,
    assignments.Query,
    testing.Query,
    executions.Query,
    matrix_views.Query,
    matrix.Query,
    trace_links.Query,
    traceability.Query,
    properties.Query,
    columns.Query,
    external_documents.Query,
    files.Query,
    import_mappings.Query,
    drawings.Query,
    flows.Query,
    element_links.Query,
    change_sets.Query,
    comments.Query,
    workflows.Query,
    reviews.Query,
    signatures.Query,
):
    pass


@strawberry.type
class Mutation(
    nested.Mutation,
    documents.Mutation,
    visits.Mutation,
    blocks.Mutation,
    requirements.Mutation,
    baselines.Mutation,
    presence.Mutation,
    assignments.Mutation,
    testing.Mutation,
    executions.Mutation,
    matrix_views.Mutation,
    results_import.Mutation,
    numbering.Mutation,
    quality_settings.Mutation,
    enhancement.Mutation,
    linking.Mutation,
    properties.Mutation,
    columns.Mutation,
    external_documents.Mutation,
    external_checks.Mutation,
    transfers.Mutation,
    import_mappings.Mutation,
    bulk_operations.Mutation,
    files.Mutation,
    drawings.Mutation,
    flows.Mutation,
    element_links.Mutation,
    change_set_mutations.Mutation,
    copying.Mutation,
    comment_mutations.Mutation,
    workflows.Mutation,
    review_mutations.Mutation,
    signatures.Mutation,
    moving_documents.Mutation,
):
    pass


@strawberry.type
class Subscription(
    changes.Subscription,
    presence.Subscription,
    statistics_events.Subscription,
    diagram_changes.Subscription,
    change_sets.Subscription,
):
    pass
