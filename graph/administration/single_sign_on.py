"""The page /single-sign-on: domains and the identity provider of an organization, for owners."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts.sso import connections
from auth.accounts.sso.attempts import Purpose
from auth.accounts.step_up import is_fresh
from auth.pages.single_sign_on import SingleSignOnPages
from auth.viewer import Role, Viewer
from auth.web.site import RedirectTo, Site, answering, proof_path
from db.core.organizations import UserRoleType
from db.problem import Problem
from graph.administration.client import ApiClient
from graph.administration.pages import AdministrationPages, Sent, back_to, path_of, safe_id

PAGE = "/single-sign-on"
ROLES = tuple(
    role.name for role in UserRoleType if role not in (UserRoleType.OWNER, UserRoleType.ADMIN)
)
READ = """
query SingleSignOn($id: UUID!) {
  organization(id: $id) {
    id name
    domains(first: 50, orderBy: [{by: DOMAIN}]) {
      nodes {
        id version domain autoJoin autoJoinRole verificationRequired verifiedAt failingSince
        recordName recordValue
      }
    }
    identityProviders(first: 1) {
      nodes {
        id version name issuer clientId isEnforced testedAt
        redirectUri postLogoutRedirectUri logoutUri
      }
    }
  }
}
"""
ADD_DOMAIN = """
mutation AddDomain($input: OrganizationDomainCreateInput!) {
  organizationDomainCreate(input: $input) { organizationDomain { id } }
}
"""
VERIFY_DOMAIN = """
mutation VerifyDomain($id: UUID!) {
  organizationDomainVerify(id: $id) { organizationDomain { id } }
}
"""
CHANGE_DOMAIN = """
mutation ChangeDomain($id: UUID!, $version: BigInt!, $input: OrganizationDomainUpdateInput!) {
  organizationDomainUpdate(id: $id, expectedVersion: $version, input: $input) {
    organizationDomain { id }
  }
}
"""
REMOVE_DOMAIN = """
mutation RemoveDomain($id: UUID!, $version: BigInt!) {
  organizationDomainDelete(id: $id, expectedVersion: $version) { organizationDomain { id } }
}
"""
ADD_PROVIDER = """
mutation AddIdentityProvider($input: IdentityProviderCreateInput!) {
  identityProviderCreate(input: $input) { identityProvider { id } }
}
"""
CHANGE_PROVIDER = """
mutation ChangeIdentityProvider(
  $id: UUID!, $version: BigInt!, $input: IdentityProviderUpdateInput!
) {
  identityProviderUpdate(id: $id, expectedVersion: $version, input: $input) {
    identityProvider { id }
  }
}
"""
REMOVE_PROVIDER = """
mutation RemoveIdentityProvider($id: UUID!, $version: BigInt!, $force: Boolean!) {
  identityProviderDelete(id: $id, expectedVersion: $version, force: $force) {
    identityProvider { id }
  }
}
"""


class SingleSignOnAdministration(AdministrationPages):
    """Domains and the identity provider; NOT_FOUND for all but owners."""

    path, title = PAGE, "Domains and single sign-on"
    news: Mapping[str, str] = {
        "added": "The domain has been added. Publish its record, then verify it.",
        "verified": "The domain is verified.",
        "saved": "The change has been saved.",
        "removed": "It has been removed.",
        "provider": "The identity provider is set up. Register the redirect URI there, and try it.",
        "tried": "You have signed in at the identity provider. It is offered to people now.",
    }

    def __init__(self, site: Site, client: ApiClient) -> None:
        super().__init__(site, client)
        self._pages = SingleSignOnPages(site)

    def routes(self) -> list[Route]:
        """Return their routes."""
        forms = {
            "domain/add": self.add_domain,
            "verify": self.verify,
            "domain": self.change_domain,
            "domain/remove": self.remove_domain,
            "provider/add": self.add_provider,
            "provider": self.change_provider,
            "provider/remove": self.remove_provider,
            "enforce": self.enforce,
            "try": self.try_out,
        }
        return [
            Route(PAGE, answering(self.show)),
            *(
                Route(f"{PAGE}/{path}", answering(handler), methods=["POST"])
                for path, handler in forms.items()
            ),
        ]

    def _open_to(self, viewer: Viewer) -> Collection[UUID]:
        return viewer.organizations & frozenset(viewer.scopes_with(Role.OWNER))

    async def show(self, request: Request) -> Response:
        """Show the domains and the identity provider of an organization."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        return await self._page(request, viewer, chosen)

    async def add_domain(self, request: Request) -> Response:
        """Add a domain."""
        sent = await self._sent(request, _back)
        input = {
            "organizationId": str(sent.organization),
            "domain": sent.fields.get("domain", ""),
        }
        return await self._run(request, sent, ADD_DOMAIN, "added", input=input)

    async def verify(self, request: Request) -> Response:
        """Verify a domain."""
        sent = await self._sent(request, _back)
        sent.key = ""  # whoever sends the form again wants another look-up
        return await self._run(request, sent, VERIFY_DOMAIN, "verified", id=sent.id())

    async def change_domain(self, request: Request) -> Response:
        """Change who joins by a domain."""
        sent = await self._sent(request, _back)
        input: dict[str, Any] = {
            "autoJoin": "autoJoin" in sent.fields,
            "verificationRequired": "verificationRequired" in sent.fields,
        }
        if sent.fields.get("role") in ROLES:
            input["autoJoinRole"] = sent.fields["role"]
        return await self._run(
            request, sent, CHANGE_DOMAIN, "saved", id=sent.id(), version=sent.version(), input=input
        )

    async def remove_domain(self, request: Request) -> Response:
        """Remove a domain."""
        sent = await self._sent(request, _back)
        given = {"id": sent.id(), "version": sent.version()}
        return await self._run(request, sent, REMOVE_DOMAIN, "removed", **given)

    async def add_provider(self, request: Request) -> Response:
        """Set an identity provider up."""
        sent = await self._sent(request, _back)
        input = {"organizationId": str(sent.organization), **_provider(sent)}
        return await self._run(request, sent, ADD_PROVIDER, "provider", input=input)

    async def change_provider(self, request: Request) -> Response:
        """Change the identity provider; an empty secret stays the present one."""
        sent = await self._sent(request, _back)
        given = {"id": sent.id(), "version": sent.version(), "input": _provider(sent)}
        return await self._run(request, sent, CHANGE_PROVIDER, "saved", **given)

    async def enforce(self, request: Request) -> Response:
        """Require the identity provider, or allow passwords again."""
        sent = await self._sent(request, _back)
        input = {"isEnforced": sent.fields.get("enforced") == "on"}
        given = {"id": sent.id(), "version": sent.version(), "input": input}
        return await self._run(request, sent, CHANGE_PROVIDER, "saved", **given)

    async def remove_provider(self, request: Request) -> Response:
        """Remove the identity provider."""
        sent = await self._sent(request, _back)
        given = {"id": sent.id(), "version": sent.version(), "force": "force" in sent.fields}
        return await self._run(request, sent, REMOVE_PROVIDER, "removed", **given)

    async def try_out(self, request: Request) -> Response:
        """Show the way to the identity provider, at which an owner signs in once to try it."""
        sent = await self._sent(request, _back)
        if not await is_fresh(self._site.database, sent.viewer):
            raise RedirectTo(proof_path(request.state.back))
        site = self._site
        connection = await connections.find(site.database, site.settings, sent.id())
        if connection.organization_id != sent.organization:
            raise Problem("NOT_FOUND", connections.NO_SUCH)
        back = path_of(PAGE, organization=sent.organization, news="tried")
        try:
            return await self._pages.away(request, connection, Purpose.TEST, sent.viewer, back)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, problem)

    async def _run(
        self, request: Request, sent: Sent, text: str, news: str, **variables: Any
    ) -> Response:
        try:
            await self._client.run(request, sent.viewer, text, key=sent.key, **variables)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, problem)
        return back_to(PAGE, organization=sent.organization, news=news)

    async def _page(
        self, request: Request, viewer: Viewer, organization: UUID, problem: Problem | None = None
    ) -> Response:
        data = await self._client.run(request, viewer, READ, id=str(organization))
        found = data["organization"]
        providers = found["identityProviders"]["nodes"]
        return self._form(
            request,
            "single_sign_on.html",
            problem,
            organization=found,
            domains=found["domains"]["nodes"],
            provider=providers[0] if providers else None,
            roles=ROLES,
        )


def _back(fields: Mapping[str, str]) -> str:
    return path_of(PAGE, organization=safe_id(fields, "organization"))


def _provider(sent: Sent) -> dict[str, str]:
    """Return the fields of an identity provider that are not empty."""
    names = ("name", "issuer", "clientId", "clientSecret")
    return {name: sent.fields[name].strip() for name in names if sent.fields.get(name, "").strip()}
