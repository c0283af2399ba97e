"""The routes of the pages: home, signing in and out, and who is signed in, for the explorer."""

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from auth import cookies
from auth.identify import identify_session, origin_of
from auth.pages import csrf
from auth.pages.forms import local_path, read_form
from auth.pages.page import SECURE, STYLE, page
from auth.people import full_name
from auth.secret import fresh, is_secret
from auth.settings import AuthSettings
from auth.sign_in import sign_in, sign_out
from db.pool import Database
from db.problem import CODES, Problem

NOT_FROM_HERE = (
    "This form has expired, or your browser keeps no cookies from this site. Please try again."
)

Handler = Callable[[Request], Awaitable[Response]]


def routes(database: Database, settings: AuthSettings) -> list[Route]:
    """Every page, to be served at the root of the site."""
    pages = Pages(database, settings)
    return [
        Route("/", refusing(pages.home)),
        Route("/pages.css", style),
        Route("/session", refusing(pages.session)),
        Route("/sign-in", refusing(pages.show_sign_in)),
        Route("/sign-in", refusing(pages.sign_in), methods=["POST"]),
        Route("/sign-out", refusing(pages.sign_out), methods=["POST"]),
    ]


def refusing(handler: Handler) -> Handler:
    """The handler, with a page in place of a Problem."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            status = CODES[problem.code].status
            return page("refusal.html", status, refusal=problem.message)

    return answer


async def style(_: Request) -> Response:
    """The one style sheet."""
    return Response(STYLE, media_type="text/css", headers=SECURE)


class Pages:
    """What the routes do, for one database and one set of settings."""

    def __init__(self, database: Database, settings: AuthSettings) -> None:
        self._database, self._settings = database, settings

    async def home(self, request: Request) -> Response:
        """Where to go from here."""
        return page("home.html", person=await self._person(request))

    async def session(self, request: Request) -> Response:
        """Who is signed in, and the token that a form for signing out carries."""
        person = await self._person(request) or {}
        return JSONResponse({"signedIn": bool(person), **person}, headers=SECURE)

    async def show_sign_in(self, request: Request) -> Response:
        """The form; whoever is signed in already goes on to where they wanted."""
        next = local_path(request.query_params.get("next"))
        if await self._person(request):
            return _see(next)
        return self._form(request, next)

    async def sign_in(self, request: Request) -> Response:
        """Sign in, and go on; or the form again, with what was wrong."""
        fields = await read_form(request)
        next, email = local_path(fields.get("next")), fields.get("email", "")
        if not self._is_ours(request, fields, cookies.FORM):
            return self._form(request, next, Problem("FORBIDDEN", NOT_FROM_HERE))
        try:
            started = await sign_in(
                self._database,
                self._settings,
                email,
                fields.get("password", ""),
                origin_of(request),
                self._read(request, cookies.SESSION),
            )
        except Problem as problem:
            return self._form(request, next, problem, email)
        response = _see(next)
        cookies.write(
            response, request, self._settings, cookies.SESSION, started.secret, started.seconds
        )
        cookies.clear(response, request, self._settings, cookies.FORM)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session, wherever it stands."""
        fields = await read_form(request)
        if not self._is_ours(request, fields, cookies.SESSION):
            raise Problem("FORBIDDEN", NOT_FROM_HERE)
        await sign_out(self._database, self._read(request, cookies.SESSION), origin_of(request))
        response = _see(local_path(fields.get("next")))
        cookies.clear(response, request, self._settings, cookies.SESSION)
        return response

    async def _person(self, request: Request) -> dict[str, str | None] | None:
        """Who is signed in, as /session shows them."""
        secret = self._read(request, cookies.SESSION)
        viewer = await identify_session(secret, self._database, self._settings)
        if viewer.id is None:
            return None
        return {
            "email": viewer.email,
            "fullName": await full_name(self._database, viewer.id),
            "csrfToken": csrf.token(self._settings, secret),
        }

    def _form(
        self, request: Request, next: str, problem: Problem | None = None, email: str = ""
    ) -> Response:
        """The form, tied to the browser by a cookie, which forms in its other tabs share."""
        held = self._read(request, cookies.FORM)
        secret = held if is_secret(held) else fresh()
        response = page(
            "sign_in.html",
            CODES[problem.code].status if problem else 200,
            csrf_token=csrf.token(self._settings, secret),
            next=next,
            email=email,
            refusal=problem.message if problem else None,
        )
        if problem and "retryAfter" in problem.extensions:
            response.headers["Retry-After"] = str(problem.extensions["retryAfter"])
        if secret != held:
            cookies.write(response, request, self._settings, cookies.FORM, secret)
        return response

    def _is_ours(self, request: Request, fields: dict[str, str], cookie: str) -> bool:
        """Whether the form stands on one of our pages, in the browser that sends it."""
        token, held = fields.get("csrf_token", ""), self._read(request, cookie)
        return csrf.from_here(request, self._settings) and csrf.proves(self._settings, token, held)

    def _read(self, request: Request, cookie: str) -> str:
        return cookies.read(request, self._settings, cookie)


def _see(path: str) -> Response:
    """Have the browser go there with GET (RFC 9110, section 15.4.4)."""
    return RedirectResponse(path, 303, headers=SECURE)
