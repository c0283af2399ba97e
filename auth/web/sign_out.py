"""The end of a browser's session, and of the one at the identity provider where it began."""

from starlette.requests import Request
from starlette.responses import Response

from auth.accounts import sign_in
from auth.accounts.sso import attempts
from auth.accounts.sso.flow import SingleSignOn
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.web.page import page


async def sign_out(sso: SingleSignOn, request: Request, next: str, otherwise: Response) -> Response:
    """End the session of the browser; return the page that leads to its provider, or `otherwise`.

    The page leads there without a click: a form must not redirect to another site. From there the
    browser goes on to `next`.
    """
    settings = sso.settings
    secret = cookies.read(request, settings, cookies.SESSION)
    elsewhere = await sso.sign_out(secret, next)
    await sign_in.sign_out(sso.database, secret, origin_of(request))
    response = otherwise
    if elsewhere:
        response = page("sso_sign_out.html", target=elsewhere.url, provider=elsewhere.provider)
        value = attempts.seal(settings, elsewhere.attempt)
        cookies.write(response, request, settings, cookies.SSO, value, attempts.LIFETIME)
    cookies.clear(response, request, settings, cookies.SESSION)
    return response
