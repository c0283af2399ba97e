"""Mail to people: plain text from templates, sent in the background.

With SMTP_URL mail goes out through that server. Without it, in development, it is written to the
log, links included; in production it is not, and nothing that needs mail is offered. A mail that
could not be sent is logged without its address and its text, and is lost after the last attempt:
its recipient requests another.
"""

import asyncio
import re
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auth.settings import AuthSettings
from db.core.people import SERVICE_DOMAIN
from db.problem import Problem

log = structlog.get_logger(__name__)

MAX_BACKGROUND_TASKS = 200
"""Background tasks, at most; further ones are refused."""
MAX_CONNECTIONS = 4
"""Connections to the mail server, at most."""
TIMEOUT = 20.0
"""Seconds to wait for each reply of the mail server."""
RETRY_DELAYS = (5.0, 60.0)
"""Seconds before each further attempt."""
SHUTDOWN_TIMEOUT = 5.0
"""Seconds that unsent mail has when the process ends."""

ERRORS = (aiosmtplib.SMTPException, OSError, ValueError)
"""Exceptions of an attempt to send a mail."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
DELIVERABLE = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f]+@[^\s@<>]+")
"""Addresses without quoting and comments: a list of addresses does not match."""

MAX_WORDS_LENGTH = 80
"""Characters of a name chosen by another person, at most, in a mail."""

_texts = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "mails"),
    autoescape=False,  # noqa: S701 (plain text)
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class Mail:
    """A mail to one address; its representation shows no text, which may hold a secret link."""

    to: str
    subject: str
    text: str = field(repr=False)
    unsubscribe: str | None = None
    """The path of the page on which its recipient can turn such mail off."""
    message_id: str | None = None
    """The local part of its Message-ID, of a mail that may be sent again."""


def mail(template: str, to: str, settings: AuthSettings, **values: object) -> Mail:
    """Return the mail of this template: its first line is the subject, the rest the text."""
    text = _texts.get_template(f"{template}.txt").render(site=settings.url, **values)
    subject, _, body = text.partition("\n\n")
    return Mail(to, subject.removeprefix("Subject: "), body)


def others_words(text: str, most: int = MAX_WORDS_LENGTH) -> str:
    """Return the words of a person, such as a name, for the text of a mail to somebody else.

    One line of at most `most` characters that mail programs make no link of: people who can have
    mail sent to others must not control its content. Times such as 12:30 stay as they are.
    """
    line = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())
    line = re.sub(r"(?<=[.:/@\\])(?!(?<=\d:)\d)(?=\w)", " ", line)
    return line if len(line) <= most else f"{line[: most - 1]}…"


_texts.filters["others_words"] = others_words


def now() -> str:
    """Return the current time for the text of a mail (UTC)."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"


