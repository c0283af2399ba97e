"""SQL is compiled once for each shape of a statement; the least recently used ones make room."""

from sqlalchemy import select

from auth.session.row import BYTES_PER_CHARACTER, DIALECT, Statements
from tests.session.notes import Note

NOTES = Note.__table__.c


class Compiling:
    """A compiler of statements that counts."""

    def __init__(self):
        self.count = 0

    def __call__(self, *arguments, **options):
        self.count += 1
        return DIALECT.statement_compiler(*arguments, **options)


def test_statements_of_one_shape_are_compiled_once_with_values_of_their_own():
    compiling = Compiling()
    statements = Statements(compiler=compiling)
    first = statements.ready(select(NOTES.id).where(NOTES.name == "A"), {})
    second = statements.ready(select(NOTES.id).where(NOTES.name == "B"), {})
    assert first[0] is second[0]
    assert (first[1], second[1], compiling.count) == (["A"], ["B"], 1)


def test_the_least_recently_used_statement_makes_room():
    compiling = Compiling()
    one, two, three = select(NOTES.name), select(NOTES.code), select(NOTES.text)
    length = max(len(str(each.compile(dialect=DIALECT))) for each in (one, two, three))
    statements = Statements(2 * BYTES_PER_CHARACTER * length, compiling)
    for each in (one, two, one, three):  # in whose place two goes, used before one
        statements.ready(each, {})
    assert (len(statements.kept), compiling.count) == (2, 3)
    statements.ready(one, {})
    assert compiling.count == 3
    statements.ready(two, {})
    assert compiling.count == 4
    assert statements.used == sum(BYTES_PER_CHARACTER * len(t) for t, _ in statements.kept.values())
