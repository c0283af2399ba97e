"""The page /members/second-factor: the rule of an organization, and who lacks a second factor."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.viewer import Role, Viewer
from auth.web.site import answering
from db.problem import Problem
from graph.administration.pages import AdministrationPages, back_to, path_of, safe_id

PAGE = "/members/second-factor"
READ = """
query SecondFactors($id: UUID!, $after: String) {
  organization(id: $id) {
    id version name secondFactorRequired
    membersWithoutSecondFactor(first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { member { id role createdAt user { fullName email } } }
    }
  }
}
"""
REQUIRE = """
mutation RequireSecondFactor($id: UUID!, $version: BigInt!, $required: Boolean!) {
  organizationSecondFactorRequire(id: $id, expectedVersion: $version, required: $required) {
    organization { id }
  }
}
"""


class SecondFactorAdministration(AdministrationPages):
    """The rule and the list, for administrators; owners change the rule."""

    path, title = PAGE, "Second factors"
    news: Mapping[str, str] = {
        "required": "Members need a second factor now.",
        "optional": "Members do not need a second factor any more.",
    }

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(PAGE, answering(self.show)),
            Route(PAGE, answering(self.require), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the rule of an organization and who lacks a second factor."""
        viewer = await self._site.signed_in(request)
        chosen = await self._chosen(request, viewer)
        if isinstance(chosen, Response):
            return chosen
        return await self._page(request, viewer, chosen)

    async def require(self, request: Request) -> Response:
        """Set or lift the rule."""
        sent = await self._sent(request, _back)
        required = sent.fields.get("required") == "yes"
        try:
            given = {"id": str(sent.organization), "version": sent.version(), "required": required}
            await self._client.run(request, sent.viewer, REQUIRE, key=sent.key, **given)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, problem)
        news = "required" if required else "optional"
        return back_to(PAGE, organization=sent.organization, news=news)

    async def _page(
        self, request: Request, viewer: Viewer, organization: UUID, problem: Problem | None = None
    ) -> Response:
        after = request.query_params.get("after") or None
        data = await self._client.run(request, viewer, READ, id=str(organization), after=after)
        found = data["organization"]
        if found is None:  # the rule was set meanwhile, by another owner
            raise Problem("NOT_FOUND", "There is no such organization.")
        missing = found["membersWithoutSecondFactor"]
        info = missing["pageInfo"]
        further = path_of(PAGE, organization=organization, after=info["endCursor"])
        return self._form(
            request,
            "members_second_factor.html",
            problem,
            organization=found,
            members=[row["member"] for row in missing["nodes"] if row["member"]],
            further=further if info["hasNextPage"] else None,
            owns=viewer.grants.get(organization, Role.ANYONE) >= Role.OWNER,
        )


def _back(fields: Mapping[str, str]) -> str:
    return path_of(PAGE, organization=safe_id(fields, "organization"))
