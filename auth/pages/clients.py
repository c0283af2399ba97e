"""The pages on which owners manage the applications of their organizations."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.credentials import cookies
from auth.oauth import connected, managed
from auth.pages.owners import SERVING, id_in, organization_of, organizations_of, owner
from auth.pages.scope_fields import boxes, ticked
from auth.session import Transaction
from auth.viewer import Viewer
from auth.web.site import Site, answering, see
from db.core.clients import OrganizationClient
from db.core.organizations import UserRoleType
from db.fields import among
from db.problem import Problem

HERE = "/account/clients"
NEWS = {
    "changed": "The application has been changed.",
    "disabled": "The application is disabled, and its tokens do not work.",
    "enabled": "The application is enabled.",
    "revoked": "The previous secret is revoked.",
    "deleted": "The application is deleted, and its tokens do not work any more.",
}
MAX_DIGITS = 18


class Client(NamedTuple):
    """An application as the pages show it."""

    row: OrganizationClient
    organization: str

    @property
    def client_id(self) -> str:
        """Return its client id."""
        return managed.client_id(self.row.id)

    @property
    def former_secret_until(self) -> str | None:
        """Return the expiry of its former secret, in UTC; None when it is not valid."""
        until = managed.former_secret_until(self.row)
        return f"{until:%Y-%m-%d %H:%M}" if until else None


class ClientPages:
    """The applications; NOT_FOUND for a person who owns no organization."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(f"{HERE}/new", answering(self.offer)),
            Route(f"{HERE}/new", answering(self.register), methods=["POST"]),
            Route(f"{HERE}/change", answering(self.edit)),
            Route(f"{HERE}/change", answering(self.change), methods=["POST"]),
            Route(f"{HERE}/rotate", answering(self.rotate), methods=["POST"]),
            Route(f"{HERE}/revoke-former", answering(self.revoke_former), methods=["POST"]),
            Route(f"{HERE}/switch", answering(self.switch), methods=["POST"]),
            Route(f"{HERE}/delete", answering(self.delete), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List every application, and the organizations that can register another."""
        viewer = await owner(self._site, request, HERE)
        async with self._transaction(viewer, request) as transaction:
            organizations = await organizations_of(transaction)
            rows = await transaction.find_all(
                OrganizationClient,
                among(OrganizationClient.organization_id, organizations),
                order=[OrganizationClient.name, OrganizationClient.id],
                lock=False,
            )
        clients = [Client(row, organizations[row.organization_id].name) for row in rows]
        others = {
            organization.name: await connected.of_organization(self._site.database, organization.id)
            for organization in organizations.values()
        }
        return self._form(
            request,
            "clients.html",
            clients=clients,
            organizations=organizations.values(),
            others={name: found for name, found in others.items() if found},
        )

    async def offer(self, request: Request) -> Response:
        """Show the form for a new application."""
        viewer = await owner(self._site, request)
        organization = id_in(request.query_params, "organization")
        return await self._new_form(request, viewer, organization, {"kind": "confidential"})

    async def register(self, request: Request) -> Response:
        """Register an application, and show its secret, once."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await owner(self._site, request, HERE)
        organization = id_in(fields, "organization")
        session = self._site.session(request, viewer)
        try:
            async with session.transaction() as transaction:
                kind = fields.get("kind", "")
                role = UserRoleType(kind) if kind in SERVING else None
                values = {**_input(fields), "is_public": kind == "public"}
                row, secret = await managed.create(
                    session, transaction, organization, values, None, role
                )
        except Problem as problem:
            return await self._new_form(request, viewer, organization, fields, problem)
        managed.tell_owners(session, self._site.outbox, row, managed.REGISTERED)
        return self._form(request, "client_secret.html", client=Client(row, ""), secret=secret)

    async def edit(self, request: Request) -> Response:
        """Show the form of its registration, with the other actions on it."""
        viewer = await owner(self._site, request)
        id = id_in(request.query_params)
        async with self._transaction(viewer, request) as transaction:
            row = await transaction.find(OrganizationClient, id, lock=False)
        return self._edited(request, row)

    async def change(self, request: Request) -> Response:
        """Change its registration."""
        id, version, fields, viewer = await self._sent(request)
        try:
            await self._update(request, viewer, id, version, _input(fields))
        except Problem as problem:
            async with self._transaction(viewer, request) as transaction:
                row = await transaction.find(OrganizationClient, id, lock=False)
            return self._edited(request, row, problem, fields)
        return see(f"{HERE}?news=changed")

    async def rotate(self, request: Request) -> Response:
        """Rotate its secret, and show the new one, once."""
        id, version, fields, viewer = await self._sent(request)
        session = self._site.session(request, viewer)
        async with session.transaction() as transaction:
            row, secret = await managed.rotate(
                session, transaction, id, version, revoke_former="revokeFormer" in fields
            )
        managed.tell_owners(session, self._site.outbox, row, managed.ROTATED)
        return self._form(request, "client_secret.html", client=Client(row, ""), secret=secret)

    async def revoke_former(self, request: Request) -> Response:
        """Revoke its former secret."""
        id, _, _, viewer = await self._sent(request)
        async with self._transaction(viewer, request) as transaction:
            await managed.revoke_former_secret(transaction, id)
        return see(f"{HERE}?news=revoked")

    async def switch(self, request: Request) -> Response:
        """Disable or enable it."""
        id, version, fields, viewer = await self._sent(request)
        off = fields.get("to") == "disabled"
        await self._update(request, viewer, id, version, {"is_disabled": off})
        return see(f"{HERE}?news={'disabled' if off else 'enabled'}")

    async def delete(self, request: Request) -> Response:
        """Delete it for good."""
        id, version, _, viewer = await self._sent(request)
        async with self._transaction(viewer, request) as transaction:
            row = await transaction.find(OrganizationClient, id)
            await transaction.edits.delete(row, version)
        return see(f"{HERE}?news=deleted")

    async def _sent(self, request: Request) -> tuple[UUID, int, dict[str, str], Viewer]:
        """Return the application of a form, the version it shows, its fields and the viewer."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await owner(self._site, request, HERE)
        version = fields.get("version", "")
        if not (version.isascii() and version.isdigit() and len(version) <= MAX_DIGITS):
            raise Problem("BAD_REQUEST", "The form has no version.")
        return id_in(fields), int(version), fields, viewer

    async def _update(
        self, request: Request, viewer: Viewer, id: UUID, version: int, values: dict[str, Any]
    ) -> None:
        session = self._site.session(request, viewer)
        async with session.transaction() as transaction:
            row, did = await managed.update(session, transaction, id, version, values)
        managed.tell_owners(session, self._site.outbox, row, did)

    def _transaction(
        self, viewer: Viewer, request: Request
    ) -> AbstractAsyncContextManager[Transaction]:
        return self._site.session(request, viewer).transaction()

    async def _new_form(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        entered: dict[str, str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the form for a new application, as it was last sent."""
        async with self._transaction(viewer, request) as transaction:
            found = await organization_of(transaction, organization)
        return self._form(
            request,
            "client_new.html",
            problem,
            organization=found,
            roles=[role.value for role in SERVING],
            **_form_values(entered, ticked(entered)),
        )

    def _edited(
        self,
        request: Request,
        row: OrganizationClient,
        problem: Problem | None = None,
        sent: dict[str, str] | None = None,
    ) -> Response:
        entered = sent or {"name": row.name, "redirectUris": "\n".join(row.redirect_uris)}
        chosen = ticked(sent) if sent else row.scopes
        client = Client(row, "")
        return self._form(
            request, "client_change.html", problem, client=client, **_form_values(entered, chosen)
        )

    def _form(
        self, request: Request, template: str, problem: Problem | None = None, **values: Any
    ) -> Response:
        news = NEWS.get(request.query_params.get("news", ""))
        return self._site.form(
            request, template, problem, cookie=cookies.SESSION, news=news, **values
        )


def _input(fields: dict[str, str]) -> dict[str, Any]:
    """Return the columns of an application from the fields of a form."""
    return {
        "name": fields.get("name", ""),
        "redirect_uris": fields.get("redirectUris", "").split(),
        "scopes": ticked(fields),
    }


def _form_values(entered: dict[str, str], chosen: Collection[str]) -> dict[str, Any]:
    """Return the values of the fields of a form."""
    return {
        "name": entered.get("name", ""),
        "uris": entered.get("redirectUris", ""),
        "kind": entered.get("kind", ""),
        "scopes": boxes(chosen),
    }
