"""The word-level diff: exact, readable, and fast for any input."""

from itertools import pairwise
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.session.diff import Budget
from graph.kit.word_diff import Kind, word_diff

WORDS = st.lists(
    st.sampled_from(["the", "stop", "brake", " ", "  ", "\n", "\r\n", ".", "é", "\u2028", "1.5"]),
    max_size=60,
).map("".join)


def told(old, new):
    marks = {Kind.EQUAL: "{}", Kind.DELETED: "[-{}-]", Kind.INSERTED: "{{+{}+}}"}
    return "".join(marks[part.kind].format(part.text) for part in word_diff(old, new))


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ("", "", ""),
        ("", "new", "{+new+}"),
        ("old", "", "[-old-]"),
        ("same", "same", "same"),
        ("It stops in 10 s.", "It stops in 15 s.", "It stops in [-10-]{+15+} s."),
        ("It stops.", "It always stops.", "It {+always +}stops."),
        ("the quick fox", "a slow fox", "[-the quick-]{+a slow+} fox"),
        ("one\ntwo\nthree\n", "one\nthree\n", "one\n[-two\n-]three\n"),
        ("one\ntwo three\n", "zero\none\ntwo four\n", "{+zero\n+}one\ntwo [-three-]{+four+}\n"),
    ],
)
def test_words_that_changed_are_told_from_those_that_did_not(old, new, diff):
    assert told(old, new) == diff


@given(st.one_of(WORDS, st.text()), st.one_of(WORDS, st.text()), st.sampled_from([0, 30, 250_000]))
def test_the_parts_give_back_both_texts(old, new, steps):
    parts = word_diff(old, new, Budget(steps))
    assert "".join(text for kind, text in parts if kind is not Kind.INSERTED) == old
    assert "".join(text for kind, text in parts if kind is not Kind.DELETED) == new
    assert all(text for _, text in parts)
    kinds = [kind for kind, _ in parts]
    assert all(one is not other for one, other in pairwise(kinds))
    assert (Kind.INSERTED, Kind.DELETED) not in pairwise(kinds)


MEGABYTE = 1_000_000
HOSTILE = {
    "lines that repeat": ("a\nb\n" * (MEGABYTE // 4), "b\nc\na\n" * (MEGABYTE // 6)),
    "words that repeat": ("a b " * (MEGABYTE // 4), "b c a " * (MEGABYTE // 6)),
    "nothing but line breaks": ("\n" * MEGABYTE, "x" + "\n" * (MEGABYTE // 2)),
    "one long word": ("a" * MEGABYTE, "b" * MEGABYTE),
    "punctuation": ("." * MEGABYTE + "x", "y" + "." * MEGABYTE),
    "shuffled": (
        " ".join(f"{i * 7919 % 100_003}" for i in range(100_000)),
        " ".join(f"{i * 104_729 % 100_003}" for i in range(100_000)),
    ),
    "every other line": (
        "".join(f"{i}\n" for i in range(130_000)),
        "".join(f"{i + i % 2 * 1_000_000}\n" for i in range(130_000)),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_no_pair_of_texts_takes_long(name):
    old, new = HOSTILE[name]
    began = thread_time()
    parts = word_diff(old, new)
    assert thread_time() - began < 3  # of the processor; a tenth of that, rather
    assert "".join(text for kind, text in parts if kind is not Kind.INSERTED) == old
