"""Samples of the entities of delivery, and the rows for the tests of row level security."""

from db.base import Entity
from db.core.organizations import Organization
from db.core.projects import Project
from db.delivery.builds import Build
from db.delivery.defects import Defect
from db.delivery.deployments import Deployment, Environment
from db.delivery.features import Feature
from db.delivery.planning import ProjectBudget, ProjectDelivery, RequirementPlan
from db.delivery.security import SecurityEvent, Vulnerability
from db.delivery.teams import Team, TeamMember
from db.delivery.testing import FeatureTest
from db.requirements.requirements import Requirement
from tests.requirements.samples import in_document_of, in_project
from tests.samples import Sample

BUILD = {"versionTag": "1.4.0", "gitCommitHash": "0123abc", "gitBranch": "main"}

SAMPLES: dict[type[Entity], Sample] = {
    Team: Sample(
        parent=Organization,
        new=lambda house, word: {"organizationId": house.organization, "name": f"New {word}"},
        row=lambda house: {"organization_id": house.organization, "name": "Brakes"},
    ),
    TeamMember: Sample(
        parent=Team,
        new=lambda house, _: {
            "teamId": house.rows[Team].id,
            "userId": house.people["newcomer"],
        },
        row=lambda house: {
            "organization_id": house.organization,
            "team_id": house.rows[Team].id,
            "user_id": house.people["colleague"],
        },
        changes={"role": "Tester"},
        mutations={"restore": None},
        before_create="DELETE FROM team_members WHERE user_id = $1",
    ),
    ProjectDelivery: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "ownerId": house.people["colleague"]},
        row=lambda house: in_project(house, owner_id=house.people["colleague"]),
        changes={"templateType": "monolith"},
        around="DELETE FROM project_deliveries WHERE id <> $1",
        is_replaced=True,
    ),
    ProjectBudget: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "budgetAllocatedCents": "100"},
        row=lambda house: in_project(house, budget_allocated_cents=100),
        changes={"budgetAllocatedCents": "200"},
        is_replaced=True,
        around="DELETE FROM project_budgets WHERE id <> $1",
    ),
    RequirementPlan: Sample(
        parent=Requirement,
        new=lambda house, _: {"requirementId": house.requirement},
        row=lambda house: in_document_of(house, requirement_id=house.requirement),
        changes={"priorityOrder": 1},
        is_replaced=True,
        around="DELETE FROM requirement_plans WHERE id <> $1",
    ),
    Feature: Sample(
        parent=Project,
        new=lambda house, word: {
            "projectId": house.project,
            "requirementId": house.requirement,
            "name": "New",
            "externalId": word,
        },
        row=lambda house: in_project(house, requirement_id=house.requirement, name="Brake pads"),
    ),
    FeatureTest: Sample(
        parent=Feature,
        new=lambda house, word: {
            "featureId": house.rows[Feature].id,
            "name": "New",
            "externalId": word,
        },
        row=lambda house: in_project(house, feature_id=house.rows[Feature].id, name="Stops"),
    ),
    Build: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, **BUILD},
        row=lambda house: in_project(
            house,
            build_number=1,
            version_tag="1.4.0",
            git_commit_hash="0123abc",
            git_branch="main",
        ),
        changes={"artifactPath": "changed.tar"},
    ),
    Environment: Sample(
        parent=Project,
        new=lambda house, word: {"projectId": house.project, "name": word},
        row=lambda house: in_project(house, name="staging"),
    ),
    Deployment: Sample(
        parent=Build,
        new=lambda house, _: {
            "buildId": house.rows[Build].id,
            "environmentId": house.rows[Environment].id,
        },
        row=lambda house: in_project(
            house,
            build_id=house.rows[Build].id,
            environment_id=house.rows[Environment].id,
            deployed_by=house.people["colleague"],
        ),
        changes={"healthCheckStatus": "DEGRADED"},
        mutations={"delete": None, "restore": None},
    ),
    Defect: Sample(
        parent=Project,
        new=lambda house, _: {
            "projectId": house.project,
            "title": "Does not stop",
            "description": "It rolls on.",
        },
        row=lambda house: in_project(
            house,
            title="Does not stop",
            description="It rolls on.",
            reported_by=house.people["colleague"],
        ),
        changes={"title": "Changed"},
    ),
    Vulnerability: Sample(
        parent=Project,
        new=lambda house, word: {
            "projectId": house.project,
            "title": "New",
            "severity": "HIGH",
            "externalId": word,
        },
        row=lambda house: in_project(house, title="Overflow", severity="high"),
        changes={"title": "Changed"},
    ),
    SecurityEvent: Sample(
        parent=Organization,
        new=lambda house, _: {
            "organizationId": house.organization,
            "eventType": "failed_login",
            "severity": "LOW",
            "description": "New",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "event_type": "failed_login",
            "severity": "low",
            "description": "A sign-in failed.",
        },
        changes={"investigationNotes": "Changed"},
        mutations={"delete": None, "restore": None},
    ),
}
BUILD_ROW = "'1.4.0', '0123abc', 'main'"
ROWS = {
    "teams": "(id, organization_id, name) VALUES ($1, $1, 'Brakes')",
    "team_members": "(id, organization_id, team_id, user_id) VALUES ($1, $1, $1, $1)",
    "project_deliveries": "(id, organization_id, project_id, owner_id) VALUES ($1, $1, $1, $1)",
    "project_budgets": "(id, organization_id, project_id, budget_allocated_cents)"
    " VALUES ($1, $1, $1, 100)",
    "requirement_plans": "(id, organization_id, project_id, document_id, requirement_id)"
    " VALUES ($1, $1, $1, $1, $1)",
    "features": "(id, organization_id, project_id, requirement_id, name)"
    " VALUES ($1, $1, $1, $1, 'Rover')",
    "test_cases": "(id, organization_id, project_id, feature_id, name)"
    " VALUES ($1, $1, $1, $1, 'Stops')",
    "builds": "(id, organization_id, project_id, build_number, version_tag, git_commit_hash,"
    f" git_branch) VALUES ($1, $1, $1, 1, {BUILD_ROW})",
    "build_outputs": "(id, organization_id, project_id, build_id, place, text)"
    " VALUES ($1, $1, $1, $1, 0, 'Compiled.')",
    "test_results": "(id, organization_id, project_id, test_case_id, feature_id, status)"
    " VALUES ($1, $1, $1, $1, $1, 'passed')",
    "environments": "(id, organization_id, project_id, name) VALUES ($1, $1, $1, 'staging')",
    "deployments": "(id, organization_id, project_id, build_id, environment_id)"
    " VALUES ($1, $1, $1, $1, $1)",
    "defects": "(id, organization_id, project_id, title, description, reported_by)"
    " VALUES ($1, $1, $1, 'Rover stops late', 'Rolls', $1)",
    "vulnerabilities": "(id, organization_id, project_id, title, severity)"
    " VALUES ($1, $1, $1, 'Overflow', 'high')",
    "security_events": "(id, organization_id, event_type, severity, description)"
    " VALUES ($1, $1, 'failed_login', 'low', 'A sign-in failed.')",
}
"""Columns and values of a row; $1 is the ID of everything."""
