"""The index of followers: it finds all who are affected, and holds nothing else."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.viewer import Viewer
from graph.kit.stream import Stream
from graph.live.access_index import Accesses
from graph.live.follower import Member
from graph.live.rights import ANYWHERE, APPLICATIONS

PEOPLE, ORGANIZATIONS, DOCUMENTS = (
    [UUID(int=kind * 100 + number) for number in range(3)] for kind in (1, 2, 3)
)
organizations = st.frozensets(st.sampled_from(ORGANIZATIONS))
viewers = st.builds(
    Viewer,
    st.sampled_from(PEOPLE),
    organizations=organizations,
    session_id=st.sampled_from("ab"),
    client_id=st.sampled_from(["c", "d", None]),
)
streams = st.builds(
    Stream,
    st.sampled_from(["document", "person", "presence"]),
    st.sampled_from(DOCUMENTS),
    st.sampled_from([*ORGANIZATIONS, None]),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["subscribe", "begin", "renew", "leave"]),
        st.integers(0, 5),
        organizations,
        streams,
    ),
    max_size=30,
)
SOUGHT = [*PEOPLE, *ORGANIZATIONS, *DOCUMENTS, "a", "b", "c", "d", ANYWHERE, APPLICATIONS]


class _Access:
    def __init__(self, viewer):
        self.viewer = viewer


def _has(member, mark):
    viewer, stream = member.access.viewer, member.stream
    if mark == ANYWHERE:
        return not member.begun
    if mark == APPLICATIONS:
        return viewer.client_id is not None
    if mark in DOCUMENTS:
        return member.begun and stream.kind == "presence" and stream.id == mark
    follows = member.begun and stream.organization_id == mark
    own = mark in (viewer.id, viewer.session_id, viewer.client_id)
    return own or follows or mark in viewer.organizations


@pytest.mark.slow
@given(st.lists(viewers, min_size=2, max_size=3), steps)
def test_whoever_has_a_mark_is_found_by_it_and_nobody_else(viewers, steps):
    accesses, following = Accesses(), []
    everybody = [_Access(viewer) for viewer in viewers]
    for step, number, organizations, stream in steps:
        access = everybody[number % len(everybody)]
        if step == "subscribe":
            member = Member(None, access, None, Stream("document", UUID(int=0), None), 0)
            following.append(member)
            accesses.put(member)
        elif step == "renew":
            access.viewer = replace(access.viewer, organizations=organizations)
            for member in accesses.of(access):
                accesses.put(member)
        elif following:
            member = following[number % len(following)]
            if step == "begin":
                member.stream, member.begun = stream, True
                accesses.put(member)
            else:
                following.remove(member)
                accesses.drop(member)
        assert set(accesses) == {*following}
        for mark in SOUGHT:
            assert accesses.marked([mark]) == {m.access for m in following if _has(m, mark)}
    for member in following:
        accesses.drop(member)
    assert (accesses._members, accesses._marked) == ({}, {})
