"""The viewer's own profile: its fields, avatar, preferences, and their organizations."""

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

import strawberry
from strawberry import Maybe
from strawberry.scalars import JSON
from uuid_utils.compat import uuid7

from auth.accounts import contact, personal_organization
from auth.session import Transaction
from auth.session.write.patch import Patch
from auth.settings import AuthSettings
from auth.viewer import Role
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from graph.core.image_metadata import DamagedImage, without_metadata
from graph.core.organizations import Organization
from graph.core.people import Profile, Viewer
from graph.core.preferences import SCHEMA, require_preferences
from graph.kit.context import Context, Info
from graph.kit.fields import Id, computed, extend_type
from graph.kit.inputs import input_for
from graph.kit.items import Item, update_rows
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Input,
    given,
    mutation,
    patch,
    writing,
)
from graph.kit.payloads import answer, payload_of
from graph.kit.storage import HEAD, IMAGES, MAX_DOWNLOAD_TIME, SIGNATURES, Stored

MAX_AVATAR = 262_144
"""Bytes of an avatar, at most."""
TIME_ZONES = frozenset(available_timezones())


@input_for(Profile, "The fields of a profile to change.")
class ProfileUpdateInput:
    full_name: Maybe[str | None]
    first_name: Maybe[str | None]
    last_name: Maybe[str | None]
    job_title: Maybe[str | None]
    locale: Maybe[str | None]
    time_zone: Maybe[str]
    phone_number: Maybe[str | None] = strawberry.field(
        description="The phone number of the user in international form, such as `+43 1 234567`."
        " It is encrypted, and shown to the user alone."
    )
    preferences: Maybe[JSON]
    preferences_patch: Maybe[JSON] = patch("preferences")


async def _avatar_url(
    root: strawberry.Parent[Any],
    info: Info,
    minutes: Annotated[
        int, strawberry.argument(description="The minutes for which the URL is valid, 1 to 60.")
    ] = 60,
) -> str | None:
    life = timedelta(minutes=minutes)
    if not timedelta(minutes=1) <= life <= MAX_DOWNLOAD_TIME:
        raise Problem("INVALID", "Must be from 1 to 60 minutes.", field=["minutes"])
    if root.avatar_id is None:
        return None
    name = f"avatar.{root.avatar_type.partition('/')[2]}"
    stored = Stored(root.avatar_id, root.avatar_sha256, name, root.avatar_type)
    return info.context.storage.address(stored, life)


def _phone_number(root: strawberry.Parent[Any], info: Info) -> str | None:
    if root.id != info.context.viewer.id or info.context.outbox is None:
        return None
    return contact.opened(info.context.outbox.settings, root.id, root.contact).get("phone_number")


extend_type(
    Profile,
    avatar_url=computed(
        "avatar_id",
        "avatar_type",
        "avatar_sha256",
        text="A URL from which the avatar can be downloaded; null if the user has none.",
    )(_avatar_url),
    phone_number=computed(
        "id", "contact", text="The phone number of the viewer; null for other users."
    )(_phone_number),
)


async def _organization(info: Info, column: str) -> Organization | None:
    viewer = info.context.viewer
    profile = await info.context.one(ProfileRow, viewer.id) if viewer.id else None
    id = getattr(profile, column) if profile else None
    return await info.context.one(OrganizationRow, id) if id else None  # type: ignore[return-value]


async def _current(info: Info) -> Organization | None:
    return await _organization(info, "current_organization_id")


async def _personal(info: Info) -> Organization | None:
    return await _organization(info, "personal_organization_id")


def _schema() -> JSON:
    return SCHEMA  # type: ignore[return-value]


extend_type(
    Viewer,
    current_organization=strawberry.field(
        _current,
        description="The organization that the viewer has selected; null if there is none or the"
        " viewer has left it.",
    ),
    personal_organization=strawberry.field(
        _personal,
        description="The personal organization of the viewer, which is created at sign-up; null if"
        " there is none.",
    ),
    preferences_schema=strawberry.field(
        _schema, description="The JSON Schema of `Profile.preferences`."
    ),
)


async def profile_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[ProfileUpdateInput],
    force: Force = False,
) -> Any:
    values = _checked(given(input))
    async with writing(info) as transaction:
        if "phone_number" in values:
            values["contact"] = await _contact(
                info.context, transaction, id, values.pop("phone_number")
            )
        item = Item(values, id, expected_version, force)
        await update_rows(transaction, ProfileRow, [item])
        row = item.require()
    versions = transaction.edits.merged.get(row.id, ())
    return answer(payload_of(Profile, merges=True), row, versions)


async def _contact(
    context: Context, transaction: Transaction, id: UUID, number: str | None
) -> bytes | None:
    profile = await transaction.find(ProfileRow, id)
    if id != context.viewer.id:
        transaction.rights.require("update", profile)
        raise Problem("FORBIDDEN", "A phone number is changed by its user alone.")
    known = contact.opened(_settings(context), id, profile.contact)
    known["phone_number"] = contact.phone_number(number)
    kept = {name: value for name, value in known.items() if value is not None}
    return contact.sealed(_settings(context), id, kept)


