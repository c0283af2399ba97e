"""The types, fields and mutations that what all products use adds to the schema."""

import strawberry

from graph.platform.jobs import types

NODES = (types.Job,)


@strawberry.type
class Query(types.Query):
    pass


@strawberry.type
class Mutation(types.Mutation):
    pass


@strawberry.type
class Subscription(types.Subscription):
    pass
