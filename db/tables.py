"""Every model, so that one import makes the metadata complete."""

from db.audit.seal import AuditCheckpoint, AuditSeal, AuditSealCursor
from db.base import Base
from db.change import AuditLog
from db.core.billing import BillingCache, StripeCustomer, UsageLog
from db.core.clients import OrganizationClient
from db.core.idempotency import IdempotencyKey
from db.core.keys import ApiKey, PersonalToken
from db.core.notifications import Notification
from db.core.oauth import (
    OAuthAccessToken,
    OAuthAuthorizationCode,
    OAuthClient,
    OAuthConsent,
    OAuthDeviceCode,
    OAuthProof,
    OAuthPushedRequest,
    OAuthRefreshToken,
)
from db.core.organizations import Organization, OrganizationInvitation, OrganizationMember
from db.core.people import MailedLink, Profile, ProfileCredential, RecoveryCode, SecondFactor
from db.core.projects import Project, ProjectMember, UserRole
from db.core.sessions import Session, SignInAttempts
from db.core.usage import UsageCounter
from db.feed.tables import FeedCursor, FeedDocument, FeedEntry, FeedPosition
from db.requirements.baselines import Baseline, BaselineItem
from db.requirements.collaboration import Assignment, TraceLink
from db.requirements.diagrams import DiagramElementLink, ExcalidrawDiagram, ReactFlowDiagram
from db.requirements.documents import Block, Column, Document, Property
from db.requirements.external import ExternalDocument
from db.requirements.requirements import Requirement
from db.requirements.summaries import DocumentSummary
from db.requirements.testing import TestCase, TestExecution, TestMatrixView

MODELS: tuple[type[Base], ...] = (
    Profile,
    ProfileCredential,
    MailedLink,
    SecondFactor,
    RecoveryCode,
    Session,
    SignInAttempts,
    IdempotencyKey,
    Organization,
    OrganizationMember,
    OrganizationInvitation,
    OrganizationClient,
    Project,
    ProjectMember,
    UserRole,
    Notification,
    ApiKey,
    PersonalToken,
    StripeCustomer,
    BillingCache,
    UsageLog,
    UsageCounter,
    AuditLog,
    AuditSeal,
    AuditSealCursor,
    AuditCheckpoint,
    FeedDocument,
    FeedEntry,
    FeedPosition,
    FeedCursor,
    OAuthClient,
    OAuthAuthorizationCode,
    OAuthDeviceCode,
    OAuthAccessToken,
    OAuthRefreshToken,
    OAuthPushedRequest,
    OAuthConsent,
    OAuthProof,
    Document,
    Block,
    Property,
    Column,
    Requirement,
    TestCase,
    TestExecution,
    TestMatrixView,
    Assignment,
    TraceLink,
    ExcalidrawDiagram,
    ReactFlowDiagram,
    DiagramElementLink,
    ExternalDocument,
    Baseline,
    BaselineItem,
)
VIEWS: tuple[type[Base], ...] = (DocumentSummary,)
METADATA = Base.metadata
