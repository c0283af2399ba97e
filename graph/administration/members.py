"""The page /members: the members and invitations of an organization, and a form to invite."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.viewer import Viewer
from auth.web.site import answering
from db.core.organizations import UserRoleType
from db.problem import Problem
from graph.administration.pages import AdministrationPages, back_to, path_of, ranks, safe_id

MEMBERS = "/members"
ROLES = tuple(role.name for role in UserRoleType)
READ = """
query Members($id: UUID!, $after: String, $filter: OrganizationMemberFilterInput) {
  organization(id: $id) {
    id name memberCount maxMembers
    members(first: 50, after: $after, filter: $filter, orderBy: [{by: CREATED_AT}]) {
      pageInfo { hasNextPage endCursor }
      nodes { id role status createdAt lastActiveAt user { id fullName email isService } }
    }
    invitations(first: 100, filter: {status: {eq: PENDING}}, orderBy: [{by: EMAIL}]) {
      nodes { id version email role expiresAt }
    }
  }
}
"""
INVITE = """
mutation InviteMember($input: OrganizationInviteInput!) {
  organizationInvite(input: $input) { organizationInvitation { id } }
}
"""
CANCEL = """
mutation CancelInvitation($id: UUID!, $version: BigInt!) {
  organizationInvitationCancel(id: $id, expectedVersion: $version) { organizationInvitation { id } }
}
"""


class MembersPages(AdministrationPages):
    """The list of members, and invitations; NOT_FOUND for all but administrators."""

    path, title = MEMBERS, "Members"
    news: Mapping[str, str] = {
        "invited": "The invitation has been sent.",
        "cancelled": "The invitation has been cancelled.",
        "removed": "The member has been removed.",
    }

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(MEMBERS, answering(self.show)),
            Route(f"{MEMBERS}/invite", answering(self.invite), methods=["POST"]),
            Route(f"{MEMBERS}/cancel", answering(self.cancel), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List the members of an organization, or the organizations."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        return await self._page(request, viewer, chosen)

    async def invite(self, request: Request) -> Response:
        """Invite somebody."""
        sent = await self._sent(request, _back)
        email, role = sent.fields.get("email", ""), sent.fields.get("role", "")
        input = {"organizationId": str(sent.organization), "email": email, "role": role}
        try:
            _require_role(role)
            await self._client.run(request, sent.viewer, INVITE, key=sent.key, input=input)
        except Problem as problem:
            return await self._page(
                request, sent.viewer, sent.organization, problem, email=email, role=role
            )
        return back_to(MEMBERS, organization=sent.organization, news="invited")

    async def cancel(self, request: Request) -> Response:
        """Cancel an invitation."""
        sent = await self._sent(request, _back)
        try:
            given = {"id": sent.id(), "version": sent.version()}
            await self._client.run(request, sent.viewer, CANCEL, key=sent.key, **given)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, problem)
        return back_to(MEMBERS, organization=sent.organization, news="cancelled")

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        problem: Problem | None = None,
        *,
        email: str = "",
        role: str = UserRoleType.MEMBER.name,
    ) -> Response:
        only = request.query_params.get("only", "")
        data = await self._client.run(
            request,
            viewer,
            READ,
            id=str(organization),
            after=request.query_params.get("after") or None,
            filter=_filter(only),
        )
        found = data["organization"]
        info = found["members"]["pageInfo"]
        return self._form(
            request,
            "members.html",
            problem,
            organization=found,
            members=found["members"]["nodes"],
            invitations=found["invitations"]["nodes"],
            choices=["SUSPENDED", *ROLES],
            only=only,
            further=path_of(MEMBERS, organization=organization, only=only, after=info["endCursor"])
            if info["hasNextPage"]
            else None,
            roles=ranks(viewer, organization, ROLES),
            email=email,
            role=role,
            me=str(viewer.id),
        )


def _back(fields: Mapping[str, str]) -> str:
    return path_of(MEMBERS, organization=safe_id(fields, "organization"))


def _filter(only: str) -> dict[str, object] | None:
    """Return the filter of members with a role, or suspended ones. Raises INVALID."""
    if not only:
        return None
    if only == "SUSPENDED":
        return {"status": {"eq": only}}
    _require_role(only)
    return {"role": {"eq": only}}


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise Problem("INVALID", "Choose one of the roles.", field=["role"])
