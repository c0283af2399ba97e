"""The context of every page: the database, the viewer, and forms that prove their origin."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from string import punctuation
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from auth.accounts.mail import Outbox
from auth.accounts.passkeys import ceremonies, challenges
from auth.accounts.passkeys.challenges import Purpose
from auth.accounts.passkeys.proofs import Answer
from auth.accounts.second_proof import Given
from auth.accounts.step_up import is_fresh
from auth.credentials import cookies, known_browsers
from auth.credentials.credential_lock import CredentialEnded
from auth.credentials.identify import identify_session, origin_of
from auth.secret import fresh, is_secret
from auth.session import ViewerSession
from auth.settings import AuthSettings
from auth.viewer import Viewer
from auth.web import csrf
from auth.web.forms import read_form
from auth.web.page import SECURE, page
from db.pool import Database
from db.problem import CODES, Problem
from db.sqlstates import problem_of

NOT_FROM_HERE = (
    "This form has expired, or your browser keeps no cookies from this site. Please try again."
)

Handler = Callable[[Request], Awaitable[Response]]


class RedirectTo(Exception):
    """The page cannot be shown before the browser has visited another path of this site."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def answering(handler: Handler) -> Handler:
    """Return the handler, with a page in place of a Problem, and a redirect for RedirectTo.

    A refusal of the database itself, such as of a write on a standby, is a Problem, too.
    """

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RedirectTo as elsewhere:
            return see(elsewhere.path)
        except CredentialEnded:
            return see(_sign_in_path(request))
        except Problem as problem:
            return refusal(problem)
        except Exception as error:
            if known := problem_of(error):
                return refusal(known)
            raise

    return answer


def refusal(problem: Problem) -> Response:
    """Return a page that says why an action was refused."""
    response = page("refusal.html", CODES[problem.code].status, refusal=problem.message)
    return _with_wait(response, problem)


async def required_step_up(database: Database, viewer: Viewer, back: str) -> Response | None:
    """Return the redirect to the page for a fresh proof, and back again.

    None when this signed-in person has given one lately. `back` is a path of this site.
    """
    return None if await is_fresh(database, viewer) else see(proof_path(back))


def proof_path(back: str, *, always: bool = False) -> str:
    """Return the path of the page for a fresh proof, which then leads back.

    It leads back at once when there is a fresh proof, unless `always` demands another.
    """
    return f"/prove?{'always=1&' if always else ''}next={quote(back, safe='')}"


def see(path: str) -> Response:
    """Redirect the browser there with GET (RFC 9110, section 15.4.4)."""
    return RedirectResponse(path, 303, headers=SECURE)


