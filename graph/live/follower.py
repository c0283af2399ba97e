"""Who follows a stream: one subscription, and the groups of those that are told the same."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import UUID

from auth.policy import allows
from auth.viewer import Viewer
from db.core.notifications import Notification
from db.core.organizations import OrganizationMember
from db.feed.reading import Event
from graph.core.changes import ChangeKind, model_named
from graph.http.live import Access, Sink, Subscribing
from graph.kit.presence import Announcement
from graph.kit.stream import Stream
from graph.live.rights import Mark

PERSONAL = frozenset({"currentOrganizationId", "preferences", "viewerCan"})
"""Fields that may tell each person something else although their rights are the same."""
SHARED = UUID(int=0)
"""In the place of the person where several are told the same: nothing is theirs."""

News = Event | Announcement
"""What is told."""


@dataclass(eq=False, slots=True)
class Member:
    """One subscription. It has been told every event up to `position`, and none twice."""

    subscribing: Subscribing
    access: Access
    sink: Sink
    stream: Stream
    position: int
    group: "Group | None" = None
    greeting: ChangeKind | None = None
    """What it is to be told before anything else."""
    settling: bool = False
    """Whether a task is bringing it to its group."""
    begun: bool = False
    """Whether it is known what it follows, and from where on; until then it is in no group."""
    outdated: bool = True
    """Whether that must be asked, or asked once more."""
    marks: tuple[Mark, ...] = ()
    """By what it is found when rights change."""
    over: bool = False

    @property
    def is_present(self) -> bool:
        """Whether it follows who is in a document, and no events."""
        return self.stream.kind == "presence"

    def tell(self, position: int, payload: bytes, cursor: str | None) -> None:
        """Hand on an event that is newer than all before."""
        if not self.over and position > self.position:
            self.position = position
            self.sink.next(payload, cursor)


@dataclass(eq=False, slots=True)
class Group:
    """Members with the same operation, variables and rights: told by one execution of each event.

    `waiting` is what is still to be told; what came before `told_to` has been.
    """

    key: Hashable
    stream: Stream
    subscribing: Subscribing
    viewer: Viewer
    told_to: int
    members: set[Member] = field(default_factory=set)
    waiting: deque[News] = field(default_factory=deque)
    working: bool = False


def group_key(member: Member) -> tuple[Hashable, ...]:
    """What those have in common who are told the same.

    Variables that only say what to follow are left out: the stream says it.
    """
    viewer, subscribing = member.access.viewer, member.subscribing
    used = subscribing.operation.mentioned.variables
    return (
        member.stream,
        subscribing.document.hash,
        subscribing.name,
        repr(
            [(name, value) for name, value in sorted(subscribing.variables.items()) if name in used]
        ),
        viewer.id if is_personal(member) else SHARED,
        frozenset(viewer.grants.items()),
        viewer.organizations,
        viewer.public_projects,
        viewer.scopes,
    )


def is_personal(member: Member) -> bool:
    """Whether only this person may be told what they are told.

    Of those who are present, who may not see people sees themselves.
    """
    if member.is_present and not _sees_people(member):
        return True
    return member.stream.kind == "person" or not PERSONAL.isdisjoint(
        member.subscribing.operation.mentioned.fields
    )


def _sees_people(member: Member) -> bool:
    here = SimpleNamespace(organization_id=member.stream.organization_id, id=None, user_id=SHARED)
    return allows(member.access.viewer, "read", OrganizationMember, here)


def concerns(stream: Stream, viewer: Viewer, event: News) -> bool:
    """Whether who follows this stream is to hear of the event: they may see it, and asked for it.

    An entity that the API has no type for is told to nobody, a notification to its person alone.
    """
    if isinstance(event, Announcement):
        return True
    model = model_named(event.entity_type)
    if model is None or (model is Notification) != (stream.kind == "person"):
        return False
    if stream.types is not None and event.entity_type not in stream.types:
        return False
    if stream.actions is not None and event.action not in stream.actions:
        return False
    if (
        stream.fields is not None
        and event.action == "update"
        and stream.fields.isdisjoint(event.changed_fields)
    ):
        return False
    return allows(viewer, "read", model, _Place(event))


class _Place:
    """Where an event has happened, as the policy asks about a row."""

    __slots__ = ("document_id", "id", "organization_id", "project_id", "user_id")

    def __init__(self, event: Event) -> None:
        self.id = event.entity_id
        self.organization_id = event.organization_id
        self.project_id = event.project_id
        self.document_id = event.document_id
        self.user_id = event.user_id
