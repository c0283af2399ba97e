"""The policy of delivery: features, tests, builds, deployments, defects and security."""

from auth.policy.rule import Product, Rule
from auth.viewer import Role
from db.base import Entity
from db.delivery.builds import Build
from db.delivery.defects import Defect
from db.delivery.deployments import Deployment, Environment
from db.delivery.features import Feature
from db.delivery.planning import ProjectBudget, ProjectDelivery, RequirementPlan
from db.delivery.security import SecurityEvent, Vulnerability
from db.delivery.teams import Team, TeamMember
from db.delivery.testing import FeatureTest

ANYONE, BILLING, PARTICIPANT, MEMBER, GUEST, VIEWER, EDITOR, ADMIN, OWNER, NOBODY = Role

# fmt: off
RULES: dict[type[Entity], Rule] = {
    #                         read    create  update  delete
    ProjectDelivery:     Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    ProjectBudget:       Rule(ADMIN,  ADMIN,  ADMIN,  ADMIN),
    RequirementPlan:     Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    Feature:             Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    FeatureTest:         Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    Build:               Rule(VIEWER, EDITOR, EDITOR, ADMIN),
    Environment:         Rule(VIEWER, EDITOR, EDITOR, ADMIN),
    Deployment:          Rule(VIEWER, EDITOR, EDITOR, NOBODY),
    Defect:              Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    Vulnerability:       Rule(VIEWER, EDITOR, EDITOR, ADMIN, inside=True),
    SecurityEvent:       Rule(ADMIN,  EDITOR, ADMIN,  NOBODY),
    Team:                Rule(MEMBER, ADMIN,  ADMIN,  ADMIN, inside=True),
    TeamMember:          Rule(MEMBER, ADMIN,  ADMIN,  ADMIN, inside=True),
}
# fmt: on

PRODUCT = Product(RULES, "features, builds, deployments, defects and vulnerabilities")
