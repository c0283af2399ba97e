"""The types, fields and mutations that the tenant core adds to the schema."""

import strawberry

from graph.core import (
    access,  # noqa: F401 (it extends types)
    api_keys,
    audit_logs,  # noqa: F401 (it extends types)
    changes,
    clients,
    closing,
    devices,
    domains,
    feed,  # noqa: F401 (it extends types)
    identities,
    identity_providers,
    membership,
    notification_preferences,
    notifications,
    organizations,
    ownership,
    passkeys,
    people,
    personal_tokens,
    profiles,
    projects,
    provisioning,
    purge,
    roles,
    second_factor_rule,
    service_accounts,
    sessions,
    stars,
    trash,
    usage,  # noqa: F401 (it extends types)
)
from graph.core.access_reviews import mutations as reviewing
from graph.core.access_reviews import types as access_reviews

NODES = (
    organizations.Organization,
    projects.Project,
    people.Profile,
    organizations.OrganizationMember,
    organizations.OrganizationInvitation,
    clients.OAuthClient,
    domains.OrganizationDomain,
    identity_providers.IdentityProvider,
    projects.ProjectMember,
    roles.UserRole,
    access_reviews.AccessReview,
    access_reviews.AccessReviewItem,
    provisioning.ProvisionedGroup,
    provisioning.ProvisionedGroupMember,
    api_keys.ApiKey,
    personal_tokens.PersonalToken,
    notifications.Notification,
)


@strawberry.type
class Query(
    people.Query,
    organizations.Query,
    projects.Query,
    roles.Query,
    access_reviews.Query,
    trash.Query,
):
    pass


@strawberry.type
class Mutation(
    profiles.Mutation,
    sessions.Mutation,
    identities.Mutation,
    closing.Mutation,
    membership.Mutation,
    ownership.Mutation,
    passkeys.Mutation,
    service_accounts.Mutation,
    provisioning.Mutation,
    second_factor_rule.Mutation,
    clients.Mutation,
    devices.Mutation,
    domains.Mutation,
    identity_providers.Mutation,
    api_keys.Mutation,
    personal_tokens.Mutation,
    notifications.Mutation,
    notification_preferences.Mutation,
    projects.Mutation,
    stars.Mutation,
    roles.Mutation,
    reviewing.Mutation,
    purge.Mutation,
):
    pass


@strawberry.type
class Subscription(changes.Subscription, notifications.Subscription):
    pass
