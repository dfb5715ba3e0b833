"""What a file has listed so far: each level by the first line that tells of it."""

from contextlib import closing

import pytest

from persistence.listed import Listed


@pytest.fixture
def listed():
    with closing(Listed()) as opened:
        yield opened


def test_the_first_line_to_tell_of_a_level_is_the_one_that_counts(listed):
    assert listed.take(("A", "milan"), 2) == 2
    assert listed.take(("A", "milan"), 9) == 2
    assert listed.take(("A", "rome"), 10) == 10
    assert listed.take(("milan", "A"), 11) == 11


def test_a_level_that_was_only_mentioned_is_still_to_be_told_of(listed):
    listed.mention(("A", "milan"))

    assert listed.take(("A", "milan"), 9) == 9
    assert listed.take(("A", "milan"), 10) == 9


def test_to_mention_what_was_told_changes_nothing(listed):
    listed.take(("A", "milan"), 2)
    listed.mention(("A", "milan"))

    assert listed.take(("A", "milan"), 3) == 2


def test_what_no_line_names_at_a_place_is_answered_in_the_order_asked(listed):
    listed.take(("B", "milan"), 2)
    listed.mention(("C", "milan"))
    listed.take(("D", "rome"), 3)

    assert listed.unlisted("milan", ["E", "A", "B", 'a "quoted" one', "C", "D", "é"]) == [
        "E",
        "A",
        'a "quoted" one',
        "D",
        "é",
    ]
    assert listed.unlisted("paris", ["A"]) == ["A"]
    assert listed.unlisted("milan", []) == []
