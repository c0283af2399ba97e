"""Admission of people to the gateway: a personal organization, and joining by their domain."""

from uuid import UUID

from auth.accounts import domain_joining, personal_organization
from auth.origin import Origin
from db.pool import Database


async def admit(database: Database, person: UUID, email: str, origin: Origin) -> None:
    """Give a person whose account was just approved what every person has.

    The address has been confirmed.
    """
    await personal_organization.make_for(database, person, email, origin)
    await domain_joining.join(database, person, email, origin)
