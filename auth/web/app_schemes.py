"""URI schemes that open a native app and not a page."""

import re

DOMAIN_SCHEME = re.compile(r"([a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+):")
"""The scheme of a native app: a domain name, reversed (RFC 8252, section 7.1)."""
EDITOR_SCHEME = re.compile(r"([a-z][a-z0-9-]+)://[a-z0-9]")
"""The schemes of editors, such as cursor://, vscode:// and zed://."""
NO_APPS = re.compile(
    r"about|acct|blob|cid|content|data|dav|dns|facetime|feed|file|filesystem|ftps?|geo|git|gopher"
    r"|hcp|help|https?|imap|intent|ircs?|jar|javascript|ldaps?|livescript|magnet|mailto|market"
    r"|mhtml|mid|mocha|news|nfs|nntp|pop|rdp|res|resource|rtsp|search-ms|sftp|shell|sips?|smb|sms"
    r"|ssh|steam|stun|tel|telnet|tftp|turn|urn|vbscript|vnc|webcal|wss?|wyciwyg|xmpp"
    r"|(chrome|edge|firefox|moz|ms|opera|safari|view|web|x-apple)-.*|chrome|edge|firefox"
)
"""Schemes that run scripts, read files or mean something to browsers and systems."""


def app_scheme(uri: str) -> str | None:
    """Return the scheme of a native app that the address begins with; None for every other."""
    if found := DOMAIN_SCHEME.match(uri):
        return found[1]
    found = EDITOR_SCHEME.match(uri)
    return found[1] if found and not NO_APPS.fullmatch(found[1]) else None
