"""Moves in memory: over two documents with nested blocks, they equal those of plain lists."""

from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from auth.session.ancestry import ordering
from db.problem import Problem
from db.requirements.documents import Block
from graph.kit.ordering import Place
from graph.kit.outline import Outline, Standing
from graph.kit.positions import MIN_GAP

DOCUMENTS = UUID(int=1), UUID(int=2)
COUNT = 10
BLOCKS = [UUID(int=100 + number) for number in range(COUNT)]

moves = st.lists(
    st.tuples(
        st.sampled_from(BLOCKS),
        st.sampled_from(DOCUMENTS),
        st.one_of(st.none(), st.just(""), st.sampled_from(BLOCKS)),
        st.sampled_from(["after", "before", "first", "last"]),
        st.sampled_from(BLOCKS),
    ),
    max_size=40,
)


class Lists:
    """The expected state: two lists, and the parent of each block."""

    def __init__(self):
        self.lists = {DOCUMENTS[0]: BLOCKS[:6], DOCUMENTS[1]: BLOCKS[6:]}
        self.inside = dict.fromkeys(BLOCKS)

    def document(self, block):
        return next(document for document, blocks in self.lists.items() if block in blocks)

    def above(self, block):
        while block:
            yield block
            block = self.inside[block]

    def move(self, block, document, inside, way, beside):
        """Move a row; return whether it was moved. `inside` is "" when the client gives none."""
        crosses = self.document(block) != document
        inside_given = inside != ""
        inside = inside or None
        if inside and (self.document(inside) != document or block in self.above(inside)):
            return False
        if way in ("after", "before") and (
            beside == block
            or self.document(beside) != document
            or (inside_given and self.inside[beside] != inside)
        ):
            return False
        source, target = self.lists[self.document(block)], self.lists[document]
        with_it = [other for other in source if block in self.above(other) and other != block]
        run = [block, *with_it] if crosses else [block]
        for moved in run:
            source.remove(moved)
        at = {"first": 0, "last": len(target)}.get(way)
        if at is None:
            at = target.index(beside) + (way == "after")
        target[at:at] = run
        if inside_given or crosses:
            self.inside[block] = inside
        return True


@given(moves)
def test_moves_in_memory_are_those_of_lists(moves):
    expected = Lists()
    found = {
        block: Standing(float(number), expected.document(block), None, shown=True)
        for number, block in enumerate(BLOCKS)
    }
    outline = Outline(ordering(Block), found, {})
    for block, document, inside, way, beside in moves:
        to = Place(
            inside=inside or None,
            inside_given=inside != "",
            after=beside if way == "after" else None,
            before=beside if way == "before" else None,
            first=way == "first",
        )
        try:
            outline.move(block, document, to)
        except Problem:
            assert not expected.move(block, document, inside, way, beside)
        else:
            assert expected.move(block, document, inside, way, beside)
        for document_id, blocks in expected.lists.items():
            standing = [outline.now[each] for each in blocks]
            positions = [at.position for at in standing]
            assert {at.container_id for at in standing} <= {document_id}
            assert all(right - left >= MIN_GAP for left, right in pairwise(positions))
        assert {each: at.inside for each, at in outline.now.items()} == expected.inside
        assert {id for id in BLOCKS if outline.now[id] != found[id]} == outline.changed().keys()
