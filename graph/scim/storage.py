"""The storage of SCIM: an organization's users and groups, in the transactions of its viewer."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast
from uuid import UUID

from scim2_models import (
    InvalidValueException,
    NotFoundException,
    NotImplementedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    TooManyException,
)
from scim2_server.storage import AsyncScimStorage, SearchPage

from auth.accounts.provisioning import groups, users
from auth.session import Transaction, ViewerSession
from db.core.organizations import Organization
from db.problem import Problem
from graph.scim import reading
from graph.scim.resources import Group, User

T = TypeVar("T")


class Storage(AsyncScimStorage):
    """The users and groups of one organization, for one viewer who administers it."""

    def __init__(self, session: ViewerSession, organization_id: UUID, *, approves: bool) -> None:
        """Serve this organization; new accounts can be used at once if `approves`."""
        self._session, self._organization, self._approves = session, organization_id, approves

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a resource. Raises NotFoundException."""
        id = _id(resource_id)
        read = self._user(id) if _is_user(resource_type) else self._group(id, response_parameters)
        found: Resource[Any] | None = await _bounded(read)
        if found is None:
            raise _missing(resource_id)
        return found

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,  # noqa: ARG002 (cursors are not announced)
    ) -> SearchPage:
        """Return a page of one type of resource. Raises NotImplementedException for several."""
        if len(resource_types) > 1:
            raise NotImplementedException(detail="Search users and groups separately.")
        model = User if _is_user(resource_types[0]) else Group
        found = reading.search(self._session, self._organization, model, search_request)
        total, resources = await _bounded(found)
        return SearchPage(total, list(resources))

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Create a resource, and return it."""
        if _is_user(resource_type):
            (made,) = await self.create_each([cast(User, resource)])
            if isinstance(made, Problem):
                raise made
            return made
        group = _group_of(cast(Group, resource))

        async def write(transaction: Transaction) -> UUID:
            return await groups.create(transaction, self._organization, group)

        id = await self._write(write)
        return await self.get(resource_type, str(id))

    async def create_each(
        self, resources: Sequence[User], *, all_or_none: bool = False
    ) -> list[User | Problem]:
        """Create users, and return each, or why it cannot be created.

        Nothing is returned if `all_or_none` and one cannot be created.
        """
        made = await self._created([_user_of(one) for one in resources], all_or_none=all_or_none)
        ids = [id for id in made if isinstance(id, UUID)]
        read = await reading.users_by_id(self._session, self._organization, ids) if ids else {}
        return [one if isinstance(one, Problem) else read[one] for one in made]

    async def _created(
        self, wanted: Sequence[users.User], *, all_or_none: bool
    ) -> list[UUID | Problem]:
        """Create users in one transaction, or halves of them if PostgreSQL refuses one."""

        async def write(transaction: Transaction) -> list[UUID | Problem]:
            organization = await transaction.find(Organization, self._organization)
            made = await users.create_each(
                transaction, organization, wanted, approved=self._approves
            )
            if all_or_none and (refused := [one for one in made if isinstance(one, Problem)]):
                raise refused[0]
            return made

        try:
            return await self._write(write)
        except Problem as problem:
            if all_or_none:
                return []
            if len(wanted) == 1:
                return [problem]
        middle = len(wanted) // 2
        halves = (wanted[:middle], wanted[middle:])
        return [one for half in halves for one in await self._created(half, all_or_none=False)]

    async def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Replace a resource, and return it."""
        id, version = _id(str(resource.id)), _version(expected_version)
        if _is_user(resource_type):
            user = _user_of(cast(User, resource))

            async def write(transaction: Transaction) -> None:
                await users.update(transaction, self._organization, id, user, version)
        else:
            group = _group_of(cast(Group, resource))

            async def write(transaction: Transaction) -> None:
                await groups.update(transaction, self._organization, id, group, version)

        await self._write(write)
        return await self.get(resource_type, str(id))

    async def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """End the membership of a user, or delete a group."""
        id, version = _id(resource_id), _version(expected_version)
        remove = users.remove if _is_user(resource_type) else groups.remove

        async def write(transaction: Transaction) -> None:
            await remove(transaction, self._organization, id, version)

        await self._write(write)

    async def _write(self, write: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._session.transaction() as transaction:
            return await write(transaction)

    async def _user(self, id: UUID) -> Resource[Any] | None:
        return await reading.user(self._session, self._organization, id)

    async def _group(self, id: UUID, parameters: Any) -> Resource[Any] | None:
        return await reading.group(self._session, self._organization, id, parameters)


async def _bounded(read: Awaitable[T]) -> T:
    try:
        return await read
    except reading.TooManyMembers:
        message = f"More than {reading.MAX_MEMBERS} members: exclude the attribute members."
        raise TooManyException(detail=message) from None


def _is_user(resource_type: ResourceType) -> bool:
    return resource_type.name == "User"


def _id(text: str) -> UUID:
    with suppress(ValueError):
        return UUID(text)
    raise _missing(text)


def _missing(id: str) -> NotFoundException:
    return NotFoundException(detail=f"There is no resource {id[:100]}.")


def _version(etag: str | None) -> str | None:
    """Return the version in a weak ETag."""
    found = re.fullmatch(r'W/"([0-9.]+)"', etag or "")
    return found[1] if found else etag


def _user_of(resource: User) -> users.User:
    """Return what a resource says of a user. Raises INVALID."""
    name, emails = resource.name, [one for one in resource.emails or () if one.value]
    primary = next((one for one in emails if one.primary), emails[0] if emails else None)
    given, family = (name.given_name, name.family_name) if name else (None, None)
    return users.User(
        user_name=str(resource.user_name),
        email=str(primary.value) if primary else None,
        external_id=resource.external_id,
        full_name=resource.display_name or " ".join(filter(None, (given, family))) or None,
        first_name=given,
        last_name=family,
        job_title=resource.title,
        active=resource.active is not False,
    )


def _group_of(resource: Group) -> groups.Group:
    """Return what a resource says of a group. Raises InvalidValueException."""
    members = set()
    for one in resource.members or ():
        try:
            members.add(UUID(str(one.value)))
        except ValueError:
            raise InvalidValueException(detail="A member is a user of the organization.") from None
    return groups.Group(str(resource.display_name), resource.external_id, frozenset(members))
