"""The types, fields and mutations that what all products use adds to the schema."""

import strawberry

from graph.platform.jobs import outside, types
from graph.platform.shares import creating, opened
from graph.platform.shares import types as shares

NODES = (types.Job, shares.Share)


@strawberry.type
class Query(types.Query, shares.Query, opened.Query):
    pass


@strawberry.type
class Mutation(types.Mutation, outside.Mutation, creating.Mutation):
    pass


@strawberry.type
class Subscription(types.Subscription):
    pass
