"""Positions: any sequence of moves gives the order of a list, and never runs out."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.kit.positions import MIN_GAP, Line, spaced

LARGEST = 1.7976931348623157e308


def line_of(count, positions=None):
    ids = [UUID(int=number + 1) for number in range(count)]
    return ids, Line(zip(ids, positions or map(float, range(1, count + 1)), strict=True))


def gaps(line):
    return [right - left for (left, _), (right, _) in pairwise(line.keys)]


def move(line, id, place):
    """Move one row; return the number of others that were renumbered."""
    line.take(id)
    changed = line.put([id], place(line))
    assert line.positions[id] == changed[id]
    return len(changed) - 1


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60))
def test_moves_give_the_order_that_a_list_has(moves):
    ids, line = line_of(12)
    expected = list(ids)
    for moved, place in moves:
        expected.remove(ids[moved])
        expected.insert(place, ids[moved])
        move(line, ids[moved], lambda _, place=place: place)
        assert [id for _, id in line.keys] == expected
        assert line.positions == {id: position for position, id in line.keys}
        assert min(gaps(line)) >= MIN_GAP


@pytest.mark.slow
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), min_size=1, max_size=20),
    st.integers(1, 30),
)
def test_from_any_positions_a_run_of_rows_goes_where_it_is_put(positions, places, count):
    _, line = line_of(len(positions), positions)
    expected = [id for _, id in line.keys]
    for number, place in enumerate(places):
        run = [UUID(int=1000 * (number + 1) + step) for step in range(count)]
        at = min(place, len(expected))
        changed = line.put(run, at)
        expected[at:at] = run
        assert [id for _, id in line.keys] == expected
        assert line.keys == sorted(line.keys)
        inserted = [line.positions[id] for id in run]
        around = [*line.keys[at - 1 : at], *line.keys[at + count : at + count + 1]]
        near = sorted([*inserted, *(position for position, _ in around)])
        assert all(right - left >= MIN_GAP for left, right in pairwise(near))
        assert changed.keys() >= set(run)


def test_what_is_taken_is_gone_and_what_is_put_back_is_where_it_was():
    ids, line = line_of(5)
    line.take(ids[1], ids[3])
    assert [id for _, id in line.keys] == [ids[0], ids[2], ids[4]]
    line.put_back(ids[3], 4.0)
    assert [id for _, id in line.keys] == [ids[0], ids[2], ids[3], ids[4]]
    line.take(UUID(int=99))
    assert len(line.keys) == 4


@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, 1.0), (1.0, 1 + 1e-9), (1e16, 1e16 + 2), (0.0, 5e-324), (-LARGEST, LARGEST)],
)
def test_a_gap_that_has_run_out_says_so(low, high):
    found = spaced(low, high, 1)
    assert found in (None, [0.0])  # between the largest numbers there is room
    assert (found is None) == (high - low < 2 * MIN_GAP or low == 1e16)


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        lambda line, ids: line.place_of(ids[5_000]) + 1,
        lambda line, ids: line.place_of(ids[5_000]),
        lambda line, ids: 0,
        lambda line, ids: len(line.keys),
        lambda line, ids: 7,
    ],
    ids=["after", "before", "first", "last", "seventh"],
)
@pytest.mark.parametrize("from_", ["start", "end"])
def test_ten_thousand_moves_to_one_place_renumber_two_rows_each_at_most(place, from_):
    ids, line = line_of(10_000)
    renumbered = 0
    for _ in range(10_000):
        moved = line.keys[0 if from_ == "start" else -1][1]
        if moved != ids[5_000]:
            renumbered += move(line, moved, lambda line: place(line, ids))
    assert renumbered <= 2 * 10_000
    assert min(gaps(line)) >= MIN_GAP
    assert len(line.keys) == 10_000