@dataclass(frozen=True)
class Site:
    """One database and one set of settings, as pages see them."""

    database: Database
    settings: AuthSettings
    outbox: Outbox

    async def viewer(self, request: Request) -> Viewer:
        """Return the signed-in viewer; ANONYMOUS when nobody is signed in."""
        secret = self.read(request, cookies.SESSION)
        return await identify_session(secret, self.database, self.settings)

    async def signed_in(self, request: Request, back: str = "") -> Viewer:
        """Return the signed-in viewer, or raise RedirectTo the page for signing in.

        They return to `back`, or to this page; a form whose path shows no page names one.
        """
        request.state.back = back or _path_of(request)
        viewer = await self.viewer(request)
        if viewer.id is None:
            raise RedirectTo(_sign_in_path(request))
        return viewer

    async def proved(self, request: Request, back: str = "") -> Viewer:
        """Return the signed-in viewer with a fresh proof, or redirect to the page for it.

        They return as from `signed_in`.
        """
        viewer = await self.signed_in(request, back)
        if not await is_fresh(self.database, viewer):
            raise RedirectTo(proof_path(request.state.back))
        return viewer

    def session(self, request: Request, viewer: Viewer) -> ViewerSession:
        """Return the session that reads the rows of this viewer."""
        return ViewerSession(self.database, viewer, origin_of(request))

    def form(
        self,
        request: Request,
        template: str,
        problem: Problem | None = None,
        *,
        cookie: str = cookies.FORM,
        with_passkey: bool | None = None,
        **values: object,
    ) -> Response:
        """Return a page with a form, bound to the browser by a cookie, which its other tabs share.

        `cookie` is SESSION when somebody is signed in. `with_passkey` says, on pages where people
        can authenticate with a passkey, whether that is offered. The page shows the problem of the
        form's last submission, and its field; CredentialEnded redirects to sign in.
        """
        if isinstance(problem, CredentialEnded):
            raise RedirectTo(_sign_in_path(request))
        cookie_value = self.read(request, cookie)
        secret = cookie_value if is_secret(cookie_value) else fresh()
        if with_passkey is not None:
            values["passkey_options"] = self._passkey_options(secret) if with_passkey else None
        response = page(
            template,
            CODES[problem.code].status if problem else 200,
            csrf_token=csrf.token(self.settings, secret),
            refusal=problem.message if problem else None,
            refused=problem.field[-1] if problem and problem.field else None,
            **values,
        )
        if secret != cookie_value and cookie == cookies.FORM:
            cookies.write(response, request, self.settings, cookie, secret)
        return _with_wait(response, problem)

    def _passkey_options(self, secret: str) -> str | None:
        """Return the options to authenticate with a passkey in the browser with this cookie."""
        party = ceremonies.relying_party(self.settings)
        if party is None:
            return None
        challenge = challenges.new(self.settings, Purpose.AUTHENTICATE, secret)
        return ceremonies.request_options(party, challenge)

    def proof_in(self, request: Request, fields: Mapping[str, str], cookie: str) -> Given:
        """Return what a form, which is bound to this cookie, has for a second factor."""
        answer = Answer(fields.get("credential", ""), self.read(request, cookie))
        return Given(fields.get("code", ""), answer)

    def know(self, response: Response, request: Request, email: str) -> None:
        """Mark the browser as known at this address, whose owner has just proved to use it."""
        known = known_browsers.after_sign_in(
            self.settings, self.read(request, cookies.KNOWN), email.lower()
        )
        self.keep_known(response, request, known)

    def keep_known(self, response: Response, request: Request, known: str) -> None:
        """Set the cookie of a known browser."""
        life = known_browsers.LIFETIME
        cookies.write(response, request, self.settings, cookies.KNOWN, known, life)

    async def fields(self, request: Request, cookie: str = cookies.FORM) -> dict[str, str]:
        """Return the fields of a form.

        Raises BAD_REQUEST, and FORBIDDEN when it is not of this site.
        """
        fields = await read_form(request)
        self.require_ours(request, fields, cookie)
        return fields

    def require_ours(self, request: Request, fields: dict[str, str], cookie: str) -> None:
        """Raise FORBIDDEN unless the form stands on a page of ours in the browser that sends it."""
        token, cookie_value = fields.get("csrf_token", ""), self.read(request, cookie)
        if not csrf.from_here(request, self.settings) or not csrf.proves(
            self.settings, token, cookie_value
        ):
            raise Problem("FORBIDDEN", NOT_FROM_HERE)

    def read(self, request: Request, cookie: str) -> str:
        """Return the cookie's value, which may be anything; empty without one."""
        return cookies.read(request, self.settings, cookie)


def _path_of(request: Request) -> str:
    """Return the path at which this page is shown again; a form's own path shows it as well.

    Servers accept bytes in a query that no address may hold.
    """
    path: str = request.scope["path"]
    query = quote(request.scope["query_string"], safe=punctuation)
    return f"{path}?{query}" if request.method == "GET" and query else path


def _sign_in_path(request: Request) -> str:
    """Return the path of the page for signing in, which then leads back to this request."""
    return f"/sign-in?next={quote(request.state.back, safe='')}"


def _with_wait(response: Response, problem: Problem | None) -> Response:
    if problem and "retryAfter" in problem.extensions:
        response.headers["Retry-After"] = str(problem.extensions["retryAfter"])
    return response
