"""The storage of SCIM for threads, in which resources are validated and patched."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from scim2_models import (
    ConflictException,
    Error,
    ForbiddenException,
    InvalidValueException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from db.problem import CODES, Problem
from graph.scim.resources import User
from graph.scim.storage import Storage

T = TypeVar("T")

REFUSALS: dict[str, type[SCIMException]] = {
    "ALREADY_EXISTS": UniquenessException,
    "NOT_FOUND": NotFoundException,
    "CONFLICT": PreconditionFailedException,
    "LAST_OWNER": ConflictException,
    "INVALID": InvalidValueException,
    "FORBIDDEN": ForbiddenException,
    "LIMIT_REACHED": ForbiddenException,
}
"""The error of SCIM for each code (RFC 7644, section 3.12); others have their status alone."""


def scim_error(problem: Problem) -> SCIMException:
    """Return a refusal as an error of SCIM."""
    if refusal := REFUSALS.get(problem.code):
        return refusal(detail=problem.message)
    error = Error(status=CODES[problem.code].status, detail=problem.message)
    return SCIMException.from_error(error)


@dataclass(frozen=True)
class Bridge(ScimStorage):
    """A storage for a thread, each of whose calls runs in the event loop."""

    storage: Storage
    loop: asyncio.AbstractEventLoop
    ahead: dict[int, User | Problem] = field(default_factory=dict)
    """The outcomes of users created ahead of their turn, by the identity of the sent one."""

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a resource."""
        found = self.storage.get(
            resource_type, resource_id, response_parameters=response_parameters
        )
        return self._run(found)

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return a page."""
        return self._run(self.storage.search(resource_types, search_request, position=position))

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Create a resource, unless it is created already."""
        done = self.ahead.pop(id(resource), None)
        if isinstance(done, Problem):
            raise scim_error(done) from done
        if done is not None:
            return done
        return self._run(self.storage.create(resource_type, resource))

    def create_ahead(self, users: Sequence[User], *, all_or_none: bool) -> None:
        """Create these users, whose turn to be created is next, in as few transactions as can be.

        If one cannot be created, the others are, or none if `all_or_none`.
        """
        made = self._run(self.storage.create_each(users, all_or_none=all_or_none))
        self.ahead.update({id(user): done for user, done in zip(users, made, strict=False)})

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Replace a resource."""
        written = self.storage.update(resource_type, resource, expected_version=expected_version)
        return self._run(written)

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Delete a resource."""
        self._run(
            self.storage.delete(resource_type, resource_id, expected_version=expected_version)
        )

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work in the loop. A Problem becomes an error of SCIM."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop).result()
        except Problem as problem:
            raise scim_error(problem) from problem
