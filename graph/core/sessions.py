"""The viewer's signed-in browsers and connected applications: list and end them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import access
from auth.settings import AuthSettings
from db.problem import Problem
from graph.core.people import Viewer
from graph.kit.context import Info
from graph.kit.fields import described, extend_type
from graph.kit.mutations import mutation

PROOF = "Requires a recent authentication in a session, or a token with the scope `admin`."


@strawberry.type(description="A browser in which the viewer is signed in.")
class Session:
    id: UUID = described("The ID of the session.")
    ip_address: str | None = described("The network address from which the viewer signed in.")
    user_agent: str = described("The `User-Agent` header of the browser; empty if it sent none.")
    created_at: datetime = described("The date and time when the viewer signed in.")
    last_used_at: datetime = described(
        "The date and time when the session was last used, to the minute."
    )
    is_current: bool = described("Whether the request is made in this session.")


@strawberry.type(description="An application that can act for the viewer.")
class ConnectedApplication:
    client_id: str = described("The client ID of the application.")
    name: str = described("The name of the application.")
    connected_at: datetime = described(
        "The date and time of the oldest consent or token that is still valid."
    )
    last_used_at: datetime | None = described(
        "The date and time when the application last used a token, to the minute."
    )
    scopes: list[str] | None = described(
        "The scopes that the application has; null if it can do everything that the viewer can."
    )
    organizations: list[str] | None = described(
        "The names of the only organizations that the application reaches; null for all."
    )
    projects: list[str] | None = described(
        "The names of the only projects that the application reaches; null if it reaches all of an"
        " organization."
    )


@strawberry.type(description="The result of ending sessions.")
class SessionEndPayload:
    ended: int = described("The number of sessions that were ended.")


@strawberry.type(description="The result of disconnecting an application.")
class ApplicationDisconnectPayload:
    client_id: str = described("The client ID of the application.")


def _settings(info: Info) -> AuthSettings:
    if info.context.outbox is None:
        raise Problem("BUSY", "The gateway does not manage sessions here.")
    return info.context.outbox.settings


async def _sessions(info: Info) -> list[Session]:
    session, settings = info.context.session, _settings(info)
    await access.require_proof(session.database, session.viewer)
    found = await access.browsers(session.database, settings, session.viewer)
    here = session.viewer.session_id if session.viewer.client_id is None else None
    return [
        Session(
            id=one.id,
            ip_address=one.address,
            user_agent=one.agent,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
            is_current=str(one.id) == here,
        )
        for one in found
    ]


async def _applications(info: Info) -> list[ConnectedApplication]:
    session = info.context.session
    access.require_everything(session.viewer)
    found = await access.applications(session.database, session.viewer)
    return [
        ConnectedApplication(
            client_id=one.client_id,
            name=one.name,
            connected_at=one.since,
            last_used_at=one.last_used_at,
            scopes=None if one.scopes is None else sorted(one.scopes),
            organizations=None if one.places is None else list(one.places),
            projects=None if one.projects is None else list(one.projects),
        )
        for one in found
    ]


extend_type(
    Viewer,
    sessions=strawberry.field(
        _sessions,
        description="The browsers in which the viewer is signed in, the latest used first, at most"
        f" {access.MAX_LISTED}. {PROOF}",
        metadata={"largest_page": access.MAX_LISTED},
    ),
    connected_applications=strawberry.field(
        _applications,
        description="The applications that can act for the viewer, the latest used first, at most"
        f" {access.MAX_LISTED}. A token needs the scope `admin`.",
        metadata={"largest_page": access.MAX_LISTED},
    ),
)


async def session_end(
    info: Info,
    id: Annotated[UUID, strawberry.argument(description="The ID of the session.")],
) -> SessionEndPayload | None:
    session = info.context.session
    await access.require_proof(session.database, session.viewer)
    ended = await access.end_browser(session.database, session.viewer, str(id), session.origin)
    return SessionEndPayload(ended=int(ended))


async def sessions_end(info: Info) -> SessionEndPayload | None:
    session = info.context.session
    await access.require_proof(session.database, session.viewer)
    ended = await access.end_other_browsers(session.database, session.viewer, session.origin)
    return SessionEndPayload(ended=ended)


async def application_disconnect(
    info: Info,
    client_id: Annotated[str, strawberry.argument(description="The client ID of the application.")],
) -> ApplicationDisconnectPayload | None:
    session = info.context.session
    access.require_everything(session.viewer)
    await access.disconnect(session.database, session.viewer, client_id, session.origin)
    return ApplicationDisconnectPayload(client_id=client_id)


@strawberry.type
class Mutation:
    session_end = mutation(
        session_end,
        SessionEndPayload,
        f"Sign a browser of the viewer out. A session that has ended is not an error. {PROOF}",
        scope="admin",
    )
    sessions_end = mutation(
        sessions_end,
        SessionEndPayload,
        f"Sign all browsers of the viewer out, except the one that sends the request. {PROOF}",
        scope="admin",
    )
    application_disconnect = mutation(
        application_disconnect,
        ApplicationDisconnectPayload,
        "End all tokens, codes and consents that an application has from the viewer.",
        scope="admin",
    )
