"""Avatars: what is stored of an image that somebody uploads."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.core.image_metadata import DamagedImage, without_metadata
from tests.core.images import PLACED, SECRET, SHOWN
from tests.world import Refused

AVATAR = """mutation ($content: String!) { avatarUpdate(content: $content) {
    profile { avatarUrl } } }"""


@pytest.mark.parametrize("format", sorted(PLACED))
async def test_the_metadata_of_an_avatar_is_removed(world, format):
    assert SECRET in PLACED[format]
    content = base64.b64encode(PLACED[format]).decode()
    url = (await world.ask("editor", AVATAR, content=content))["profile"]["avatarUrl"]
    stored = (await world.client.get(url)).content
    assert stored == SHOWN[format]
    assert without_metadata(stored, f"image/{format}") == stored


async def test_a_damaged_image_is_no_avatar(world):
    for format, image in PLACED.items():
        cut = image[: image.index(SECRET) + 3]
        with pytest.raises(Refused) as refused:
            await world.ask("editor", AVATAR, content=base64.b64encode(cut).decode())
        assert (refused.value.code, refused.value.field) == ("INVALID", ["content"]), format


@pytest.mark.parametrize("format", sorted(PLACED))
@settings(max_examples=60, deadline=None, database=None)
@given(data=st.data())
def test_any_bytes_end_as_an_image_or_a_refusal(format, data):
    image = bytearray(PLACED[format])
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(12, len(image) - 1), st.integers(0, 255)), max_size=4)
    ):
        image[at] = byte
    try:
        found = without_metadata(bytes(image), f"image/{format}")
    except DamagedImage:
        return
    assert len(found) <= len(image) + 64
