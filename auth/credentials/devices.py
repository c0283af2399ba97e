"""Known devices: the browsers in which a person has signed in, by their cookies.

The name of a browser for a person is in the cookie of `auth.credentials.known_browsers`; a row has
its digest. A cookie that is genuine and has no row is of a browser that is known by a mailed link.
"""

from datetime import timedelta
from ipaddress import ip_network
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.credentials import throttle
from auth.origin import Origin
from auth.secret import digest
from db.pool import Lent

NETWORK_BITS = 48
"""The prefix of IPv6 that is one network: that of a site, within which devices change theirs."""
NETWORK_MEMORY = timedelta(days=30)
"""The time after which a network that a person does not sign in from is new again."""
MAX_DEVICES = 200
"""Devices of a person that are kept, at most, the latest seen."""

SEEN = """
INSERT INTO devices AS d (id, user_id, token_hash, user_agent, network)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, token_hash) DO UPDATE
SET user_agent = excluded.user_agent, network = excluded.network, last_seen_at = now()
WHERE d.removed_at IS NULL
RETURNING d.id
"""
FORGET_OLDEST = """
DELETE FROM devices WHERE id IN (
    SELECT id FROM devices WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC OFFSET $2)
"""
KNOWN_NETWORK = """
SELECT EXISTS (
    SELECT FROM sessions AS s LEFT JOIN devices AS d ON d.id = s.device_id
    WHERE s.user_id = $1 AND s.ip_address <<= $2 AND s.last_used_at > now() - $3::interval
        AND d.removed_at IS NULL)
"""


class Seen(NamedTuple):
    """A device that has just signed in: its ID, its name, and whether it is a new one."""

    id: UUID
    name: str
    is_new: bool


async def seen(
    connection: Lent, person: UUID, name: str | None, fresh_name: str, origin: Origin
) -> Seen:
    """Note a sign-in of a person, and return the device, in this transaction.

    `name` is that of a browser that is known by its cookie. Without one, or where the person has
    removed the device, it is a new one with the fresh name.
    """
    network = _network(origin)
    for given in (name, fresh_name):
        if given is None:
            continue
        id = await connection.fetchval(
            SEEN, uuid7(), person, digest(given), origin.user_agent, network
        )
        if id is not None:
            await connection.execute(FORGET_OLDEST, person, MAX_DEVICES)
            return Seen(id, given, is_new=given != name)
    raise AssertionError("a fresh name is nobody's")


async def is_new_network(connection: Lent, person: UUID, origin: Origin) -> bool:
    """Return whether the person has not used the network of this address for NETWORK_MEMORY.

    Sessions of devices that they have removed do not count.
    """
    network = _network(origin)
    if network is None:
        return False
    return not await connection.fetchval(KNOWN_NETWORK, person, network, NETWORK_MEMORY)


def _network(origin: Origin) -> object | None:
    if origin.ip_address is None:
        return None
    return ip_network(throttle.network_of(origin.ip_address, NETWORK_BITS))
