"""The pages of a person's profile: name, job title, and the change of the e-mail address."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import access, email_change
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.web.forms import read_form
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE, EMAIL = "/account/profile", "/account/email"
NEWS = {"saved": "Your profile has been changed."}


class ProfilePages:
    """A person's own profile."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(HERE, answering(self.save), methods=["POST"]),
            Route(EMAIL, answering(self.show_email)),
            Route(EMAIL, answering(self.ask), methods=["POST"]),
            Route(f"{EMAIL}/confirm", answering(self.show_confirm)),
            Route(f"{EMAIL}/confirm", answering(self.confirm), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the name and the job title."""
        viewer = await self._site.signed_in(request)
        assert viewer.id  # noqa: S101
        profile = await access.profile(self._site.database, viewer.id)
        return self._form(request, "profile.html", email=viewer.email, **profile._asdict())

    async def save(self, request: Request) -> Response:
        """Change the name and the job title."""
        fields = await read_form(request)
        viewer = await self._site.signed_in(request)
        name, title = fields.get("full_name", ""), fields.get("job_title", "")
        try:
            self._site.require_ours(request, fields, cookies.SESSION)
            await access.change_profile(
                self._site.database, viewer, name, title, origin_of(request)
            )
        except Problem as problem:
            sent = {"full_name": name, "job_title": title}
            return self._form(request, "profile.html", problem, email=viewer.email, **sent)
        return see(f"{HERE}?news=saved")

    async def show_email(self, request: Request) -> Response:
        """Show the form for another address."""
        viewer = await self._site.proved(request)
        return self._form(request, "email.html", current=viewer.email, email="")

    async def ask(self, request: Request) -> Response:
        """Mail a link to the new address."""
        fields = await read_form(request)
        viewer = await self._site.proved(request, EMAIL)
        site, email = self._site, fields.get("email", "")
        try:
            site.require_ours(request, fields, cookies.SESSION)
            await email_change.ask(
                site.database, site.settings, site.outbox, viewer, email, origin_of(request)
            )
        except Problem as problem:
            return self._form(request, "email.html", problem, current=viewer.email, email=email)
        return see("/mail-sent")

    async def show_confirm(self, request: Request) -> Response:
        """Show the change to be confirmed; this changes nothing."""
        viewer = await self._site.signed_in(request)
        token = request.query_params.get("token", "")
        email = await email_change.opened(self._site.database, viewer, token)
        return self._form(
            request, "email_confirm.html", token=token, email=email, current=viewer.email
        )

    async def confirm(self, request: Request) -> Response:
        """Change the address."""
        fields = await self._site.fields(request, cookies.SESSION)
        token, site = fields.get("token", ""), self._site
        again = f"{EMAIL}/confirm?{urlencode({'token': token})}"
        viewer = await site.signed_in(request, again)
        await email_change.confirm(site.database, site.outbox, viewer, token, origin_of(request))
        return see("/account?news=email")

    def _form(
        self, request: Request, template: str, problem: Problem | None = None, **values: Any
    ) -> Response:
        news = NEWS.get(request.query_params.get("news", ""))
        return self._site.form(
            request, template, problem, cookie=cookies.SESSION, news=news, **values
        )
