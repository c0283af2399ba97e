"""The types, fields and mutations that compliance adds to the schema."""

import strawberry

from graph.compliance import documents

NODES = (documents.ComplianceDocument,)


@strawberry.type
class Query(documents.Query):
    pass


@strawberry.type
class Mutation(documents.Mutation):
    pass
