"""Audiences of an event: subscriptions that share one answer, as the rights that matter agree."""

from collections.abc import Hashable, Iterable
from dataclasses import replace

from auth.viewer import Role, Viewer
from graph.kit.stream import Announcement
from graph.live.follower import (
    SHARED,
    Audience,
    Cohort,
    Group,
    Member,
    News,
    Place,
    Split,
    is_personal,
)
from graph.live.hiding import may_hide
from graph.live.reach import Reach

MAX_PLACES = 64
"""Places of events for which a group remembers its audiences."""


def cohort_of(member: Member) -> Cohort:
    """Return a new cohort for this member, not in it yet."""
    viewer = member.access.viewer
    if not is_personal(member):
        viewer = replace(viewer, id=SHARED, email=None, session_id=None, client_id=None)
    key = (
        viewer.id,
        frozenset(viewer.grants.items()),
        viewer.organizations,
        viewer.public_projects,
        viewer.scopes,
        viewer.confined_project,
    )
    return Cohort(key, viewer)


def alone_in(group: Group, member: Member) -> Group:
    """Return a group like this one for this member alone, who is not added to it."""
    cohort = cohort_of(member)
    cohort.members.add(member)
    alone = Group(group.key, group.stream, group.subscribing, group.reach, member.position)
    alone.cohorts[cohort.key] = cohort
    return alone


def split(group: Group, cohorts: Iterable[Cohort], news: News) -> Split:
    """Return the audiences of an event among these cohorts of a group."""
    place = _place_of(group, news)
    found: dict[Hashable, tuple[Audience, list[Cohort]]] = {}
    for cohort in cohorts:
        viewer = cohort.viewer
        narrow = place is not None and _decided_there(viewer, place, group.reach)
        key = _rights_at(viewer, place) if narrow and place else cohort.key
        if known := found.get(key):
            known[1].append(cohort)
            continue
        shared = _only_at(viewer, place) if narrow and place else viewer
        audience = Audience((group.key, place, key), group.stream, group.subscribing, shared)
        found[key] = audience, [cohort]
    return list(found.values())


def split_all(group: Group, news: News) -> Split:
    """Return the audiences of an event among all cohorts of a group, remembered by its place."""
    place = _place_of(group, news)
    found = group.splits.get(place)
    if found is None:
        if len(group.splits) >= MAX_PLACES:
            group.splits.clear()
        found = group.splits[place] = split(group, group.cohorts.values(), news)
    return found


def _place_of(group: Group, news: News) -> Place | None:
    """Return the place of an event, at which grants can matter; None where that is not known."""
    stream = group.stream
    if group.reach is Reach.ANYWHERE or stream.organization_id is None:
        return None
    above = (stream.project_id, stream.document_id, stream.id)
    if isinstance(news, Announcement):
        return (stream.organization_id, *above)
    if news.departed or news.organization_id != stream.organization_id:
        return None  # the row is elsewhere by now
    if stream.kind == "entity" and may_hide(stream, news):
        return None  # what is followed may be elsewhere by now
    if news.action in ("delete", "restore") and news.entity_type in ("Project", "Organization"):
        return None  # it hides or shows rows of many documents
    # The id of a row counts where the row is a project or a document itself.
    is_scope = news.entity_type in ("Project", "Document")
    row = news.entity_id if is_scope else None
    return (stream.organization_id, *above, news.project_id, news.document_id, row)


def _decided_there(viewer: Viewer, place: Place, reach: Reach) -> bool:
    """Return whether the answer for this viewer depends on grants at the place alone."""
    if viewer.id != SHARED:
        return False
    here = place[0]
    assert here is not None  # noqa: S101 (an organization leads every place)
    return reach is Reach.SCOPES or viewer.grants.get(here, Role.ANYONE) >= Role.MEMBER


def _rights_at(viewer: Viewer, place: Place) -> tuple[Hashable, ...]:
    grants, public = viewer.grants, viewer.public_projects
    return (
        place[0] in viewer.organizations,
        viewer.scopes,
        viewer.confined_project,
        *[grants.get(scope) for scope in place if scope],
        frozenset([scope for scope in place if scope in public]),
    )


def _only_at(viewer: Viewer, place: Place) -> Viewer:
    scopes = {scope for scope in place if scope}
    return replace(
        viewer,
        grants={scope: viewer.grants[scope] for scope in scopes if scope in viewer.grants},
        organizations=viewer.organizations & {place[0]},
        public_projects=viewer.public_projects & scopes,
        public_tenants=viewer.public_tenants & {place[0]},
    )
