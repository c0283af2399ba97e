"""The rules of quality: what each finds, where, and in what time."""

import time
from random import Random

import pytest

from graph.requirements.quality.analysis import MAX_FINDINGS, Profile, analyze, keys_of
from graph.requirements.quality.duplicates import THRESHOLD, Corpus, trigrams
from graph.requirements.quality.ears import EarsPattern, ears_pattern
from graph.requirements.quality.rules import (
    MAX_TEXT_LENGTH,
    RULES,
    QualityRule,
    QualitySeverity,
    Statement,
)

DEFAULT = Profile.of({})


def found(text, **more):
    analysis = analyze(Statement(text, **more), DEFAULT)
    return [(one["rule"], one["text"]) for one in analysis["findings"]]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.find], ids=lambda r: r.rule.value)
def test_a_rule_finds_its_example_and_nothing_in_a_good_statement(rule):
    format = "ears" if rule.rule is QualityRule.EARS_PATTERN else "natural_language"
    assert list(rule.find(Statement(rule.example, format)))
    good = "When the master presses the button, the shuttle shall stop within 12 m."
    assert not list(rule.find(Statement(good, format)))


TEXTS = {
    "The alarm shall be triggered.": [("PASSIVE_WITHOUT_ACTOR", "shall be triggered")],
    "The alarm shall be triggered by the shuttle.": [],
    "The alarm shall be automatically  sent. It stops by itself.": [
        ("PASSIVE_WITHOUT_ACTOR", "shall be automatically  sent"),
        ("PRONOUN", "It"),
        ("PRONOUN", "itself"),
    ],
    "The 🚢 shall stop quickly.": [("UNQUANTIFIED_TERM", "quickly")],
    "The shuttle shall log speed, heading, etc.": [("OPEN_ENDED_LIST", "etc")],
    "The shuttle shall dock\nif\tpossible.": [("ESCAPE_CLAUSE", "if\tpossible")],
    "The shuttle shall use a fast-track lane.": [],
    "The shuttle shall stop within ??? m.": [("PLACEHOLDER", "???")],
    "": [],
}


def test_spans_are_those_of_whole_words_in_code_points():
    for text, expected in TEXTS.items():
        assert found(text) == expected, text
        for one in analyze(Statement(text), DEFAULT)["findings"]:
            assert text[one["start"] : one["end"]] == one["text"]


def test_only_sentences_need_shall():
    text = "Given a ship\nWhen it is near\nThen it stops"
    assert "MISSING_SHALL" in dict(found(text))
    for kind in ({"format": "gherkin"}, {"format": "formal"}, {"level": "user_story"}):
        assert "MISSING_SHALL" not in dict(found(text, **kind))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("The shuttle shall stop.", "UBIQUITOUS"),
        ("While docked, the shuttle shall charge.", "STATE_DRIVEN"),
        ("When a ship is near, the shuttle shall stop.", "EVENT_DRIVEN"),
        ("Where there is a ramp, the shuttle shall lower it.", "OPTIONAL_FEATURE"),
        ("If power fails, then the shuttle shall anchor.", "UNWANTED_BEHAVIOR"),
        ("While docked, when a person falls, the shuttle shall stop.", "COMPLEX"),
        ("If power fails the shuttle shall anchor.", None),
        ("When a ship is near the shuttle shall stop.", None),
        ("The shuttle stops.", None),
    ],
)
def test_patterns_of_ears_are_told_apart(text, pattern):
    assert ears_pattern(text) == (EarsPattern[pattern] if pattern else None)


def test_settings_choose_rules_severities_and_the_language():
    text = "The shuttle shall stop quickly if possible. TBD"
    settings = {
        "rules": {
            "UNQUANTIFIED_TERM": {"isEnabled": False},
            "ESCAPE_CLAUSE": {"isEnabled": True, "severity": "LOW"},
        }
    }
    profile = Profile.of(settings)
    analysis = analyze(Statement(text), profile)
    assert keys_of(analysis, profile) == ["ESCAPE_CLAUSE LOW", "PLACEHOLDER HIGH"]
    assert (analysis["score"], analysis["severity"]) == (72, "HIGH")
    other = Profile.of({"language": "OTHER"})
    assert analyze(Statement(text), other)["rules"] == ["PLACEHOLDER"]
    assert other.severities[QualityRule.DUPLICATE] is QualitySeverity.MEDIUM


HOSTILE = {
    "spaces": "shall" + " " * MAX_TEXT_LENGTH,
    "near misses": "shall not only be " * (MAX_TEXT_LENGTH // 18),
    "findings": "very fast " * (MAX_TEXT_LENGTH // 10),
    "commas": "when ," * (MAX_TEXT_LENGTH // 6),
    "one word": "e" * MAX_TEXT_LENGTH,
    "if if": "if " * (MAX_TEXT_LENGTH // 3),
    "breaks": "shall\nbe " * (MAX_TEXT_LENGTH // 9),
    "marks": "?/%" * (MAX_TEXT_LENGTH // 3),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_largest_text_is_analyzed_in_time_in_proportion_to_it(kind):
    text = HOSTILE[kind][:MAX_TEXT_LENGTH]

    def seconds(part):
        began = time.process_time()
        analysis = analyze(Statement(part, "ears"), DEFAULT)
        assert len(analysis["findings"]) <= MAX_FINDINGS
        return time.process_time() - began

    seconds(text)
    assert seconds(text) < 1, "which a machine ten times as slow keeps, too"


def test_duplicates_are_the_pairs_that_a_comparison_of_all_finds():
    random = Random(7)
    words = ["shuttle", "pier", "stop", "within", "meters", "lamp", "door", "opens", "crew", "12"]
    texts = {}
    for number in range(120):
        text = [random.choice(words) for _ in range(12)]
        texts[f"{number}a"] = " ".join(text)
        text[random.randrange(12)] = random.choice(words)
        texts[f"{number}b"] = " ".join(text)
    sets = {id: trigrams(text) for id, text in texts.items()}
    expected = {
        (one, other)
        for one in sets
        for other in sets
        if one != other and len(sets[one] & sets[other]) >= THRESHOLD * len(sets[one] | sets[other])
    }
    pairs = Corpus(texts).pairs(texts)
    named = {(one, other) for one, others in pairs.items() for other in others}
    assert named <= expected
    assert all(len(others) <= 10 for others in pairs.values())
    assert {one for one, _ in expected} == set(pairs)
    some = Corpus(texts).pairs(["3a"])
    assert {other for one, other in expected if one == "3a"} >= set(some["3a"])
    assert all("3a" in some[other] for other in some["3a"])


@pytest.mark.slow
def test_many_texts_that_are_alike_are_compared_in_bounded_time():
    texts = {
        str(n): f"The shuttle shall stop at pier {n} within 12 m of the edge." for n in range(5000)
    }
    began = time.process_time()
    pairs = Corpus(texts).pairs(list(texts)[:500])
    assert time.process_time() - began < 20
    assert all(len(others) <= 10 for others in pairs.values())
