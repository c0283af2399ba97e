"""Sign-in with a passkey alone, which says whose it is."""

from auth.accounts.mail import Outbox
from auth.accounts.passkeys.ceremonies import RefusedError
from auth.accounts.passkeys.proofs import WRONG, Answer, Attempt
from auth.accounts.sign_in import Held, Methods, Person, begin_session
from auth.accounts.sso.connections import elsewhere
from auth.accounts.sso.identities import person_of
from auth.credentials.browser_sessions import Started
from auth.credentials.credential_lock import lock_password
from auth.origin import Origin
from auth.settings import AuthSettings
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

OWNER = "SELECT user_id FROM passkeys WHERE credential_id = $1"


async def sign_in(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    answer: Answer,
    origin: Origin,
    browser_cookies: Held,
) -> Started:
    """Begin a session of the person whose passkey has answered.

    Raises UNAUTHENTICATED, the same for every passkey that is not accepted, FORBIDDEN when the
    account is closed, and RATE_LIMITED with `retryAfter` seconds.
    """
    attempt = Attempt(database, settings, outbox, answer, origin)
    try:
        given = await attempt.read()
    except Problem as problem:
        raise _unauthenticated(problem) from None
    obstacle: str | None
    try:
        async with database.auth.lend(NOBODY) as lent, lent.transaction():
            owner = await lent.fetchval(OWNER, given.credential_id)
            if owner is not None:
                await lock_password(lent, owner)  # before the passkey, as who closes an account
            proved = await attempt.use(lent, given)
            person = await person_of(lent, proved.user_id)
            obstacle = await _obstacle(lent, person)
            if obstacle is None:
                by = Methods("a passkey", (proved.method,))
                return await begin_session(
                    lent, database, settings, outbox, person, by, origin, browser_cookies
                )
    except RefusedError as reason:
        raise _unauthenticated(await attempt.refused(given, reason)) from None
    await attempt.refused(given, RefusedError("closed account"))
    raise Problem("FORBIDDEN", obstacle)


async def _obstacle(connection: Lent, person: Person) -> str | None:
    return person.obstacle or await elsewhere(connection, person.id, person.email)


def _unauthenticated(problem: Problem) -> Problem:
    """Return the error of a sign-in for that of an answer."""
    if problem.code != "INVALID":
        return problem
    return Problem("UNAUTHENTICATED", problem.message or WRONG)