def _settings(context: Context) -> AuthSettings:
    if context.outbox is None:
        raise Problem("BUSY", "The gateway does not keep contact data here.")
    return context.outbox.settings


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    if "time_zone" in values and values["time_zone"] not in TIME_ZONES:
        message = "Must be the name of an IANA time zone, such as `Europe/Vienna`."
        raise Problem("INVALID", message, field=["input", "timeZone"])
    sent = values.get("preferences")
    if isinstance(sent, Patch):
        require_preferences(sent.keys, "preferencesPatch", removes=True)
    elif isinstance(sent, Mapping):
        require_preferences(sent, "preferences")
    return values


async def avatar_update(
    info: Info,
    content: Annotated[
        str,
        strawberry.argument(
            description="The image in Base64: PNG, JPEG, GIF or WebP, at most"
            f" {MAX_AVATAR} bytes. Metadata such as the place of a photo is removed."
        ),
    ],
) -> Any:
    image, storage = _decoded(content), info.context.storage
    media_type = _image_type(image)
    try:
        image = without_metadata(image, media_type)
    except DamagedImage:
        raise Problem("INVALID", "The image is damaged.", field=["content"]) from None
    stored = Stored(uuid7(), sha256(image).digest(), "avatar", media_type)
    async with writing(info, None) as transaction:
        profile = await transaction.find(ProfileRow, transaction.person)
        transaction.rights.require("update", profile)
    await storage.put(stored, image)
    try:
        async with writing(info, None) as transaction:
            profile = await transaction.find(ProfileRow, transaction.person)
            transaction.change(
                profile,
                None,
                avatar_id=stored.file_id,
                avatar_type=media_type,
                avatar_sha256=stored.sha256,
            )
    except BaseException:
        with suppress(Problem):
            await storage.remove(stored.file_id)
        raise
    return answer(payload_of(Profile), profile)


async def avatar_remove(info: Info) -> Any:
    async with writing(info, None) as transaction:
        profile = await transaction.find(ProfileRow, transaction.person)
        nothing = dict.fromkeys(("avatar_id", "avatar_type", "avatar_sha256"))
        transaction.change(profile, None, **nothing)
    return answer(payload_of(Profile), profile)


def _decoded(content: str) -> bytes:
    if len(content) > (MAX_AVATAR + 2) // 3 * 4:
        message = f"An avatar has at most {MAX_AVATAR} bytes."
        raise Problem("INVALID", message, field=["content"])
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise Problem("INVALID", "Must be Base64.", field=["content"]) from None


def _image_type(image: bytes) -> str:
    head = image[:HEAD]
    for mark, at, type_ in SIGNATURES:
        if type_ in IMAGES and head[at : at + len(mark)] == mark:
            return type_
    message = "Must be a PNG, JPEG, GIF or WebP image."
    raise Problem("INVALID", message, field=["content"])


async def current_organization_update(
    info: Info,
    organization_id: Annotated[
        UUID | None,
        strawberry.argument(description="The ID of the organization; null to select none."),
    ] = None,
) -> Any:
    async with writing(info, None) as transaction:
        profile = await transaction.find(ProfileRow, transaction.person)
        if organization_id is not None:
            await transaction.find(
                OrganizationRow, organization_id, lock=False, field=["organization_id"]
            )
            if organization_id not in info.context.viewer.organizations:
                raise Problem(
                    "NOT_FOUND", "There is no such Organization.", field=["organizationId"]
                )
        transaction.change(profile, None, current_organization_id=organization_id)
    return answer(payload_of(Profile), profile)


async def personal_organization_create(info: Info) -> Any:
    async with writing(info, None) as transaction:
        organization = await personal_organization.ensure(transaction)
        founder = transaction.viewer.granted(organization.id, Role.OWNER)
    info.context.become(founder)
    found = await info.context.get(OrganizationRow, organization.id)
    return answer(payload_of(Organization), found)


@strawberry.type
class Mutation:
    profile_update = mutation(
        profile_update, payload_of(Profile, merges=True), "Update the profile of the viewer."
    )
    avatar_update = mutation(
        avatar_update, payload_of(Profile), "Set the avatar of the viewer, in place of another one."
    )
    avatar_remove = mutation(avatar_remove, payload_of(Profile), "Remove the avatar of the viewer.")
    current_organization_update = mutation(
        current_organization_update,
        payload_of(Profile),
        "Select one of the organizations of the viewer as the current one. It is what front ends"
        " open first, and does not limit what the viewer can read.",
    )
    personal_organization_create = mutation(
        personal_organization_create,
        payload_of(Organization),
        "Create the personal organization of the viewer, or return the existing one.",
    )
