"""The types, fields and mutations that what all products use adds to the schema."""

import strawberry

from graph.platform.jobs import outside, types

NODES = (types.Job,)


@strawberry.type
class Query(types.Query):
    pass


@strawberry.type
class Mutation(types.Mutation, outside.Mutation):
    pass


@strawberry.type
class Subscription(types.Subscription):
    pass
