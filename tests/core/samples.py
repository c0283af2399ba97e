"""Samples of the entities of the tenant core."""

from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid7

from db.base import Entity
from db.core.access_reviews import AccessReview, AccessReviewItem
from db.core.audit import AuditAlert
from db.core.clients import OrganizationClient
from db.core.domains import OrganizationDomain
from db.core.identity_providers import IdentityProvider
from db.core.jobs import Job
from db.core.keys import ApiKey, PersonalToken
from db.core.notifications import Notification
from db.core.organizations import Organization, OrganizationInvitation, OrganizationMember
from db.core.people import Profile
from db.core.projects import Project, ProjectMember, UserRole
from db.core.provisioning import ProvisionedGroup, ProvisionedGroupMember
from db.core.shares import Share
from db.core.webhook_events import WebhookEvent
from db.core.webhooks import WebhookDelivery, WebhookEndpoint
from db.requirements.documents import Document
from tests.samples import Sample

HOLDER = "editor"
"""The owner of rows that belong to one person."""
SOON = datetime.now(UTC) + timedelta(days=30)
REDIRECT = "https://planner.example/cb"


def named(word: str) -> dict[str, str]:
    """Return a name, and a slug that nothing else has."""
    return {"name": "New", "slug": f"new-{word}"}


def key(word: str) -> dict[str, Any]:
    """Return the columns of a key."""
    return {
        "name": "Key",
        "key_hash": uuid7().bytes * 2,
        "hint": word,
        "scopes": ["requirements:read"],
        "expires_at": SOON,
    }


