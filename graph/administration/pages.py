"""Shared code of pages for an organization: the choice of one, forms and dates."""

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4, uuid5

from starlette.requests import Request
from starlette.responses import Response

from auth.credentials import cookies
from auth.pages.owners import id_in
from auth.viewer import Role, Viewer
from auth.web.forms import fields_of, read_pairs
from auth.web.site import Site, see
from db.problem import Problem
from graph.administration.client import ApiClient

MAX_ORGANIZATIONS = 100
"""Organizations that a page lists, at most."""
ORGANIZATIONS = f"""
query AdministeredOrganizations($ids: [UUID!]!) {{
  organizations(
    first: {MAX_ORGANIZATIONS}
    filter: {{id: {{in: $ids}}}}
    orderBy: [{{by: NAME}}]
  ) {{
    nodes {{ id name }}
  }}
}}
"""


class AdministrationPages:
    """Pages of which each belongs to one organization."""

    path: str
    title: str
    news: Mapping[str, str]

    def __init__(self, site: Site, client: ApiClient) -> None:
        self._site, self._client = site, client

    def _open_to(self, viewer: Viewer) -> Collection[UUID]:
        """Return the organizations whose page the viewer can open."""
        return viewer.organizations & frozenset(viewer.scopes_with(Role.ADMIN))

    async def _chosen(self, request: Request, viewer: Viewer) -> UUID | Response:
        """Return the organization of the address, or the only one, or a page to choose one.

        Raises NOT_FOUND for one whose page the viewer cannot open.
        """
        open_to = self._open_to(viewer)
        if "organization" in request.query_params:
            return self._organization(viewer, request.query_params)
        if len(open_to) == 1:
            return next(iter(open_to))
        ids = [str(id) for id in sorted(open_to)[:MAX_ORGANIZATIONS]]
        data = await self._client.run(request, viewer, ORGANIZATIONS, ids=ids)
        return self._form(
            request,
            "administered_organizations.html",
            organizations=data["organizations"]["nodes"],
            title=self.title,
            page=self.path,
        )

    def _organization(self, viewer: Viewer, values: Mapping[str, str]) -> UUID:
        """Return the organization of a form or address. Raises NOT_FOUND."""
        id = id_in(values, "organization")
        if id not in self._open_to(viewer):
            raise Problem("NOT_FOUND", "There is no such organization.")
        return id

    async def _sent(self, request: Request, back: Callable[[Mapping[str, str]], str]) -> "Sent":
        """Return a form that somebody has sent who can open the page of its organization.

        `back` returns the path to which they return from signing in. Raises NOT_FOUND.
        """
        return await self._signed(request, await self._site.fields(request, cookies.SESSION), back)

    async def _sent_several(
        self, request: Request, name: str, most: int, back: Callable[[Mapping[str, str]], str]
    ) -> tuple["Sent", list[str]]:
        """Return a form as `_sent` does, with the values of a field that is sent for each of them.

        `most` is the number of fields that the form has at most. Raises BAD_REQUEST for more.
        """
        pairs = await read_pairs(request, most)
        values = [value for field, value in pairs if field == name]
        fields = fields_of([pair for pair in pairs if pair[0] != name])
        self._site.require_ours(request, fields, cookies.SESSION)
        return await self._signed(request, fields | {name: ",".join(values)}, back), values

    async def _signed(
        self, request: Request, fields: dict[str, str], back: Callable[[Mapping[str, str]], str]
    ) -> "Sent":
        viewer = await self._site.signed_in(request, back(fields))
        return Sent(viewer, self._organization(viewer, fields), fields)

    def _form(
        self, request: Request, template: str, problem: Problem | None = None, **values: Any
    ) -> Response:
        return self._site.form(
            request,
            template,
            problem,
            cookie=cookies.SESSION,
            news=self.news.get(request.query_params.get("news", "")),
            fresh_key=lambda: uuid4().hex,
            **values,
        )


class ObjectPages(AdministrationPages):
    """Pages of one object each, with forms that change it."""

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        values: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the object that `values` name."""
        raise NotImplementedError

    def _there(self, sent: "Sent", news: str) -> Response:
        """Redirect to the object after a change."""
        raise NotImplementedError

    async def _write(
        self,
        request: Request,
        sent: "Sent",
        news: str,
        mutation: str,
        object: str = "id",
        **variables: Any,
    ) -> Response:
        """Run a mutation of the version of the object that a form names, and show it."""
        try:
            given = {"id": sent.id(object), "version": sent.version(), **variables}
            await self._client.run(request, sent.viewer, mutation, key=sent.key, **given)
        except Problem as problem:
            return await self._page(request, sent.viewer, sent.organization, sent.fields, problem)
        return self._there(sent, news)


class Sent:
    """A form that was sent: by whom, in which organization, and its fields."""

    def __init__(self, viewer: Viewer, organization: UUID, fields: dict[str, str]) -> None:
        self.viewer, self.organization, self.fields = viewer, organization, fields
        form = safe_id(fields, "key")
        self.key = str(uuid5(UUID(form), repr(sorted(fields.items())))) if form else ""
        """The idempotency key: the same for the same form with the same fields."""

    def version(self, name: str = "version") -> int:
        """Return a version in the form. Raises INVALID."""
        text = self.fields.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 (64 bits)
            raise Problem("INVALID", "The form has no valid version.")
        return int(text)

    def id(self, name: str = "id") -> str:
        """Return an ID in the form. Raises NOT_FOUND."""
        return str(id_in(self.fields, name))

    def text(self, name: str) -> str | None:
        """Return a field without white space around it; None if it is empty."""
        return self.fields.get(name, "").strip() or None


def path_of(page: str, **parameters: object) -> str:
    """Return the path of a page with those parameters that have a value."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{page}?{urlencode(given)}" if given else page


def back_to(page: str, **parameters: object) -> Response:
    """Redirect the browser to a page."""
    return see(path_of(page, **parameters))


def safe_id(values: Mapping[str, str], name: str) -> str:
    """Return the ID in a form or an address for a path; empty when it is no ID."""
    try:
        return str(id_in(values, name))
    except Problem:
        return ""


def day(values: Mapping[str, str], name: str) -> date | None:
    """Return the day in a field, or None if it is empty. Raises INVALID."""
    text = values.get(name, "").strip()
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
        found + timedelta(days=1)  # which the end of the day is before
    except (ValueError, OverflowError):
        raise Problem("INVALID", "This is not a date such as 2030-01-31.", field=[name]) from None
    return found


def end_of(found: date | None) -> str | None:
    """Return the last second of a day in UTC, as the API takes it."""
    return f"{found.isoformat()}T23:59:59Z" if found else None


def ranks(viewer: Viewer, organization: UUID, roles: Collection[str]) -> list[str]:
    """Return those of the roles that are not above the viewer's own in the organization."""
    own = viewer.grants.get(organization, Role.ANYONE)
    return [role for role in roles if Role[role] <= own]
