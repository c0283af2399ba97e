"""Single sign-on: begin at an identity provider, come back, and end with its session."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from auth.accounts import second_proof, step_up
from auth.accounts.mail import Outbox
from auth.accounts.second_proof import Given
from auth.accounts.sign_in import Held, Methods, begin_session
from auth.accounts.sso import attempts, connections, identities
from auth.accounts.sso.attempts import Attempt, PendingLink, Purpose
from auth.accounts.sso.connections import Connection, sealed
from auth.accounts.sso.identities import Claims, Identified
from auth.accounts.sso.provider import LEEWAY, NOT_PROVED, Providers
from auth.credentials.browser_sessions import Started, Via
from auth.events import Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database
from db.problem import Problem
from db.traits import ResourceType

NOT_TRIED = "An owner has to try this identity provider before it is used."
NOT_YOURS = "This is not the identity that is connected to your account."
OTHER_PROVIDER = "The answer is of another identity provider. Start again."
DENIED = "The identity provider did not sign you in. Start again, or ask an administrator."
TESTED = """
UPDATE identity_providers
SET tested_at = now(), version = version + 1, updated_at = now(), updated_by = $2
WHERE id = $1 AND deleted_at IS NULL AND issuer = $3 AND client_id = $4
RETURNING version, tested_at
"""
OF_SUBJECT = """
UPDATE sessions AS s SET ended_at = now()
FROM profile_identities AS i
WHERE i.organization_id = $1 AND i.issuer = $2 AND ($3::text IS NULL OR i.subject = $3)
    AND s.identity_id = i.id AND s.user_id = i.user_id AND s.ended_at IS NULL
    AND ($4::text IS NULL OR s.provider_session = $4)
RETURNING s.id, s.user_id
"""


@dataclass(frozen=True)
class Answer:
    """The parameters with which a provider sends a browser back, each of which may be anything."""

    state: str = ""
    code: str = field(default="", repr=False)
    issuer: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Halfway:
    """The state before the second factor of the account that an identity is to be connected to.

    It is kept in the cookie of the attempt.
    """

    state: str = field(repr=False)
    has_passkey: bool = False


class SignOut(NamedTuple):
    """A sign-out at a provider: the URL that asks for it, the provider's name, and the attempt."""

    url: str
    provider: str
    attempt: Attempt