SAMPLES: dict[type[Entity], Sample] = {
    Profile: Sample(  # of a service account: that of a person is in no organization
        parent=Organization,
        new=lambda house, _: {"organizationId": house.organization, "name": "New"},
        row=lambda house: {
            "email": f"{house.service_account}@service-accounts.invalid",
            "full_name": "Server",
            "service_of": house.organization,
            "is_approved": True,
        },
        mutations={
            "create": "serviceAccountCreate",
            "update": "serviceAccountUpdate",
            "delete": "serviceAccountDelete",
            "restore": None,
        },
        around="UPDATE organization_members SET deleted_at = NULL WHERE user_id = $1",
    ),
    Organization: Sample(parent=None, new=lambda _, word: named(word)),
    OrganizationMember: Sample(
        parent=Organization,
        new=None,  # people join by accepting an invitation
        row=lambda house: {
            "organization_id": house.organization,
            "user_id": house.people["colleague"],
        },
        changes={"role": "MEMBER"},
        mutations={"create": None, "delete": "organizationMemberRemove"},
    ),
    OrganizationInvitation: Sample(
        parent=Organization,
        new=lambda house, word: {
            "organizationId": house.organization,
            "email": f"{word}@test.example",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "email": "invited@test.example",
            "token": uuid7(),
            "expires_at": SOON,
        },
        mutations={
            "create": "organizationInvite",
            "update": "organizationInvitationCancel",
            "delete": None,
            "restore": None,
        },
        reset="status = 'pending'",
    ),
    OrganizationClient: Sample(
        parent=Organization,
        new=lambda house, _: {
            "organizationId": house.organization,
            "name": "New",
            "redirectUris": [REDIRECT],
            "scopes": ["requirements:read"],
        },
        row=lambda house: {
            "organization_id": house.organization,
            "name": "Planner",
            "redirect_uris": [REDIRECT],
            "scopes": ["requirements:read"],
        },
        mutations={"restore": None},
    ),
    OrganizationDomain: Sample(
        parent=Organization,
        new=lambda house, word: {
            "organizationId": house.organization,
            "domain": f"{word}.test.example",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "domain": f"{house.organization}.test.example",
            "verification_token": "0" * 32,
        },
        changes={"autoJoin": False},
        mutations={"restore": None},
    ),
    IdentityProvider: Sample(
        parent=Organization,
        new=lambda house, _: {
            "organizationId": house.organization,
            "name": "New",
            "issuer": "https://login.example",
            "clientId": "gateway",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "name": "Directory",
            "issuer": "https://login.example",
            "client_id": "gateway",
        },
        mutations={"restore": None},
        for_browsers=frozenset({"create"}),  # it reads a document: tests/identity tries the roles
    ),
    ApiKey: Sample(
        parent=Profile,
        new=lambda house, _: {
            "serviceAccountId": house.service_account,
            "name": "New",
            "scopes": ["requirements:read"],
        },
        row=lambda house: {
            "organization_id": house.organization,
            "service_account_id": house.service_account,
            **key("1234"),
        },
        mutations={"delete": "apiKeyRevoke", "restore": None},
        reset="revoked_at = NULL",
    ),
    PersonalToken: Sample(
        parent=None,
        new=lambda *_: {
            "name": "New",
            "scopes": ["requirements:read"],
            "expiresAt": SOON.isoformat(),
        },
        row=lambda house: {"user_id": house.people[HOLDER], **key("5678")},
        mutations={"update": None, "delete": "personalTokenRevoke", "restore": None},
        reset="revoked_at = NULL",
    ),
    Notification: Sample(
        parent=None,
        new=None,  # events make them
        row=lambda house: {
            "organization_id": house.organization,
            "user_id": house.people[HOLDER],
            "title": "News",
        },
        mutations={"create": None, "update": "notificationRead", "restore": None},
        reset="unread = true, read_at = NULL",
    ),
    Job: Sample(
        parent=Organization,
        new=lambda house, _: {"organizationId": house.organization, "kind": "external.sample"},
        row=lambda house: {
            "organization_id": house.organization,
            "kind": "tests.sample",
            "user_id": house.people[HOLDER],
        },
        mutations={"update": "jobRetry", "delete": None, "restore": None},
    ),
    Share: Sample(
        parent=Document,
        new=lambda house, _: {"objectId": house.document, "name": "New"},
        creator_owns=False,
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "document_id": house.document,
            "name": "Supplier",
            "key_hash": uuid7().bytes * 2,
            "hint": "1234",
            "expires_at": SOON,
        },
        mutations={"delete": "shareRevoke", "restore": None},
        reset="revoked_at = NULL",
    ),
    WebhookEndpoint: Sample(
        parent=Organization,
        new=lambda house, _: {
            "organizationId": house.organization,
            "name": "New",
            "url": "http://127.0.0.1:9999/",
            "serviceAccountId": house.service_account,
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": None,
            "name": "Planner",
            "url": "http://127.0.0.1:9999/",
            "service_account_id": house.service_account,
            "secret": b"secret",
        },
    ),
    WebhookDelivery: Sample(
        parent=WebhookEndpoint,
        new=None,  # events make them
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": None,
            "endpoint_id": house.rows[WebhookEndpoint].id,
            "webhook_id": "msg_1",
            "event_type": "requirement.updated",
            "order_key": uuid7(),
            "status": "failed",
        },
        mutations={
            "create": None,
            "update": "webhookDeliveryReplay",
            "delete": None,
            "restore": None,
        },
        reset="status = 'failed'",
    ),
    AuditAlert: Sample(
        parent=Organization,
        new=None,  # the gateway raises them
        row=lambda house: {
            "organization_id": house.organization,
            "indicator": "rights_raised",
            "level": "high",
            "event_id": uuid7(),
            "event_at": datetime.now(UTC),
        },
        mutations={
            "create": None,
            "update": "auditAlertAcknowledge",
            "delete": None,
            "restore": None,
        },
        reset="acknowledged_at = NULL, acknowledged_by = NULL, note = NULL",
    ),
    WebhookEvent: Sample(
        parent=Organization,
        new=None,  # other systems send them
        row=lambda house: {
            "organization_id": house.organization,
            "provider": "stripe",
            "external_id": f"evt_{uuid7().hex}",
            "event_type": "invoice.paid",
            "body": "{}",
        },
        mutations={"create": None, "update": None, "delete": None, "restore": None},
    ),
    Project: Sample(
        parent=Organization,
        new=lambda house, word: {"organizationId": house.organization, **named(word)},
    ),
    ProjectMember: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "userId": house.people["newcomer"]},
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "user_id": house.people["colleague"],
        },
        changes={"role": "EDITOR"},
        mutations={
            "create": "projectMemberAdd",
            "delete": "projectMemberRemove",
            "restore": None,  # roles in a project are given again
        },
        before_create="DELETE FROM project_members WHERE user_id = $1",
    ),
    UserRole: Sample(
        parent=Document,
        new=lambda house, _: {
            "userId": house.people["newcomer"],
            "objectId": house.document,
            "role": "VIEWER",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "document_id": house.document,
            "user_id": house.people["colleague"],
            "document_role": "viewer",
        },
        changes={"role": "EDITOR"},
        mutations={
            "create": "roleGrant",
            "update": "roleUpdate",
            "delete": "roleRevoke",
            "restore": None,  # roles are granted again
        },
        before_create="DELETE FROM user_roles WHERE user_id = $1",
    ),
    AccessReview: Sample(
        parent=Project,
        new=lambda house, _: {
            "objectId": house.project,
            "name": "New",
            "dueDate": SOON.isoformat(),
            "reviewerIds": [house.people["colleague"]],
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "name": "Access 2026",
            "due_date": SOON,
            "reviewer_ids": [house.people["colleague"]],
            "created_by": None,  # the author may change it, and owners
        },
        mutations={"delete": None, "restore": None},  # it is closed or cancelled
    ),
    AccessReviewItem: Sample(
        parent=AccessReview,
        new=None,  # a review has them
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "access_review_id": house.rows[AccessReview].id,
            "user_id": house.people["colleague"],
            "kind": "membership",
            "grant_id": uuid7(),
            "grant_version": 1,
            "role": "member",
            "object_type": "Organization",
            "object_id": house.organization,
            "granted_at": SOON,
        },
        mutations={"create": None, "update": None, "delete": None, "restore": None},
    ),
    ProvisionedGroup: Sample(  # an identity provider makes, changes and ends them
        parent=Organization,
        new=None,
        row=lambda house: {"organization_id": house.organization, "display_name": "Group"},
        mutations=dict.fromkeys(("create", "update", "delete", "restore")),
    ),
    ProvisionedGroupMember: Sample(
        parent=ProvisionedGroup,
        new=None,
        row=lambda house: {
            "organization_id": house.organization,
            "group_id": house.rows[ProvisionedGroup].id,
            "user_id": house.people["viewer"],
        },
        mutations=dict.fromkeys(("create", "update", "delete", "restore")),
    ),
}
