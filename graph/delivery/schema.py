"""The types, fields and mutations that delivery adds to the schema."""

import strawberry

from graph.delivery import (
    builds,
    defects,
    deployments,
    feature_tests,
    features,
    planning,
    reached,  # noqa: F401 (it extends a type)
    releases,
    results,  # noqa: F401 (it extends types)
    running,
    security_events,
    teams,
    vulnerabilities,
)
from graph.delivery.states import enforcement  # noqa: F401 (registers the rules)

NODES = (
    teams.Team,
    teams.TeamMember,
    planning.ProjectDelivery,
    planning.ProjectBudget,
    planning.RequirementPlan,
    features.Feature,
    feature_tests.FeatureTest,
    builds.Build,
    deployments.Environment,
    deployments.Deployment,
    defects.Defect,
    vulnerabilities.Vulnerability,
    security_events.SecurityEvent,
)


@strawberry.type
class Query(
    teams.Query,
    planning.Query,
    features.Query,
    feature_tests.Query,
    builds.Query,
    deployments.Query,
    running.Query,
    defects.Query,
    vulnerabilities.Query,
    security_events.Query,
):
    pass


@strawberry.type
class Mutation(
    teams.Mutation,
    planning.Mutation,
    features.Mutation,
    feature_tests.Mutation,
    builds.Mutation,
    deployments.Mutation,
    releases.Mutation,
    defects.Mutation,
    vulnerabilities.Mutation,
    security_events.Mutation,
):
    pass
