"""Proofs by passkeys: whose passkey has answered a challenge, and that each answer counts once."""

from dataclasses import dataclass, field
from uuid import UUID

from auth.accounts.mail import Outbox
from auth.accounts.passkeys import ceremonies, challenges
from auth.accounts.passkeys.ceremonies import Assertion, RefusedError
from auth.accounts.passkeys.challenges import Purpose
from auth.credentials import throttle
from auth.events import NOBODY_KNOWN, Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

HARDWARE, SOFTWARE = "hwk", "swk"
"""The methods (RFC 8176): a key that stays in its authenticator, and one that can be copied."""
METHODS = (HARDWARE, SOFTWARE)

FIND = "SELECT id, user_id FROM passkeys WHERE credential_id = $1"
LOCKED = """
SELECT k.id, k.user_id, k.name, k.public_key, k.sign_count, k.is_backup_eligible,
    (SELECT p.email FROM profiles AS p WHERE p.id = k.user_id) AS email
FROM passkeys AS k WHERE k.credential_id = $1 FOR NO KEY UPDATE OF k
"""
USED = """
UPDATE passkeys SET sign_count = $2, is_backed_up = $3, last_used_at = now() WHERE id = $1
"""

WRONG = "The passkey was not accepted. Try again, or choose another way."
EXPIRED = "This page has expired. Try again."
NONE_HERE = "There are no passkeys at this address of the gateway."
COPIED = "A passkey may have been copied"
COPIED_TEXT = (
    "The passkey {} of your account was refused: its counter of signatures went back, which happens"
    " if somebody has copied it. Remove it if you do not know why."
)


@dataclass(frozen=True)
class Answer:
    """The answer of a passkey in a form, and the secret of the cookie that the form is bound to."""

    text: str = field(default="", repr=False)
    browser: str = field(default="", repr=False)


@dataclass(frozen=True)
class Proved:
    """A passkey that was used: whose it is, and its method by RFC 8176."""

    id: UUID
    user_id: UUID
    method: str


class _CopiedError(RefusedError):
    """A counter that went back; `person`, `email` and `name` are those of the passkey."""

    def __init__(self, person: UUID, email: str, name: str) -> None:
        super().__init__("counter")
        self.person, self.email, self.name = person, email, name


class Attempt:
    """An attempt to authenticate with a passkey, whose failure is counted and recorded."""

    def __init__(
        self,
        database: Database,
        settings: AuthSettings,
        outbox: Outbox,
        answer: Answer,
        origin: Origin,
    ) -> None:
        self._database, self._settings, self._outbox = database, settings, outbox
        self._answer, self._origin = answer, origin
        self._counts: list[throttle.Count] = []

    async def read(self) -> Assertion:
        """Return the answer, whose challenge is good. Raises INVALID and RATE_LIMITED."""
        settings, answer = self._settings, self._answer
        counts = throttle.code_counts(settings, "passkey", self._origin.ip_address)
        self._counts = [count for count in counts if not count.theirs]
        async with self._database.auth.lend(NOBODY) as lent:
            await throttle.admit(lent, self._counts, "passkeys that were not accepted")
        try:
            given = ceremonies.assertion(answer.text)
        except RefusedError:
            raise _wrong() from None
        purpose = Purpose.AUTHENTICATE
        if not challenges.is_good(settings, purpose, answer.browser, given.challenge):
            raise Problem("INVALID", EXPIRED, field=("credential",))
        return given

    async def use(self, connection: Lent, given: Assertion, person: UUID | None = None) -> Proved:
        """Verify the answer and count it as used, in this transaction.

        With a `person`, the passkey must be theirs. Raises RefusedError.
        """
        party = ceremonies.relying_party(self._settings)
        row = await connection.fetchrow(LOCKED, given.credential_id)
        if party is None or row is None:
            raise RefusedError("unknown")
        user_id: UUID = row["user_id"]
        if given.user_handle not in (None, user_id.bytes) or person not in (None, user_id):
            raise RefusedError("another person")
        if person is None and given.user_handle is None:
            raise RefusedError("no user handle")
        found = ceremonies.asserted(party, given, row["public_key"])
        if not await challenges.use(connection, given.challenge):
            raise RefusedError("replayed")
        former = row["sign_count"]
        if (found.sign_count or former) and found.sign_count <= former:
            raise _CopiedError(user_id, row["email"], row["name"])
        await connection.execute(USED, row["id"], found.sign_count, found.is_backed_up)
        await throttle.forgive(connection, self._counts)
        method = SOFTWARE if row["is_backup_eligible"] else HARDWARE
        return Proved(row["id"], user_id, method)

    async def refused(self, given: Assertion, reason: RefusedError) -> Problem:
        """Record that a known passkey was refused, after its transaction; return the error."""
        async with self._database.auth.lend(NOBODY) as lent:
            row = await lent.fetchrow(FIND, given.credential_id)
            if row is not None:
                await record(lent, _failed(row["user_id"], row["id"], reason), self._origin)
        if isinstance(reason, _CopiedError):
            self._outbox.notify(reason.email, COPIED, COPIED_TEXT.format(reason.name))
        return _wrong()


async def prove(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    person: UUID,
    answer: Answer,
    origin: Origin,
) -> str:
    """Verify that a passkey of this person has answered; return its method (RFC 8176).

    Raises INVALID, and RATE_LIMITED with `retryAfter` seconds.
    """
    attempt = Attempt(database, settings, outbox, answer, origin)
    given = await attempt.read()
    try:
        async with database.auth.lend(NOBODY) as lent, lent.transaction():
            return (await attempt.use(lent, given, person)).method
    except RefusedError as reason:
        raise await attempt.refused(given, reason) from None


def _wrong() -> Problem:
    return Problem("INVALID", WRONG, field=("credential",))


def _failed(person: UUID, passkey: UUID, reason: RefusedError) -> Event:
    is_copied = isinstance(reason, _CopiedError)
    return Event(
        entity_type="Profile",
        entity_id=person or NOBODY_KNOWN,
        user_id=person,
        action="passkey_use",
        type=AuditEventType.LOGIN_FAILED,
        description="A passkey was not accepted.",
        resource=ResourceType.USER,
        severity=AuditSeverity.HIGH if is_copied else AuditSeverity.MEDIUM,
        details={"reason": str(reason), "passkey_id": str(passkey)},
    )
