"""Mail: the messages to a mail server, the behavior when it fails, and the log."""

import asyncio
from email import message_from_bytes, policy

import pytest

from auth.accounts.mail import MAX_BACKGROUND_TASKS, Mail, Outbox, mail
from db.problem import Problem
from graph.settings import Settings
from tests.log_lines import log_lines

LINK = "https://gateway.example/sign-up/confirm?token=a-secret"
SECRET = "a gateway secret of forty characters ...."


class Server:
    """A mail server that stores the mails it receives, or refuses them."""

    def __init__(self, *refusals: bytes) -> None:
        self.refusals, self.mails, self.recipients = list(refusals), [], []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(body[:-3], policy=policy.default))
            elif word == b"RCPT":
                self.recipients.append(line.decode().strip())
                if self.refusals:
                    writer.write(self.refusals.pop(0))
                    continue
            writer.write(b"250 fine\r\n" if word != b"QUIT" else b"221 bye\r\n")
            if word == b"QUIT":
                break
        writer.close()


@pytest.fixture
async def smtp():
    """Yield a function that starts a mail server with its first refusals, and returns settings."""
    running = []

    async def start(*refusals: bytes) -> tuple[Server, Settings]:
        server = Server(*refusals)
        listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
        running.append(listener)
        port = listener.sockets[0].getsockname()[1]
        return server, production(f"smtp://127.0.0.1:{port}")

    yield start
    for listener in running:
        listener.close()
        await listener.wait_closed()


def production(smtp_url: str | None = None, **changed: str) -> Settings:
    return Settings(
        gateway_env="production",
        gateway_secret=SECRET,
        public_url="https://gateway.example",
        smtp_url=smtp_url,
        **changed,
    )


def confirmation(settings: Settings, to: str = "someone@demo.example") -> Mail:
    return mail("sign_up", to, settings, link=LINK, hours=24)


async def posted(settings: Settings, mail: Mail) -> list[dict]:
    """Return the log lines of sending this mail."""
    with log_lines() as logged:
        outbox = Outbox(settings, pauses=(0.01, 0.01))
        outbox.post(mail)
        await outbox.settle()
    return logged


async def test_the_mail_server_is_handed_plain_text(smtp):
    server, settings = await smtp()
    assert await posted(settings, confirmation(settings)) == []
    [sent] = server.mails
    assert server.recipients == ["RCPT TO:<someone@demo.example>"]
    assert sent["To"] == "someone@demo.example"
    assert sent["From"] == "Gateway <no-reply@gateway.example>"
    assert sent["Subject"] == "Confirm your e-mail address"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent["Message-ID"].endswith("@gateway.example>")
    assert sent.get_content_type() == "text/plain"
    assert LINK in sent.get_content().splitlines()


async def test_the_sender_is_that_of_the_settings(smtp):
    server, settings = await smtp()
    settings = settings.model_copy(update={"mail_from": "Anforderungen Ü <req@demo.example>"})
    await posted(settings, confirmation(settings))
    assert server.mails[0]["From"] == "Anforderungen Ü <req@demo.example>"


async def test_a_mail_that_is_put_off_is_tried_again(smtp):
    server, settings = await smtp(b"451 later\r\n")
    logged = await posted(settings, confirmation(settings))
    assert len(server.mails) == 1
    assert [(line["error"], line["code"]) for line in logged] == [("SMTPRecipientsRefused", 451)]


async def test_a_server_that_is_not_there_is_logged_and_given_up():
    settings = production("smtp://127.0.0.1:9")
    logged = await posted(settings, confirmation(settings))
    assert len(logged) == 3
    assert {line["error"] for line in logged} == {"SMTPConnectError"}


async def test_a_failure_is_logged_without_address_and_link(smtp):
    _, settings = await smtp(*[b"550 someone@demo.example is unknown\r\n"] * 3)
    logged = await posted(settings, confirmation(settings))
    assert [line["code"] for line in logged] == [550]  # it is final: no further attempt
    assert "demo.example" not in str(logged)
    assert "a-secret" not in str(logged)


async def test_in_development_the_mail_is_in_the_log():
    settings = Settings(gateway_secret=SECRET)
    logged = await posted(settings, confirmation(settings))
    assert logged[0]["to"] == "someone@demo.example"
    assert LINK in [line["event"] for line in logged]


async def test_in_production_no_mail_is_in_the_log():
    settings = production()
    assert not Outbox(settings).reaches_people
    logged = await posted(settings, confirmation(settings))
    assert [line["log_level"] for line in logged] == ["error"]
    assert "demo.example" not in str(logged)
    assert "a-secret" not in str(logged)


@pytest.mark.parametrize(
    "to", ["a,b@demo.example", "a@b@demo.example", "<a@demo.example", "a\r\nBcc: b@demo.example"]
)
async def test_what_looks_like_several_addresses_gets_no_mail(smtp, to):
    server, settings = await smtp()
    [line] = await posted(settings, confirmation(settings, to))
    assert line["event"] == "mail not sent"
    assert server.mails == []


async def test_a_mail_does_not_show_its_text():
    assert "a-secret" not in repr(confirmation(production()))


async def test_too_much_work_at_once_is_refused():
    outbox = Outbox(production())
    for _ in range(MAX_BACKGROUND_TASKS):
        outbox.start(asyncio.sleep(60))
    with pytest.raises(Problem) as refusal:
        outbox.post(confirmation(production()))
    assert refusal.value.code == "BUSY"
    await outbox.settle(within=0)


async def test_work_that_fails_is_logged_without_what_it_says():
    async def fail() -> None:
        raise ValueError("a secret")

    with log_lines() as logged:
        outbox = Outbox(production())
        outbox.start(fail())
        await outbox.settle()
    assert [line["error"] for line in logged] == ["ValueError"]
    assert "a secret" not in str(logged)


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "mail", "smtp://mail:x", "smtp://[::"])
def test_what_is_no_mail_server_is_refused(url):
    with pytest.raises(ValueError, match="it is smtp:// or smtps://"):
        Settings(smtp_url=url)


@pytest.mark.parametrize("sender", ["nobody", "a@b\r\nBcc: c@d.example"])
def test_what_is_no_sender_is_refused(sender):
    with pytest.raises(ValueError, match="it is an e-mail address"):
        Settings(mail_from=sender)
