"""The viewer's known devices: list and remove them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import access, devices
from graph.core.people import Viewer
from graph.kit.context import Info
from graph.kit.fields import described, extend_type
from graph.kit.mutations import mutation

PROOF = "Requires a recent authentication in a session, or a token with the scope `admin`."


@strawberry.type(description="A browser in which the viewer has signed in.")
class Device:
    id: UUID = described("The ID of the device.")
    name: str = described("The browser and the system, such as `Firefox on Linux`.")
    network: str | None = described(
        "The network of the last sign-in: the /24 of an IPv4 address, the /48 of an IPv6 address."
    )
    first_seen_at: datetime = described("The date and time of the first sign-in.")
    last_seen_at: datetime = described(
        "The date and time when the device was last used, to the minute."
    )
    is_signed_in: bool = described("Whether the viewer is signed in on the device.")
    is_current: bool = described("Whether the request is made in a session of the device.")


@strawberry.type(description="The result of removing a device.")
class DeviceRemovePayload:
    id: UUID = described("The ID of the device that was removed.")
    ended: int = described("The number of sessions that were ended.")


async def _devices(info: Info) -> list[Device]:
    session = info.context.session
    await access.require_proof(session.database, session.viewer)
    return [
        Device(
            id=one.id,
            name=one.name,
            network=one.network,
            first_seen_at=one.first_seen_at,
            last_seen_at=one.last_seen_at,
            is_signed_in=one.is_signed_in,
            is_current=one.is_current,
        )
        for one in await devices.of_viewer(session.database, session.viewer)
    ]


extend_type(
    Viewer,
    devices=strawberry.field(
        _devices,
        description="The browsers in which the viewer has signed in, the latest used first, at most"
        f" {devices.MAX_LISTED}. {PROOF}",
        metadata={"largest_page": devices.MAX_LISTED},
    ),
)


async def device_remove(
    info: Info,
    id: Annotated[UUID, strawberry.argument(description="The ID of the device.")],
) -> DeviceRemovePayload | None:
    session = info.context.session
    await access.require_proof(session.database, session.viewer)
    ended = await devices.remove(session.database, session.viewer, id, session.origin)
    return DeviceRemovePayload(id=id, ended=ended)


@strawberry.type
class Mutation:
    device_remove = mutation(
        device_remove,
        DeviceRemovePayload,
        "Remove a device of the viewer and end its sessions. The next sign-in there is one in a new"
        f" browser. {PROOF}",
        scope="admin",
    )
