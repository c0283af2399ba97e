"""Properties of an entity: one declaration for each model, which the gateway reads.

A new entity needs only its `traits`: no code that serves all entities names it.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum


class ResourceType(StrEnum):
    """The kind of resource that an event concerns."""

    USER = "user"
    ORGANIZATION = "organization"
    MEMBER = "member"
    INVITATION = "invitation"
    ROLE = "role"
    PROJECT = "project"
    DOCUMENT = "document"
    BLOCK = "block"
    PROPERTY = "property"
    COLUMN = "column"
    REQUIREMENT = "requirement"
    TEST = "test"
    TEST_EXECUTION = "test_execution"
    TEST_MATRIX_VIEW = "test_matrix_view"
    ASSIGNMENT = "assignment"
    TRACE_LINK = "trace_link"
    DIAGRAM = "diagram"
    EXTERNAL_DOCUMENT = "external_document"
    NOTIFICATION = "notification"
    BILLING = "billing"
    SESSION = "session"
    OAUTH_CLIENT = "oauth_client"
    TOKEN = "token"  # noqa: S105 (a kind of resource)
    BASELINE = "baseline"
    NUMBERING_RULE = "numbering_rule"
    FILE = "file"
    JOB = "job"
    SHARE = "share"
    WEBHOOK = "webhook"
    CHANGE_SET = "change_set"
    COMMENT = "comment"
    WORKFLOW = "workflow"
    REVIEW = "review"
    SIGNATURE = "signature"
    ACCESS_REVIEW = "access_review"
    AUDIT_ALERT = "audit_alert"
    IMPORT_MAPPING = "import_mapping"
    COMPLIANCE_DOCUMENT = "compliance_document"
    FRAMEWORK = "framework"
    ASSESSMENT = "assessment"
    ORGANIZATION_DOMAIN = "organization_domain"
    IDENTITY_PROVIDER = "identity_provider"
    TEAM = "team"
    FEATURE = "feature"
    FEATURE_TEST = "feature_test"
    BUILD = "build"
    ENVIRONMENT = "environment"
    DEPLOYMENT = "deployment"
    DEFECT = "defect"
    VULNERABILITY = "vulnerability"
    SECURITY_EVENT = "security_event"
    PROVISIONED_GROUP = "provisioned_group"


class Trash(Enum):
    """The retention of a deleted row that can be restored."""

    PURGED = "removed for good once its organization has kept it long enough"
    KEPT = "kept as long as what it is in: who joins again gets the same row back"


@dataclass(frozen=True)
class Traits:
    """The properties of an entity that the gateway needs besides its columns."""

    resource: ResourceType
    """The kind of resource that the audit log gives for its changes."""
    node: str | None = None
    """The name of its type in the API, which `node(id:)` finds; None where the API has none."""
    named_by: str | None = "name"
    """The attribute that names a row to people, in lists of rows of many kinds; None where rows
    have no name."""
    scope_key: str | None = None
    """The column by which rows beneath one of these name it, where roles are granted at them."""
    parents: tuple[str, ...] = ()
    """Foreign keys, besides those of its scopes, to rows whose deletion hides it. One that leads to
    the model itself nests its rows in each other."""
    owned_by: tuple[str, ...] = ()
    """Foreign keys, likewise, that never change: the row belongs to the same other row for good."""
    ordered_in: str | None = None
    """The foreign key to the row in which its rows stand in one order, by `position`. Mutations put
    new rows last there, and move rows within it."""
    trash: Trash | None = None
    """The retention of its deleted rows, where a mutation restores them."""
    derived: tuple[str, ...] = ()
    """Columns that follow from other rows, which a revert leaves as they are."""
    content: tuple[str, ...] = ()
    """The columns whose change makes links to a row suspect. Its place, tags and status are not
    among them. Trace links can join the entities that have some."""
    pointers: tuple[tuple[str, str], ...] = ()
    """The columns that name rows at other places: the ID and the type of each. The history tells
    them only to viewers who can read the row."""
    owned_with: bool = False
    """True if a new row belongs to the person whom the object it is created in belongs to, if any,
    and not to whoever creates it."""
    grants: bool = False
    """True if its rows give rights, so that writing one may end those it is written with."""
    opens: bool = False
    """True if its rows decide who else may see what is beneath them, or use a credential."""

    @property
    def changes_access(self) -> bool:
        """Return whether viewers have to be loaded again after one of its rows is written."""
        return self.grants or self.opens
