"""The resources of SCIM and what the service announces about itself (RFC 7643, section 5)."""

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    GroupMembership,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

MAX_RESULTS = 200
"""The most resources on a page."""
MAX_OPERATIONS = 1000
"""The most operations of a bulk request."""
DOCUMENTATION = "https://datatracker.ietf.org/doc/html/rfc6750"

ReadOnlyText = Annotated[str | None, Mutability.read_only]


class Name(ComplexAttribute):
    """The name of a user."""

    family_name: str | None = None
    """The family name of the user."""

    given_name: str | None = None
    """The given name of the user."""


class Email(ComplexAttribute):
    """The email address of a user."""

    value: str | None = None
    """The email address, in lower case."""

    type: str | None = Field(None, examples=["work"])
    """Always `work`."""

    primary: bool | None = None
    """Always true: a user has one address."""


class Member(ComplexAttribute):
    """A user in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The ID of the user."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URL of the user."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always `User`."""


class Role(ComplexAttribute):
    """The role of a user in the organization."""

    value: ReadOnlyText = None
    """The name of the role."""


class User(Resource[Any]):
    """A member of the organization."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name of the user at the identity provider, unique in the organization."""

    name: Name | None = None
    """The name of the user."""

    display_name: str | None = None
    """The full name of the user, as others see it."""

    title: str | None = None
    """The job title of the user."""

    active: bool | None = None
    """True if the user can use the organization."""

    emails: list[Email] | None = None
    """The email address of the account."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups that the user is in."""

    roles: Annotated[list[Role] | None, Mutability.read_only] = None
    """The role of the user in the organization."""


class Group(Resource[Any]):
    """A group of members of the organization."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name of the group, unique in the organization."""

    members: list[Member] | None = None
    """The users in the group."""


def provider(payload_limit: int) -> ScimProvider:
    """Return the description of the service, for bulk requests of `payload_limit` bytes."""
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=MAX_OPERATIONS, max_payload_size=payload_limit),
        filter=Filter(supported=True, max_results=MAX_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="An API key or an OAuth access token with the scope scim.",
                spec_uri=Reference(DOCUMENTATION),
                primary=True,
            )
        ],
    )
    return ScimProvider(models=[User, Group], config=config, policy=POLICY)


POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""Attributes that are not stored are ignored, and PATCH is read as Microsoft Entra sends it."""