@dataclass(frozen=True)
class SingleSignOn:
    """Signing in at identity providers, with what that needs."""

    database: Database
    settings: AuthSettings
    outbox: Outbox
    providers: Providers

    @classmethod
    def of(cls, database: Database, settings: AuthSettings, outbox: Outbox) -> "SingleSignOn":
        return cls(database, settings, outbox, Providers.of(settings))

    def redirect_uri(self, id: UUID) -> str:
        """Return the URI to which a provider sends browsers back: one for each provider."""
        return f"{self.settings.url}/sso/{id}/callback"

    def logout_uri(self, id: UUID) -> str:
        """Return the URI to which a provider sends logout tokens."""
        return f"{self.settings.url}/sso/{id}/logout"

    def post_logout_redirect_uri(self, id: UUID) -> str:
        """Return the URI to which a provider sends browsers back that have signed out there."""
        return f"{self.settings.url}/sso/{id}/signed-out"

    def sealed(self, id: UUID, secret: str) -> bytes:
        """Return the secret of a client, encrypted for its identity provider."""
        return sealed(self.settings, id, secret)

    async def begin(self, connection: Connection, attempt: Attempt, hint: str = "") -> str:
        """Return the URL at which the person signs in. Raises FORBIDDEN, INVALID and BUSY."""
        if not connection.is_tested and attempt.purpose != Purpose.TEST:
            raise Problem("FORBIDDEN", NOT_TRIED)
        more = {"login_hint": hint} if hint else {}
        if attempt.purpose == Purpose.PROVE:
            more |= {"prompt": "login", "max_age": "0"}
        return await self.providers.authorization_url(
            connection,
            self.redirect_uri(connection.id),
            state=attempt.state,
            nonce=attempt.nonce,
            verifier=attempt.verifier,
            **more,
        )

    async def claims(self, connection: Connection, attempt: Attempt, answer: Answer) -> Claims:
        """Return the claims of an answer that fits the attempt. Raises UNAUTHENTICATED and BUSY."""
        if answer.state != attempt.state or attempt.provider != str(connection.id):
            raise Problem("UNAUTHENTICATED", attempts.START_AGAIN)
        metadata = await self.providers.discover(connection.issuer)
        named = answer.issuer
        if (named is None and metadata.names_issuer) or named not in (None, connection.issuer):
            raise Problem("UNAUTHENTICATED", OTHER_PROVIDER)
        if answer.error or not answer.code:
            raise Problem("UNAUTHENTICATED", DENIED)
        proves = attempt.purpose == Purpose.PROVE
        claims = await self.providers.claims(
            connection,
            self.redirect_uri(connection.id),
            code=answer.code,
            nonce=attempt.nonce,
            verifier=attempt.verifier,
            max_age=0 if proves else None,
        )
        if proves and claims["auth_time"] < attempt.began - LEEWAY:
            raise Problem("UNAUTHENTICATED", NOT_PROVED)
        return Claims.of(claims)

    async def sign_in(
        self, connection: Connection, claims: Claims, origin: Origin, browser_cookies: Held
    ) -> Started | Halfway:
        """Begin a session of the person of these claims, or ask for the code of their account.

        Raises FORBIDDEN with the reason, which is recorded.
        """
        if not connection.is_tested:
            raise Problem("FORBIDDEN", NOT_TRIED)
        try:
            found = await identities.identified(
                self.database, self.settings, self.outbox, connection, claims, origin
            )
            _require_open(found)
        except Problem as problem:
            await self._refused(connection, problem, origin)
            raise
        if found.identity_id is None:
            return self._halfway(connection, claims, found)
        return await self._begin(connection, found, claims.session, origin, browser_cookies)

    async def second_step(
        self, connection: Connection, link: PendingLink, given: Given, origin: Origin, held: Held
    ) -> Started:
        """Connect an identity to an account by its second factor, and begin a session.

        Raises INVALID for a wrong proof, RATE_LIMITED, FORBIDDEN and ALREADY_EXISTS.
        """
        if (link.provider, link.issuer) != (str(connection.id), connection.issuer):
            raise Problem("UNAUTHENTICATED", attempts.START_AGAIN)
        id = UUID(link.user_id)
        await second_proof.prove(self.database, self.settings, self.outbox, id, given, origin)
        claims = Claims(link.subject, link.email, None, link.provider_session or None)
        async with self.database.auth.lend(NOBODY) as lent, lent.transaction():
            person = await identities.person_of(lent, id)
            _require_open(Identified(person, None))
            identity = await identities.link(lent, self.outbox, connection, person, claims, origin)
        found = Identified(person, identity)
        return await self._begin(connection, found, claims.session, origin, held)

    async def connect(
        self, connection: Connection, claims: Claims, viewer: Viewer, origin: Origin
    ) -> None:
        """Connect an identity to the account of who is signed in. Raises ALREADY_EXISTS."""
        assert viewer.id  # noqa: S101 (they are signed in)
        if await identities.is_known(self.database, connection, claims, viewer.id):
            return
        async with self.database.auth.lend(NOBODY) as lent, lent.transaction():
            person = await identities.person_of(lent, viewer.id)
            await identities.link(lent, self.outbox, connection, person, claims, origin)

    async def tested(
        self, connection: Connection, claims: Claims, viewer: Viewer, origin: Origin
    ) -> None:
        """Note that an owner has signed in at the provider, and connect their identity."""
        await self.connect(connection, claims, viewer, origin)
        async with self.database.auth.lend(NOBODY) as lent, lent.transaction():
            row = await lent.fetchrow(
                TESTED, connection.id, viewer.id, connection.issuer, connection.client_id
            )
            if row is None:
                raise Problem("CONFLICT", "The identity provider has been changed meanwhile.")
            event = Event(
                entity_type="IdentityProvider",
                entity_id=connection.id,
                organization_id=connection.organization_id,
                action="test",
                type=AuditEventType.UPDATE,
                description="An identity provider was tried.",
                resource=ResourceType.IDENTITY_PROVIDER,
                severity=AuditSeverity.MEDIUM,
                actor_id=viewer.id,
                version=row["version"],
                values={"tested_at": row["tested_at"].isoformat()},
            )
            await record(lent, event, origin)

    async def prove(
        self, connection: Connection, claims: Claims, viewer: Viewer, origin: Origin
    ) -> None:
        """Note a fresh proof of who is signed in. Raises FORBIDDEN for another identity."""
        assert viewer.id  # noqa: S101 (they are signed in)
        if not await identities.is_known(self.database, connection, claims, viewer.id):
            raise Problem("FORBIDDEN", NOT_YOURS)
        await step_up.note_proof(self.database, viewer, (), origin)

    async def sign_out(self, secret: str, next: str) -> SignOut | None:
        """Return the sign-out at the provider at which the session of this secret began.

        `next` is where the person then goes. None for a session that began here, and for a provider
        that offers no sign-out or does not answer.
        """
        with suppress(Problem):
            connection = await connections.of_session(self.database, self.settings, secret)
            if connection is None:
                return None
            attempt = Attempt.new(str(connection.id), Purpose.SIGN_OUT, next)
            back = self.post_logout_redirect_uri(connection.id)
            url = await self.providers.end_session_url(connection, back, attempt.state)
            return SignOut(url, connection.name, attempt) if url else None
        return None

    async def log_out(self, connection: Connection, token: str, origin: Origin) -> int:
        """End the sessions that a logout token names; return their number.

        Raises UNAUTHENTICATED.
        """
        claims = await self.providers.logout_claims(connection, token)
        async with self.database.auth.lend(NOBODY) as lent, lent.transaction():
            ended = await lent.fetch(
                OF_SUBJECT,
                connection.organization_id,
                connection.issuer,
                claims.get("sub"),
                claims.get("sid"),
            )
            for row in ended:
                event = Event(
                    entity_type="Session",
                    entity_id=row["id"],
                    action="sign_out",
                    type=AuditEventType.LOGOUT,
                    description="Signed out by the identity provider.",
                    resource=ResourceType.SESSION,
                    user_id=row["user_id"],
                    session_id=row["id"],
                )
                await record(lent, event, origin)
        return len(ended)

    def _halfway(self, connection: Connection, claims: Claims, found: Identified) -> Halfway:
        link = PendingLink(
            str(connection.id),
            connection.issuer,
            claims.subject,
            claims.email or "",
            str(found.person.id),
            int(time.time()),
            claims.session or "",
        )
        return Halfway(attempts.seal(self.settings, link), found.person.has_passkey)

    async def _begin(
        self,
        connection: Connection,
        found: Identified,
        provider_session: str | None,
        origin: Origin,
        held: Held,
    ) -> Started:
        assert found.identity_id  # noqa: S101
        by = Methods(f"the identity provider {connection.name}", ())
        via = Via(found.identity_id, provider_session)
        async with self.database.auth.lend(NOBODY) as lent, lent.transaction():
            return await begin_session(
                lent, self.database, self.settings, self.outbox, found.person, by, origin, held, via
            )

    async def _refused(self, connection: Connection, problem: Problem, origin: Origin) -> None:
        event = Event(
            entity_type="IdentityProvider",
            entity_id=connection.id,
            organization_id=connection.organization_id,
            action="sign_in",
            type=AuditEventType.LOGIN_FAILED,
            description="A sign-in at the identity provider was refused.",
            resource=ResourceType.IDENTITY_PROVIDER,
            severity=AuditSeverity.MEDIUM,
            details={"reason": problem.message},
        )
        async with self.database.auth.lend(NOBODY) as lent:
            await record(lent, event, origin)


def _require_open(found: Identified) -> None:
    """Raise FORBIDDEN for an account that is closed, or still waits for approval."""
    if found.person.obstacle:
        raise Problem("FORBIDDEN", found.person.obstacle)
