"""The policy of the tenant core: people, organizations, projects, billing, notifications."""

from sqlalchemy import ColumnElement, Uuid, and_, any_, bindparam, or_
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy.rule import Product, Rule
from auth.viewer import Role
from db.base import Entity, Part
from db.change import AuditLog
from db.core.access_reviews import AccessReview, AccessReviewItem
from db.core.audit import AuditAlert, AuditVerification, LegalHold
from db.core.billing import BillingCache, StripeCustomer
from db.core.clients import OrganizationClient
from db.core.domains import OrganizationDomain
from db.core.identity_providers import IdentityProvider
from db.core.jobs import Job
from db.core.keys import ApiKey, PersonalToken
from db.core.notifications import Notification
from db.core.organizations import (
    Organization,
    OrganizationInvitation,
    OrganizationMember,
    UserRoleType,
)
from db.core.people import Profile
from db.core.projects import Project, ProjectMember, UserRole
from db.core.provisioning import ProvisionedGroup, ProvisionedGroupMember
from db.core.shares import Share
from db.core.webhook_events import WebhookEvent
from db.core.webhooks import WebhookDelivery, WebhookEndpoint

ANYONE, BILLING, PARTICIPANT, MEMBER, GUEST, VIEWER, EDITOR, ADMIN, OWNER, NOBODY = Role

# Roles reach the profiles of service accounts alone: that of a person is in no scope.
# fmt: off
RULES: dict[type[Entity], Rule] = {
    #                             read     create  update  delete
    Profile:                 Rule(MEMBER,  OWNER,  OWNER,  OWNER, "id", ("read", "update"),
                                  seen_with=(OrganizationMember, "user_id")),
    Organization:            Rule(BILLING, ANYONE, ADMIN,  OWNER),
    OrganizationMember:      Rule(MEMBER,  ADMIN,  ADMIN,  ADMIN, "user_id", ("read", "delete")),
    OrganizationInvitation:  Rule(ADMIN,   ADMIN,  ADMIN,  ADMIN),
    OrganizationClient:      Rule(OWNER,   OWNER,  OWNER,  OWNER),
    OrganizationDomain:      Rule(ADMIN,   OWNER,  OWNER,  OWNER),
    IdentityProvider:        Rule(ADMIN,   OWNER,  OWNER,  OWNER),
    Project:                 Rule(VIEWER,  ADMIN,  ADMIN,  ADMIN),
    ProjectMember:           Rule(VIEWER,  ADMIN,  ADMIN,  ADMIN, "user_id", ("read", "delete"),
                                  inside=True),
    UserRole:                Rule(ADMIN,   ADMIN,  ADMIN,  ADMIN, "user_id", ("read", "delete")),
    ProvisionedGroup:        Rule(ADMIN,  ADMIN,  ADMIN,  ADMIN),
    ProvisionedGroupMember:  Rule(ADMIN,  ADMIN,  ADMIN,  ADMIN),
    AccessReview:            Rule(ADMIN,  ADMIN,  ADMIN,  NOBODY),
    AccessReviewItem:        Rule(ADMIN,  ADMIN,  ADMIN,  NOBODY),
    ApiKey:                  Rule(OWNER,  OWNER,  OWNER,  OWNER),
    PersonalToken:           Rule(NOBODY, NOBODY, NOBODY, NOBODY, "user_id",
                                  ("read", "create", "update", "delete")),
    StripeCustomer:          Rule(ADMIN,   NOBODY, NOBODY, NOBODY, also_read=BILLING),
    BillingCache:            Rule(ADMIN,   NOBODY, NOBODY, NOBODY, also_read=BILLING),
    Notification:            Rule(NOBODY, NOBODY, NOBODY, NOBODY, "user_id",
                                  ("read", "update", "delete"), inside=True),
    WebhookEvent:            Rule(ADMIN,   NOBODY, NOBODY, NOBODY, also_read=BILLING),
    Job:                     Rule(ADMIN,  ADMIN,  ADMIN,  NOBODY, "user_id",
                                  ("read", "update"), own_within="confined_project", inside=True),
    Share:                   Rule(ADMIN,  ADMIN,  ADMIN,  ADMIN, "user_id",
                                  ("read", "create", "update", "delete"), inside=True),
    WebhookEndpoint:         Rule(ADMIN,  ADMIN,  ADMIN,  ADMIN),
    WebhookDelivery:         Rule(ADMIN,  NOBODY, ADMIN,  NOBODY),
    AuditAlert:              Rule(ADMIN,  NOBODY, ADMIN,  NOBODY),
}
PARTS: dict[type[Part], Rule] = {
    AuditLog:                Rule(ADMIN,   NOBODY, NOBODY, NOBODY),
    AuditVerification:       Rule(ADMIN,   NOBODY, NOBODY, NOBODY),
    LegalHold:               Rule(ADMIN,   NOBODY, NOBODY, NOBODY),
}
# fmt: on
"""The rules of parts that are not read by whoever reads the whole."""
PRODUCT = Product(
    RULES,
    "organizations, their projects and the people in them",
)

_AT_MOST_ADMIN = and_(
    OrganizationMember.organization_id == any_(bindparam(Role.ADMIN.name, type_=ARRAY(Uuid))),
    OrganizationMember.role != UserRoleType.OWNER,
)
_BY_OWNER = OrganizationMember.organization_id == any_(
    bindparam(Role.OWNER.name, type_=ARRAY(Uuid))
)
RESTORED: dict[type[Entity], tuple[ColumnElement[bool], ...]] = {
    OrganizationMember: (or_(_BY_OWNER, _AT_MOST_ADMIN),),
}
"""Further criteria for restoring a row."""
