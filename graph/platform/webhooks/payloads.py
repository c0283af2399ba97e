"""The data of messages: who may read them, and the port by which selections are executed."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Protocol

from auth.credentials.grants import of_person
from auth.viewer import Role, Viewer
from db.feed.reading import Event
from db.pool import NOBODY, Database
from db.webhook_queue import Endpoint

MAX_AGE = 0.5
"""Seconds for which the rights of a service account are cached, as those of people are."""


class Payloads(Protocol):
    """The events that an endpoint is sent, and what it is sent of them."""

    def concerns(self, endpoint: Endpoint, viewer: Viewer, event: Event) -> bool:
        """Return whether the event passes the filters, and the viewer may read its object."""

    async def bodies(
        self, endpoint: Endpoint, viewer: Viewer, events: Sequence[Event]
    ) -> list[str]:
        """Return the body of a message for each event."""


class Principals:
    """The viewers as whom messages are made, with the rights of half a second ago at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Hashable, tuple[float, Viewer | None]] = {}

    async def of(self, endpoint: Endpoint) -> Viewer | None:
        """Return the viewer of an endpoint; None if the service account is nobody now.

        An endpoint of a project reads nothing outside of it: its administrators may have no other
        role.
        """
        scopes = None if endpoint.scopes is None else tuple(endpoint.scopes)
        key = (endpoint.service_account_id, scopes, endpoint.organization_id)
        now = time.monotonic()
        at, viewer = self._known.get(key, (now - MAX_AGE, None))
        if now - at >= MAX_AGE:
            async with self._database.auth.lend(NOBODY) as lent:
                viewer = await of_person(lent, key[0], endpoint.scopes, endpoint.organization_id)
            self._known = {k: v for k, v in self._known.items() if now - v[0] < MAX_AGE}
            self._known[key] = now, viewer
        if viewer is None or endpoint.organization_id not in viewer.organizations:
            return None
        return viewer if endpoint.project_id is None else _only_in(viewer, endpoint)


def _only_in(viewer: Viewer, endpoint: Endpoint) -> Viewer:
    project, organization = endpoint.project_id, endpoint.organization_id
    assert project is not None  # noqa: S101 (it is an endpoint of a project)
    roles = [viewer.grants.get(scope, Role.ANYONE) for scope in (organization, project)]
    within = {
        scope: viewer.grants[scope]
        for scope, place in viewer.places.items()
        if place.key == "document_id" and place.project_id == project and scope in viewer.grants
    }
    return replace(
        viewer,
        grants={project: max(roles), **within},
        organizations=frozenset({organization}),
        public_projects=viewer.public_projects & {project},
        public_tenants=viewer.public_tenants & {organization},
        by_visibility=viewer.by_visibility & {project},
        places={
            scope: viewer.places[scope] for scope in (project, *within) if scope in viewer.places
        },
    )
