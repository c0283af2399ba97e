"""Thumbnails of drawings: an address on the web, or an image that is stored as a file."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from auth.session import Row, Transaction
from db.problem import Problem
from db.requirements.files import File, FileState
from graph.kit.context import Info
from graph.kit.items import Found, Item, unrefused
from graph.kit.json_items import web_url
from graph.kit.mutations import Place
from graph.kit.scalars import uuid_of
from graph.kit.storage import IMAGES
from graph.kit.uploads import download

STORED = "file:"
"""The beginning of a thumbnail that is stored; the ID of the file follows."""
MINUTES = 60
NO_IMAGE = "There is no stored image with this ID in the project."


def thumbnail(value: Any, place: Place) -> str | None:
    """Return the thumbnail of an input as it is stored. Raises INVALID."""
    if value is None:
        return None
    id = _file_id(value)
    if id is not None:
        return f"{STORED}{id}"
    try:
        return web_url(value)
    except ValueError as error:
        message = f"{str(error).removesuffix('.')}, or `file:` and the ID of a file."
        raise Problem("INVALID", message, field=place) from None


def _file_id(value: str) -> UUID | None:
    return uuid_of(value.removeprefix(STORED)) if value.startswith(STORED) else None


async def require_thumbnails(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse stored thumbnails that are no images of the project that the viewer can read."""
    named = {
        item: id
        for item in unrefused(items)
        if (url := item.values.get("thumbnail_url")) and (id := _file_id(url))
    }
    if not named:
        return
    files = await transaction.find_by_id(File, {*named.values()}, lock=False)
    for item, id in named.items():
        file = files.get(id)
        if (
            file is None
            or file.project_id != item.row.project_id
            or file.state is not FileState.STORED
            or file.media_type not in IMAGES
        ):
            item.refuse(Problem("NOT_FOUND", NO_IMAGE, field=["thumbnail_url"]))


async def address_of(root: Row, info: Info) -> str | None:
    """Return the URL of a row's thumbnail; null where the viewer cannot read its file."""
    url: str | None = root.thumbnail_url
    id = _file_id(url) if url else None
    if id is None:
        return url
    file = await info.context.one(File, id)
    return download(info, file, MINUTES) if file is not None else None
