"""Followers of a stream: one subscription, and groups of subscriptions that share payloads."""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import UUID

from auth.policy import ENTITIES, RULES, allows
from auth.viewer import Viewer
from db.core.notifications import Notification
from db.core.organizations import OrganizationMember
from db.feed.reading import Event
from graph.core.changes import ChangeKind, model_named
from graph.http.operation.ports import Access, Sink, Subscribing
from graph.kit.stream import Announcement, Stream
from graph.live.reach import Reach
from graph.live.rights import AccessKey

PERSONAL = frozenset(
    {
        "currentOrganizationId",
        "personalOrganizationId",
        "phoneNumber",
        "preferences",
        "viewerCan",
        "viewerHasStarred",
    }
)
"""Fields whose values may differ between people with the same rights."""
SHARED = UUID(int=0)
"""The person of a viewer that several share: no row belongs to it."""

CROSSING = frozenset({"document_id", "project_id"})
"""Columns by which a row is in a stream, or is not."""

ANNOUNCED = frozenset({"presence", "statistics"})
"""Kinds of streams whose followers are sent announcements."""
News = Event | Announcement
"""The items that followers are sent."""
Place = tuple[UUID | None, ...]
"""An organization, and the projects, documents and rows at which grants can bear on an event."""


@dataclass(eq=False, slots=True)
class Member:
    """One subscription. It has been sent every event up to `position`, and none twice."""

    subscribing: Subscribing
    access: Access
    sink: Sink
    stream: Stream
    position: int
    group: "Group | None" = None
    cohort: "Cohort | None" = None
    """Its cohort in the group."""
    greeting: ChangeKind | None = None
    """The kind of the first payload to send, before any event."""
    settling: bool = False
    """True while a task catches it up with its group."""
    begun: bool = False
    """True once its stream and position are known; until then it is in no group."""
    outdated: bool = True
    """True if its stream has to be determined, or determined again."""
    marks: tuple[AccessKey, ...] = ()
    """The keys by which it is found when rights change."""
    over: bool = False
    reach: Reach = Reach.ANYWHERE
    """The grants that can decide its payload for an event."""
    doubtful: bool = False
    """True if the row it follows may have been hidden meanwhile, which has to be checked."""

    @property
    def is_present(self) -> bool:
        """Return whether it follows presence in a document, and no events."""
        return self.stream.kind == "presence"

    @property
    def is_announced(self) -> bool:
        """Return whether it is sent announcements of a place, and no events."""
        return self.stream.kind in ANNOUNCED

    def tell(self, position: int, tellings: Iterable[tuple[bytes, str | None]]) -> None:
        """Send the payloads of an event, unless the member is past its position."""
        if not self.over and position > self.position:
            self.position = position
            for payload, cursor in tellings:
                self.sink.next(payload, cursor)


@dataclass(eq=False, slots=True)
class Cohort:
    """Members of a group whose rights are the same everywhere."""

    key: tuple[Hashable, ...]
    viewer: Viewer
    members: set[Member] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Audience:
    """Followers of one stream who are sent one execution, and the viewer who executes it.

    The viewer has no right that one of them lacks. So a selection that reached further than was
    determined would show less, and never a row that a follower may not see.
    """

    key: tuple[Hashable, ...]
    stream: Stream = field(compare=False)
    subscribing: Subscribing = field(compare=False)
    viewer: Viewer = field(compare=False)


Split = list[tuple[Audience, list[Cohort]]]


@dataclass(eq=False, slots=True)
class Group:
    """Members with the same stream, operation and variables, whatever their rights.

    `waiting` is the queue of items; those up to `told_to` were sent before. `splits` caches the
    audiences of an event's place, while the cohorts stay the same.
    """

    key: Hashable
    stream: Stream
    subscribing: Subscribing
    reach: Reach
    told_to: int
    cohorts: dict[Hashable, Cohort] = field(default_factory=dict)
    splits: dict[Place | None, Split] = field(default_factory=dict)
    waiting: deque[News] = field(default_factory=deque)
    working: bool = False

    @property
    def members(self) -> Iterator[Member]:
        """Return the members of all its cohorts."""
        for cohort in self.cohorts.values():
            yield from cohort.members


def group_key(member: Member) -> tuple[Hashable, ...]:
    """Return the key that subscriptions to the same stream with the same operation share.

    Variables that only name the stream are left out: the stream is part of the key.
    """
    subscribing = member.subscribing
    used = subscribing.operation.mentioned.variables
    return (
        member.stream,
        subscribing.document.hash,
        subscribing.name,
        repr(
            [(name, value) for name, value in sorted(subscribing.variables.items()) if name in used]
        ),
    )


def may_concern(member: Member, project_id: UUID) -> bool:
    """Return whether this member's payloads may depend on grants at a project."""
    stream = member.stream
    if not member.begun or member.reach is Reach.ANYWHERE:
        return True
    if stream.kind in ("organization", "person") or is_personal(member):
        return True
    return project_id in (stream.id, stream.project_id)


def is_personal(member: Member) -> bool:
    """Return whether its payloads are for this person alone.

    In presence, a viewer who may not see people sees only themselves. A row that people may read as
    their own, such as a job, is followed by each for themselves.
    """
    if member.is_present and not _sees_people(member):
        return True
    if member.stream.kind == "entity" and _may_be_own(member.stream):
        return True
    return member.stream.kind == "person" or not PERSONAL.isdisjoint(
        member.subscribing.operation.mentioned.fields
    )


def _sees_people(member: Member) -> bool:
    here = SimpleNamespace(organization_id=member.stream.organization_id, id=None, user_id=SHARED)
    return allows(member.access.viewer, "read", OrganizationMember, here)


def _may_be_own(stream: Stream) -> bool:
    model = ENTITIES.get(stream.entity_type or "")
    return model is not None and "read" in RULES[model].own_actions


def concerns(stream: Stream, viewer: Viewer, event: News) -> bool:
    """Return whether a follower of the stream is sent the event: they may see it, and selected it.

    An entity without a type in the API is sent to nobody, a notification to its person alone.
    """
    if isinstance(event, Announcement):
        return True
    model = model_named(event.entity_type)
    if model is None or (model is Notification) != (stream.kind == "person"):
        return False
    return _is_asked_for(stream, event) and allows(viewer, "read", model, _Place(event))


def _is_asked_for(stream: Stream, event: Event) -> bool:
    if stream.kind == "entity" and event.entity_id != stream.id:
        return False  # it may hide the row, but is told in other words
    if stream.types is not None and event.entity_type not in stream.types:
        return False
    if stream.actions is not None and event.action not in stream.actions:
        return False
    if stream.fields is None or event.action != "update" or _crosses(event):
        return True
    return not stream.fields.isdisjoint(event.changed_fields)


def _crosses(event: Event) -> bool:
    """Return whether the event moves its row between documents or projects."""
    left = event.departed is not None and not event.departed.is_linked
    return left or not CROSSING.isdisjoint(event.changed_fields)


class _Place:
    """The place of an event, with the attributes of a row that the policy reads.

    It is the place at which the event is told; of a link, that of the link itself.
    """

    __slots__ = ("document_id", "id", "organization_id", "project_id", "service_of", "user_id")

    def __init__(self, event: Event) -> None:
        self.id = event.entity_id
        self.organization_id = self.service_of = event.organization_id
        linked = event.departed is not None and event.departed.is_linked
        self.project_id = event.row_project_id if linked else event.project_id
        self.document_id = None if linked else event.document_id
        self.user_id = event.user_id
