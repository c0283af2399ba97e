"""The pages of shares at /s, without script: a document, a baseline as it was, or a report.

Whatever is wrong with an address, the answer is that there is no such page: it does not tell an
unknown address from one that has expired, is revoked, or whose object is deleted.
"""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from auth.accounts.mail import Outbox
from auth.credentials import cookies, passwords, shares, throttle
from auth.credentials.identify import origin_of
from auth.credentials.share_views import ShareViews
from auth.credentials.shares import PASS_LIFETIME, PATH, SEPARATOR, OpenShare
from auth.events import Event, record
from auth.session import Row, ViewerSession
from auth.viewer import Viewer
from auth.web.forms import read_form
from auth.web.page import SECURE, page
from auth.web.site import Site, answering, see
from db.base import Entity
from db.change import AuditEventType, AuditSeverity
from db.compliance.assessments import Assessment
from db.pool import NOBODY, Database
from db.problem import Problem
from db.requirements.baselines import Baseline
from db.requirements.documents import Document
from db.traits import ResourceType
from graph.editor.shared_content import MAX_BLOCKS, MAX_REQUIREMENTS
from graph.editor.shared_document import show_baseline, show_document
from graph.editor.shared_object import Asked, Show, Shown
from graph.editor.shared_report import show_report
from graph.http.operation.rate_limits import RateLimits
from graph.kit.storage import Storage
from graph.settings import Settings

COST = MAX_BLOCKS + MAX_REQUIREMENTS
"""The cost of a page, of which is given back what it does not read."""
SHOW: Mapping[type[Entity], Show] = {
    Document: show_document,
    Baseline: show_baseline,
    Assessment: show_report,
}
"""The contents of the page, by the model of the object."""
PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
"""Headers of pages that tell no other site their address, and are in no search engine."""
WRONG = "The password is wrong."


def routes(
    database: Database,
    settings: Settings,
    outbox: Outbox,
    rates: RateLimits,
    views: ShareViews,
    storage: Storage,
) -> list[BaseRoute]:
    """Return the routes beneath /s."""
    pages = SharedPages(Site(database, settings, outbox), rates, views, storage)
    address = f"{PATH}{{key}}"
    return [
        Route(address, answering(pages.show)),
        Route(address, answering(pages.unlock), methods=["POST"]),
    ]


class SharedPages:
    """The page of a share, and the form for its password."""

    def __init__(self, site: Site, rates: RateLimits, views: ShareViews, storage: Storage) -> None:
        self._site, self._rates, self._views, self._storage = site, rates, views, storage

    async def show(self, request: Request) -> Response:
        """Show the object of the share, or ask for the password."""
        share = await self._found(request)
        if share is None:
            return _missing()
        pass_ = self._site.read(request, cookies.SHARE)
        viewer = shares.unlocked(self._site.settings, share, pass_)
        if viewer is None:
            return self._form(request)
        charge = self._rates.spend(viewer, origin_of(request).ip_address, COST)
        session = self._site.session(request, viewer)
        try:
            shown = await self._shown(request, session)
        except Problem as problem:
            if problem.code == "NOT_FOUND":
                return _missing()
            raise
        finally:
            charge.give_back(max(COST - session.rows_read, 0))
        response = await asyncio.to_thread(page, shown.template, **shown.values)
        response.headers.update(PRIVATE)
        self._views.viewed(viewer, origin_of(request))
        return response

    async def unlock(self, request: Request) -> Response:
        """Verify the password, and remember in the browser, or tell a program, that it was right.

        A program asks for JSON, and gets a key that can be sent to the API.
        """
        share = await self._found(request)
        if share is None:
            return _missing()
        site, is_program = self._site, "json" in request.headers.get("accept", "")
        fields = await (read_form(request) if is_program else site.fields(request))
        if share.password_hash is not None:
            try:
                await self._verify(request, share, fields.get("password", ""))
            except Problem as problem:
                if is_program:
                    raise
                return self._form(request, problem)
        pass_, until = shares.new_pass(site.settings, share)
        if is_program:
            token = f"{request.path_params['key']}{SEPARATOR}{pass_}"
            return JSONResponse({"token": token, "expiresAt": until.isoformat()}, headers=SECURE)
        response = see(request.url.path)
        life = int(PASS_LIFETIME.total_seconds())
        path = request.url.path
        cookies.write(response, request, site.settings, cookies.SHARE, pass_, life, path)
        return response

    async def _found(self, request: Request) -> OpenShare | None:
        """Return the share of this address, if its object is there."""
        share = await shares.find(self._site.database, request.path_params["key"])
        if share is None:
            return None
        row = await _object(self._site.session(request, share.viewer))
        return share if row is not None else None

    async def _verify(self, request: Request, share: OpenShare, password: str) -> None:
        """Raise UNAUTHENTICATED for a wrong password, RATE_LIMITED after many, and BUSY."""
        database, settings = self._site.database, self._site.settings
        counts = throttle.share_counts(
            settings, str(share.viewer.id), origin_of(request).ip_address
        )
        async with database.auth.lend(NOBODY) as lent:
            await throttle.admit(lent, counts, "wrong passwords")
        candidate = passwords.normalised(password)
        try:
            hash = share.password_hash if candidate is not None else None
            right = await passwords.verified(candidate or "", hash)
        except Problem:
            async with database.auth.lend(NOBODY) as lent:
                await throttle.take_back(lent, counts)
            raise
        async with database.auth.lend(NOBODY) as lent:
            if right:
                await throttle.forgive(lent, counts)
            else:
                await record(lent, _refused(share), origin_of(request))
        if not right:
            raise Problem("UNAUTHENTICATED", WRONG, field=["password"])

    def _form(self, request: Request, problem: Problem | None = None) -> Response:
        response = self._site.form(request, "shared_password.html", problem, here=request.url.path)
        response.headers["X-Robots-Tag"] = PRIVATE["X-Robots-Tag"]
        return response

    async def _shown(self, request: Request, session: ViewerSession) -> Shown:
        """Return what the page shows. Raises NOT_FOUND, and QUERY_TOO_COMPLEX."""
        found = await _object(session)
        if found is None:
            raise Problem("NOT_FOUND", "It was deleted a moment ago.")
        model, row = found
        return await SHOW[model](Asked(request, session, self._storage, row))


async def _object(session: ViewerSession) -> tuple[type[Entity], Row] | None:
    """Return the object of the viewer's share, and its model; None when it is deleted."""
    viewer: Viewer = session.viewer
    assert viewer.shared is not None  # noqa: S101 (it is the viewer of a share)
    id: UUID = viewer.shared.object_id
    for model in SHOW:
        if pages := await session.pages(model, "id", [id]):
            return model, pages[id][0]
    return None


def _refused(share: OpenShare) -> Event:
    """Return the event of a wrong password."""
    assert share.viewer.id is not None  # noqa: S101 (it is that of the share)
    assert share.viewer.shared is not None  # noqa: S101 (it is made with it)
    return Event(
        entity_type="Share",
        entity_id=share.viewer.id,
        action="refuse",
        type=AuditEventType.ACCESS_DENIED,
        description="A wrong password of a share was given.",
        resource=ResourceType.SHARE,
        severity=AuditSeverity.MEDIUM,
        organization_id=share.viewer.shared.organization_id,
        details={"reason": "password"},
    )


def _missing() -> Response:
    response = page("missing.html", 404)
    response.headers.update(PRIVATE)
    return response
