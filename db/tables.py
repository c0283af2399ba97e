"""Every model, so that one import makes the metadata complete."""

# ruff: noqa: F401 (to import a module is to map its models)
from db import change
from db.audit import seal
from db.base import Base
from db.compliance import assessments, frameworks
from db.compliance import documents as compliance_documents
from db.core import (
    access_reviews,
    audit,
    billing,
    clients,
    credits,
    devices,
    domains,
    idempotency,
    identity_providers,
    jobs,
    keys,
    notifications,
    oauth,
    organizations,
    passkeys,
    people,
    projects,
    provisioning,
    sessions,
    shares,
    stars,
    usage,
    webhook_events,
    webhooks,
)
from db.delivery import builds, defects, deployments, features, planning, security, teams
from db.delivery import testing as feature_tests
from db.feed import tables
from db.requirements import (
    baselines,
    change_sets,
    collaboration,
    comments,
    diagrams,
    documents,
    exchange,
    external,
    files,
    import_mappings,
    numbering,
    properties,
    requirements,
    reviews,
    signatures,
    summaries,
    testing,
    workflows,
)

METADATA = Base.metadata
_MAPPED: dict[str, type[Base]] = {
    mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers
}
MODELS = tuple(_MAPPED[name] for name in sorted(METADATA.tables))
"""By the names of their tables; the view `document_summary` is none of them."""
