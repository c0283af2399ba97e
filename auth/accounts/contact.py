"""The contact data of a person: a JSON object that is encrypted at rest, with a phone number."""

import json
import re
from typing import Any
from uuid import UUID

from auth.encryption import decrypt, encrypt
from auth.settings import AuthSettings
from db.problem import Problem

PURPOSE = "profile contact"
PHONE_NUMBER = re.compile(r"\+[0-9](?:[0-9 ().-]{3,28})[0-9]")
"""The international form of a number (ITU-T E.164), with separators."""


def sealed(settings: AuthSettings, person: UUID, contact: dict[str, Any]) -> bytes | None:
    """Return contact data encrypted for this person; None for none."""
    if not contact:
        return None
    return encrypt(settings, PURPOSE, person.bytes, json.dumps(contact).encode())


def opened(settings: AuthSettings, person: UUID, contact: bytes | None) -> dict[str, Any]:
    """Return the contact data of this person; none where the key is not one of the gateway."""
    if contact is None:
        return {}
    text = decrypt(settings, PURPOSE, person.bytes, contact)
    found: dict[str, Any] = json.loads(text) if text is not None else {}
    return found


def phone_number(text: str | None) -> str | None:
    """Return a phone number in its international form, None when empty. Raises INVALID."""
    number = " ".join(text.split()) if text else ""
    if number and not PHONE_NUMBER.fullmatch(number):
        message = "A phone number has the form of `+43 1 234567`."
        raise Problem("INVALID", message, field=("phone_number",))
    return number or None
