"""The page of one member: the role, the status, and roles at projects and documents."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.viewer import Role, Viewer
from auth.web.site import answering
from db.problem import Problem
from graph.administration.members import MEMBERS, ROLES
from graph.administration.pages import (
    ObjectPages,
    Sent,
    back_to,
    day,
    end_of,
    path_of,
    ranks,
    safe_id,
)

MEMBER = f"{MEMBERS}/member"
MAX_ROLES = 100
"""Additional roles that the page lists, at most."""
READ = f"""
query Member($organization: UUID!, $id: UUID!) {{
  organization(id: $organization) {{
    id name
    members(first: 1, filter: {{id: {{eq: $id}}}}) {{
      nodes {{
        id version role status createdAt lastActiveAt
        user {{
          id fullName email isService
          roles(
            first: {MAX_ROLES}
            filter: {{organizationId: {{eq: $organization}}}}
            orderBy: [{{by: CREATED_AT}}]
          ) {{
            nodes {{
              id version role objectType expiresAt reason createdAt createdBy {{ fullName }}
              project {{ name }} document {{ name }}
            }}
          }}
        }}
      }}
    }}
    projects(first: 100, orderBy: [{{by: NAME}}]) {{
      pageInfo {{ hasNextPage }}
      nodes {{ id name }}
    }}
  }}
}}
"""
DOCUMENTS = """
query DocumentsOfProject($project: UUID!) {
  project(id: $project) {
    name
    documents(first: 100) { pageInfo { hasNextPage } nodes { id name } }
  }
}
"""
UPDATE = """
mutation UpdateMember($id: UUID!, $version: BigInt!, $input: OrganizationMemberUpdateInput!) {
  organizationMemberUpdate(id: $id, expectedVersion: $version, input: $input) {
    organizationMember { id }
  }
}
"""
REMOVE = """
mutation RemoveMember($id: UUID!, $version: BigInt!) {
  organizationMemberRemove(id: $id, expectedVersion: $version) { organizationMember { id } }
}
"""
GRANT = """
mutation GrantRole($input: RoleGrantInput!) {
  roleGrant(input: $input) { userRole { id } }
}
"""
CHANGE = """
mutation ChangeRole($id: UUID!, $version: BigInt!, $input: RoleUpdateInput!) {
  roleUpdate(id: $id, expectedVersion: $version, input: $input) { userRole { id } }
}
"""
REVOKE = """
mutation RevokeRole($id: UUID!, $version: BigInt!) {
  roleRevoke(id: $id, expectedVersion: $version) { userRole { id } }
}
"""


class MemberPages(ObjectPages):
    """The page of each member; NOT_FOUND for all but administrators."""

    path, title = MEMBERS, "Members"
    news: Mapping[str, str] = {
        "role": "The role has been changed.",
        "suspended": "The member has been suspended, and has no access until resumed.",
        "resumed": "The member has access again.",
        "granted": "The role has been granted.",
        "changed": "The granted role has been changed.",
        "revoked": "The granted role has been revoked.",
    }

    def routes(self) -> list[Route]:
        """Return their routes."""
        actions = {
            "role": self.change_role,
            "suspend": self.suspend,
            "resume": self.resume,
            "remove": self.remove,
            "grant": self.grant,
            "change": self.change_grant,
            "revoke": self.revoke,
        }
        return [
            Route(MEMBER, answering(self.show)),
            *(
                Route(f"{MEMBER}/{name}", answering(action), methods=["POST"])
                for name, action in actions.items()
            ),
        ]

    async def show(self, request: Request) -> Response:
        """Show a member."""
        viewer = await self._site.signed_in(request)
        organization = self._organization(viewer, request.query_params)
        return await self._page(request, viewer, organization, request.query_params)

    async def change_role(self, request: Request) -> Response:
        """Change the role in the organization."""
        sent = await self._sent(request, _back)
        input = {"role": sent.fields.get("role", "")}
        return await self._write(request, sent, "role", UPDATE, input=input)

    async def suspend(self, request: Request) -> Response:
        """Suspend the membership."""
        sent = await self._sent(request, _back)
        return await self._write(request, sent, "suspended", UPDATE, input={"status": "SUSPENDED"})

    async def resume(self, request: Request) -> Response:
        """Resume the membership."""
        sent = await self._sent(request, _back)
        return await self._write(request, sent, "resumed", UPDATE, input={"status": "ACTIVE"})

    async def remove(self, request: Request) -> Response:
        """Remove the member from the organization."""
        sent = await self._sent(request, _back)
        answer = await self._write(request, sent, "removed", REMOVE)
        gone = answer.status_code == 303  # noqa: PLR2004 (it was done)
        there = {"organization": sent.organization, "news": "removed"}
        return back_to(MEMBERS, **there) if gone else answer

    async def grant(self, request: Request) -> Response:
        """Grant a role at the organization, a project or a document."""
        sent = await self._sent(request, _back)

        def input() -> dict[str, Any]:
            return {
                "userId": sent.id("user"),
                "objectId": sent.id("object"),
                "role": sent.fields.get("role", ""),
                "expiresAt": end_of(day(sent.fields, "expiresAt")),
                "reason": sent.text("reason"),
            }

        try:
            await self._client.run(request, sent.viewer, GRANT, key=sent.key, input=input())
        except Problem as problem:
            return await self._page(
                request, sent.viewer, sent.organization, sent.fields, problem, sent.fields
            )
        return self._there(sent, "granted")

    async def change_grant(self, request: Request) -> Response:
        """Change a granted role, its end or its reason."""
        sent = await self._sent(request, _back)
        input: dict[str, Any] = {
            "role": sent.fields.get("role", ""),
            "reason": sent.text("reason"),
        }
        try:
            if sent.text("expiresAt") != sent.text("before"):
                input["expiresAt"] = end_of(day(sent.fields, "expiresAt"))
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return await self._write(request, sent, "changed", CHANGE, "grant", input=input)

    async def revoke(self, request: Request) -> Response:
        """Revoke a granted role."""
        sent = await self._sent(request, _back)
        return await self._write(request, sent, "revoked", REVOKE, "grant")

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
        entered: Mapping[str, str] | None = None,
    ) -> Response:
        """Show the member that `values` name, with documents of the project that they name."""
        id = safe_id(values, "id")
        if not id:
            raise Problem("NOT_FOUND", "There is no such member.")
        data = await self._client.run(request, viewer, READ, organization=str(organization), id=id)
        found = data["organization"]
        if not found["members"]["nodes"] or found["members"]["nodes"][0]["user"] is None:
            raise problem or Problem("NOT_FOUND", "There is no such member.")
        (member,) = found["members"]["nodes"]
        project, chosen = safe_id(values, "project"), None
        if project:
            read = await self._client.run(request, viewer, DOCUMENTS, project=project)
            chosen = read["project"]
        own = viewer.grants.get(organization, Role.ANYONE)
        return self._form(
            request,
            "member.html",
            problem,
            organization=found,
            member=member,
            user=member["user"],
            grants=member["user"]["roles"]["nodes"],
            may_change=Role[member["role"]] <= own,
            roles=ranks(viewer, organization, ROLES),
            all_roles=ROLES,
            project=project,
            chosen=chosen,
            entered=entered or {},
            is_me=member["user"]["id"] == str(viewer.id),
        )

    def _there(self, sent: Sent, news: str) -> Response:
        return back_to(MEMBER, organization=sent.organization, id=sent.id(), news=news)


def _back(fields: Mapping[str, str]) -> str:
    there = {name: safe_id(fields, name) for name in ("organization", "id", "project")}
    return path_of(MEMBER, **there)
