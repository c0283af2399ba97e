"""The types, fields and mutations that what all products use adds to the schema."""

import strawberry

from graph.platform.audit import acknowledging, soc2
from graph.platform.audit import exports as audit_exports
from graph.platform.audit import types as audit
from graph.platform.billing import mutations as billing
from graph.platform.billing import types as billing_types  # noqa: F401 (it extends types)
from graph.platform.incoming import types as incoming
from graph.platform.jobs import files, outside, types  # noqa: F401 (files extends types)
from graph.platform.shares import creating, opened
from graph.platform.shares import types as shares
from graph.platform.webhooks import deliveries, endpoints

NODES = (
    types.Job,
    audit.AuditAlert,
    incoming.WebhookEvent,
    shares.Share,
    endpoints.WebhookEndpoint,
    deliveries.WebhookDelivery,
)


@strawberry.type
class Query(
    types.Query,
    audit.Query,
    soc2.Query,
    incoming.Query,
    shares.Query,
    opened.Query,
    endpoints.Query,
    deliveries.Query,
):
    pass


@strawberry.type
class Mutation(
    types.Mutation,
    acknowledging.Mutation,
    audit_exports.Mutation,
    billing.Mutation,
    outside.Mutation,
    creating.Mutation,
    endpoints.Mutation,
    deliveries.Mutation,
):
    pass


@strawberry.type
class Subscription(types.Subscription):
    pass
