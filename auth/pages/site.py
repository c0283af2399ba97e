"""What every page needs: the database, who is asking, forms that prove where they come from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from string import punctuation
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from auth import cookies
from auth.holding import SignedOut
from auth.identify import identify_session, origin_of
from auth.mail import Outbox
from auth.pages import csrf
from auth.pages.forms import read_form
from auth.pages.page import SECURE, page
from auth.secret import fresh, is_secret
from auth.session import ViewerSession
from auth.settings import AuthSettings
from auth.step_up import is_fresh
from auth.viewer import Viewer
from db.pool import Database
from db.problem import CODES, Problem

NOT_FROM_HERE = (
    "This form has expired, or your browser keeps no cookies from this site. Please try again."
)

Handler = Callable[[Request], Awaitable[Response]]


class Elsewhere(Exception):
    """The page cannot be shown before the browser has been at another path of this site."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def answering(handler: Handler) -> Handler:
    """The handler, with a page in place of a Problem, and the way to where it sends people."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Elsewhere as elsewhere:
            return see(elsewhere.path)
        except SignedOut:
            return see(_sign_in_path(request))
        except Problem as problem:
            return refusal(problem)

    return answer


def refusal(problem: Problem) -> Response:
    """A page that says why something was not done."""
    response = page("refusal.html", CODES[problem.code].status, refusal=problem.message)
    return _with_wait(response, problem)


async def required_step_up(database: Database, viewer: Viewer, back: str) -> Response | None:
    """The way to the page where this signed-in person proves that it is them, and back again.

    None when they have lately done so. `back` is a path of this site.
    """
    return None if await is_fresh(database, viewer) else see(proof_path(back))


def proof_path(back: str) -> str:
    """The page on which whoever is signed in proves that it is them, and then goes back."""
    return f"/prove?next={quote(back, safe='')}"


def see(path: str) -> Response:
    """Have the browser go there with GET (RFC 9110, section 15.4.4)."""
    return RedirectResponse(path, 303, headers=SECURE)


@dataclass(frozen=True)
class Site:
    """One database and one set of settings, as pages see them."""

    database: Database
    settings: AuthSettings
    outbox: Outbox

    async def viewer(self, request: Request) -> Viewer:
        """Who is signed in; ANONYMOUS when nobody is."""
        secret = self.read(request, cookies.SESSION)
        return await identify_session(secret, self.database, self.settings)

    async def signed_in(self, request: Request, back: str = "") -> Viewer:
        """Who is signed in; whoever is not, or no longer, does that first.

        They come back to `back`, or to this page; a form whose path shows none says where it
        stands.
        """
        request.state.back = back or _path_of(request)
        viewer = await self.viewer(request)
        if viewer.id is None:
            raise Elsewhere(_sign_in_path(request))
        return viewer

    async def proved(self, request: Request, back: str = "") -> Viewer:
        """Who is signed in and has lately proved that it is them; others do that first.

        They come back as from there.
        """
        viewer = await self.signed_in(request, back)
        if not await is_fresh(self.database, viewer):
            raise Elsewhere(proof_path(request.state.back))
        return viewer

    def session(self, request: Request, viewer: Viewer) -> ViewerSession:
        """The rows of this viewer."""
        return ViewerSession(self.database, viewer, origin_of(request))

    def form(
        self,
        request: Request,
        template: str,
        problem: Problem | None = None,
        *,
        cookie: str = cookies.FORM,
        **values: object,
    ) -> Response:
        """A page with a form, tied to the browser by a cookie, which its other tabs share.

        `cookie` is SESSION for whoever is signed in. The page shows the problem that the form's
        last sending has met, and at which field; whom it has signed out it sends to sign in.
        """
        if isinstance(problem, SignedOut):
            raise Elsewhere(_sign_in_path(request))
        held = self.read(request, cookie)
        secret = held if is_secret(held) else fresh()
        response = page(
            template,
            CODES[problem.code].status if problem else 200,
            csrf_token=csrf.token(self.settings, secret),
            refusal=problem.message if problem else None,
            refused=problem.field[-1] if problem and problem.field else None,
            **values,
        )
        if secret != held and cookie == cookies.FORM:
            cookies.write(response, request, self.settings, cookie, secret)
        return _with_wait(response, problem)

    async def fields(self, request: Request, cookie: str = cookies.FORM) -> dict[str, str]:
        """The fields of a form of ours. Raises BAD_REQUEST, and FORBIDDEN when it is not ours."""
        fields = await read_form(request)
        self.require_ours(request, fields, cookie)
        return fields

    def require_ours(self, request: Request, fields: dict[str, str], cookie: str) -> None:
        """Raises FORBIDDEN unless the form stands on our page in the browser that sends it."""
        token, held = fields.get("csrf_token", ""), self.read(request, cookie)
        if not csrf.from_here(request, self.settings) or not csrf.proves(
            self.settings, token, held
        ):
            raise Problem("FORBIDDEN", NOT_FROM_HERE)

    def read(self, request: Request, cookie: str) -> str:
        """The cookie's value, which may be anything; empty without one."""
        return cookies.read(request, self.settings, cookie)


def _path_of(request: Request) -> str:
    """Where this page is found again; a form's own path shows it as well.

    Servers let bytes through in a query that no address holds.
    """
    path: str = request.scope["path"]
    query = quote(request.scope["query_string"], safe=punctuation)
    return f"{path}?{query}" if request.method == "GET" and query else path


def _sign_in_path(request: Request) -> str:
    """The page on which somebody signs in, and then goes on where this request came from."""
    return f"/sign-in?next={quote(request.state.back, safe='')}"


def _with_wait(response: Response, problem: Problem | None) -> Response:
    if problem and "retryAfter" in problem.extensions:
        response.headers["Retry-After"] = str(problem.extensions["retryAfter"])
    return response