class Outbox:
    """The mail and background tasks of one process that have not finished."""

    def __init__(self, settings: AuthSettings, pauses: tuple[float, ...] = RETRY_DELAYS) -> None:
        self.settings, self._pauses = settings, pauses
        self._server = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
        self._turns = asyncio.Semaphore(MAX_CONNECTIONS)
        self._work: set[asyncio.Task[None]] = set()

    @property
    def reaches_people(self) -> bool:
        """Return whether mail can be read by anybody: in a mailbox, or in a developer's log."""
        return bool(self._server) or not self.settings.in_production

    def post(self, mail: Mail) -> None:
        """Send the mail in the background. Raises BUSY when too many tasks wait."""
        self.start(self._deliver(mail))

    def notify(self, to: str, subject: str, what: str) -> None:
        """Notify the owner of an account of a change to it, where mail reaches people."""
        context = {"subject": subject, "what": what, "time": now()}
        self.tell(mail("notice", to, self.settings, **context))

    def tell(self, mail: Mail) -> None:
        """Send a notice of a completed action; a failure to send it is not raised."""
        if self.reaches_people:
            with suppress(Problem):
                self.post(mail)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the work in the background, so that its duration discloses nothing to the caller.

        Raises BUSY when too much waits already. An exception is logged without its text.
        """
        if len(self._work) >= MAX_BACKGROUND_TASKS:
            work.close()
            log.warning("mail not sent", error="too much waits already")
            raise Problem("BUSY", "Too many mails are being sent. Try again in a moment.")
        task = asyncio.create_task(_logged(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def settle(self, within: float = SHUTDOWN_TIMEOUT) -> None:
        """Wait until nothing is pending, at most so many seconds; then cancel the rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._work:
                    await asyncio.wait(set(self._work))
        for task in set(self._work):
            task.cancel()

    async def send(self, mail: Mail) -> None:
        """Send the mail, and wait for it: one attempt. Raises BUSY if a later one may succeed.

        It is for jobs, which are tried again. A mail that is refused for good is logged.
        """
        if not self._server or not _is_deliverable(mail):
            await self._deliver(mail)
            return
        async with self._turns:
            try:
                await self._hand_over(mail)
            except ERRORS as error:
                if _is_final(error):
                    return
                raise Problem("BUSY", "The mail server does not take mail.") from None

    async def _deliver(self, mail: Mail) -> None:
        if not _is_deliverable(mail):
            return
        if self._server:
            async with self._turns:
                await self._send(mail)
        elif not self.settings.in_production:
            log.info("mail, in place of sending it", to=mail.to, subject=mail.subject)
            for paragraph in mail.text.strip().split("\n\n"):
                log.info(paragraph.replace("\n", " "))
        else:
            log.error("mail not sent", error="SMTP_URL is not set")

    async def _send(self, mail: Mail) -> None:
        for pause in (*self._pauses, None):
            try:
                await self._hand_over(mail)
            except ERRORS as error:
                if _is_final(error) or pause is None:
                    return
                await asyncio.sleep(pause)
            else:
                return

    async def _hand_over(self, mail: Mail) -> None:
        await aiosmtplib.send(
            _message(mail, self.settings),
            recipients=[mail.to],
            timeout=TIMEOUT,
            **_connection(urlsplit(self._server)),
        )


def _is_deliverable(mail: Mail) -> bool:
    if not DELIVERABLE.fullmatch(mail.to):
        log.warning("mail not sent", error="the address needs quoting")
        return False
    if mail.to.endswith(f"@{SERVICE_DOMAIN}"):
        log.warning("mail not sent", error="a service account reads no mail")
        return False
    return True


def _is_final(error: Exception) -> bool:
    """Log that a mail was not sent; return whether every further attempt would fail, too."""
    code = _code(error)  # the rest of it may name the address
    log.warning("mail not sent", error=type(error).__name__, code=code)
    return code is not None and code >= 500  # noqa: PLR2004


def _code(error: Exception) -> int | None:
    """Return the server's reply code: 4xx is temporary, 5xx permanent (RFC 5321, section 4.2.1)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def _message(mail: Mail, settings: AuthSettings) -> EmailMessage:
    host = urlsplit(settings.url).hostname or "localhost"
    local, _, domain = mail.to.rpartition("@")
    message = EmailMessage(SMTP)
    message["From"] = settings.mail_from or Address("Gateway", "no-reply", host)
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(localtime())
    unique = f"<{mail.message_id}@{host}>" if mail.message_id else make_msgid(domain=host)
    message["Message-ID"] = unique
    if mail.unsubscribe:  # RFC 2369, section 3.2
        message["List-Unsubscribe"] = f"<{settings.url}{mail.unsubscribe}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    message.set_content(mail.text)
    return message


def _connection(server: SplitResult) -> dict[str, Any]:
    """Return aiosmtplib's connection options: TLS always, except to this machine."""
    implicit = server.scheme == "smtps"
    local = server.hostname in LOOPBACK
    return {
        "hostname": server.hostname,
        "port": server.port or (465 if implicit else 587),
        "username": unquote(server.username) if server.username else None,
        "password": unquote(server.password) if server.password else None,
        "use_tls": implicit,
        # To this machine encryption is taken where it is offered, elsewhere it is demanded.
        "start_tls": None if local or implicit else True,
        "validate_certs": not local,
    }


async def _logged(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 (nobody else would hear of it)
        log.error("mail not sent", error=type(error).__name__)  # noqa: TRY400 (its text may be secret)
