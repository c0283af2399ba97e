"""Mutations of shares: create, update and revoke them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts.mail import Outbox
from auth.credentials import passwords
from auth.credentials.shares import PATH, PREFIX
from auth.credentials.tokens import new_token
from auth.policy.scopes import scopes_beneath
from auth.secret import digest
from auth.session import Transaction
from auth.settings import AuthSettings
from db.core import shares as db
from db.core.organizations import Organization
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.inputs import input_for
from graph.kit.mutations import ExpectedVersion, Force, Input, given, mutation, writing
from graph.kit.payloads import answer, payload_of
from graph.platform.shares.types import MODELS, OWNERS, Share

DEFAULT_LIFETIME = timedelta(days=30)
MAX_SHARES = 100
"""The most shares of one object that are not revoked."""
HINT_LENGTH = 4
PASSWORD = "The password that the address asks for, of at least 12 characters."  # noqa: S105 (a description)


@strawberry.type(description="The result of the creation of a share.")
class ShareCreatePayload:
    share: Share = described("The share.")
    address: str = described(
        "The secret address, to give to those who may read the object. It is shown only once."
    )


@input_for(Share, "A share to create.")
class ShareCreateInput:
    object_id: UUID = strawberry.field(
        description="The ID of the object to share: a document, a baseline or an assessment."
    )
    name: str
    expires_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The date and time when the share expires, within a year unless the operator"
        " has set another limit. The default is 30 days from now.",
    )
    password: str | None = strawberry.field(default=UNSET, description=PASSWORD)


@input_for(Share, "The fields of a share to change.")
class ShareUpdateInput:
    name: Maybe[str]
    expires_at: Maybe[datetime]
    password: Maybe[str | None] = strawberry.field(description=f"{PASSWORD} Null removes it.")


async def share_create(info: Info, input: Input[ShareCreateInput]) -> ShareCreatePayload | None:
    values, session = given(input), info.context.session
    settings = _settings(info.context.outbox)
    id = values.pop("object_id")
    await _hash_password(values)
    async with writing(info) as transaction:
        object_ = await _find(transaction, id)
        column = next(key for key, model in MODELS.items() if isinstance(object_, model))
        place: Any = {
            key: value
            for key, value in scopes_beneath(type(object_), object_).items()
            if key not in db.OBJECTS
        }
        if owner := OWNERS.get(type(object_)):
            place["user_id"] = getattr(object_, owner)
        text = new_token(PREFIX)
        lifetime = min(DEFAULT_LIFETIME, timedelta(days=settings.share_max_days))
        values["expires_at"] = _checked_expiry(
            settings, transaction.now, values.get("expires_at", transaction.now + lifetime)
        )
        key: Any = {"key_hash": digest(text), "hint": text[-HINT_LENGTH:], column: id}
        share = db.Share(**place, **key, **values)
        transaction.require_create(share)
        await _require_allowed(transaction, share, column)
        session.show_secret()
        transaction.add(share)
    return ShareCreatePayload(share=share, address=f"{settings.url}{PATH}{text}")  # type: ignore[arg-type]


async def share_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[ShareUpdateInput],
    force: Force = False,
) -> Any:
    values = given(input)
    await _hash_password(values)
    async with writing(info) as transaction:
        share = await transaction.find(db.Share, id)
        if "expires_at" in values:
            settings = _settings(info.context.outbox)
            _checked_expiry(settings, transaction.now, values["expires_at"])
        await transaction.edits.update(share, expected_version, values, force=force)
    merged = transaction.edits.merged.get(share.id, ())
    return answer(payload_of(Share, merges=True), share, merged)


async def share_revoke(info: Info, id: Id) -> Any:
    async with writing(info, None) as transaction:
        share = await transaction.find(db.Share, id)
        transaction.change(share, None, revoked_at=share.revoked_at or transaction.now)
    return answer(payload_of(Share), share)


def _settings(outbox: Outbox | None) -> AuthSettings:
    if outbox is None:
        raise Problem("BUSY", "The gateway does not know its address here.")
    return outbox.settings


async def _hash_password(values: dict[str, Any]) -> None:
    """Replace the password by its hash. Raises INVALID for one that is easily guessed."""
    if "password" in values:
        password = values.pop("password")
        if password is not None:
            try:
                password = await passwords.hashed(passwords.acceptable(password, ""))
            except Problem as problem:
                problem.extensions["field"] = ["input", "password"]
                raise
        values["password_hash"] = password


async def _find(transaction: Transaction, id: UUID) -> Any:
    for model in MODELS.values():
        found = await transaction.find_by_id(model, {id}, lock=False, to_create=db.Share)
        if found:
            return found[id]
    raise Problem("NOT_FOUND", "There is no such object.", field=["object_id"])


async def _require_allowed(transaction: Transaction, share: db.Share, column: str) -> None:
    """Raise FORBIDDEN where the organization allows no shares, LIMIT_REACHED for too many."""
    organization = await transaction.find(
        Organization, share.organization_id, lock=False, to_create=db.Share
    )
    if not organization.sharing_allowed:
        message = "The organization does not allow shares."
        raise Problem("FORBIDDEN", message, field=["object_id"])
    key: Any = getattr(db.Share, column)
    same = (key == getattr(share, column), db.Share.revoked_at.is_(None))
    others = len(await transaction.find_all(db.Share, *same, lock=False))
    if others >= MAX_SHARES:
        message = f"There are at most {MAX_SHARES} shares of one object. Revoke one first."
        raise Problem("LIMIT_REACHED", message, limit="shares", current=others, maximum=MAX_SHARES)


def _checked_expiry(settings: AuthSettings, now: datetime, expires_at: datetime) -> datetime:
    """Return the expiry when it is in the future and within the limit. Raises INVALID."""
    latest = now + timedelta(days=settings.share_max_days, minutes=1)
    if expires_at.tzinfo is None or not now < expires_at <= latest:
        message = f"Must be in the future, within {settings.share_max_days} days."
        raise Problem("INVALID", message, field=["expires_at"])
    return expires_at


@strawberry.type
class Mutation:
    share_create = mutation(
        share_create,
        ShareCreatePayload,
        "Create a share of an object. Requires an administrator of the project or the document;"
        " for an assessment, an administrator of the organization or the user who asked for it.",
    )
    share_update = mutation(
        share_update,
        payload_of(Share, merges=True),
        "Update a share. A new password ends the access of those who have given the former one.",
    )
    share_revoke = mutation(
        share_revoke,
        payload_of(Share),
        "Revoke a share permanently. The next request to its address is refused.",
    )
