"""Presence: from scores to tracked, uncertain or lost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_method

from siamdw_ros.siamdw import PresenceThresholds, State
from siamdw_ros.siamdw.presence import Presence

TRACKED, LOST, RECOVERED = 0.5, 0.2, 0.7
scores = st.lists(st.floats(0, 1) | st.sampled_from([LOST, TRACKED]), max_size=40)


def states(given_scores, patience=5, confirmations=2):
    presence = Presence(PresenceThresholds(TRACKED, LOST, patience, RECOVERED, confirmations))
    return [presence.judge(score) for score in given_scores]


def test_target_begins_tracked():
    assert Presence(PresenceThresholds()).state is State.TRACKED


def test_high_score_is_tracked_at_once():
    assert states([0.1] * 4 + [0.5])[-1] is State.TRACKED


def test_a_target_declared_lost_again_needs_all_confirmations():
    presence = Presence(PresenceThresholds(TRACKED, LOST, 2, RECOVERED, 2))
    for score in (0.1, 0.1, 0.9, 0.9):
        presence.judge(score)
    assert presence.state is State.TRACKED
    presence.lose()
    assert presence.searching
    assert [presence.judge(0.9) for _ in range(2)] == [State.LOST, State.TRACKED]


def test_middling_score_is_uncertain():
    assert states([0.3]) == [State.UNCERTAIN]


def test_low_scores_are_lost_only_when_patience_ends():
    expected = [State.UNCERTAIN, State.UNCERTAIN, State.LOST]
    assert states([0.1, 0.1, 0.1], patience=3) == expected


def test_middling_score_restarts_patience():
    assert State.LOST not in states([0.1, 0.1, 0.3, 0.1, 0.1], patience=3)


def test_lost_target_is_taken_back_when_images_in_a_row_speak_for_it():
    lost, tracked = State.LOST, State.TRACKED
    scores = [0.1, 0.6, 0.9, 0.6, 0.7, 0.7, 0.6]
    assert states(scores, patience=1) == [lost, lost, lost, lost, lost, tracked, tracked]
    assert states([0.1, 0.9], patience=1, confirmations=1) == [lost, tracked]


def test_lost_target_is_searched_until_something_speaks_for_it():
    presence, searching = Presence(PresenceThresholds(TRACKED, LOST, 1, RECOVERED, 2)), []
    for score in (0.9, 0.1, 0.9, 0.3, 0.9, 0.9):
        presence.judge(score)
        searching.append(presence.searching)
    assert searching == [False, True, False, True, False, False]


@given(given_scores=scores, patience=st.integers(1, 6), confirmations=st.integers(1, 3))
def test_states_follow_from_scores(given_scores, patience, confirmations):
    found = states(given_scores, patience, confirmations)
    before = State.TRACKED
    for index, (score, state) in enumerate(zip(given_scores, found, strict=True)):
        recent = given_scores[max(0, index + 1 - patience) : index + 1]
        faint = len(recent) == patience and max(recent) < LOST
        evidence = given_scores[max(0, index + 1 - confirmations) : index + 1]
        if before is not State.LOST:
            assert (state is State.TRACKED) == (score >= TRACKED)
            assert (state is State.LOST) == faint
        elif state is not State.LOST:
            assert state is State.TRACKED
            assert len(evidence) == confirmations
            assert min(evidence) >= RECOVERED
        before = state


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ({"tracked": 0.1, "lost": 0.2}, "lost <= tracked"),
        ({"tracked": 1.1}, "tracked <= 1"),
        ({"lost": -0.1}, "0 <= lost"),
        ({"lost": math.nan}, "0 <= lost"),
        ({"patience": 0}, "at least 1 image"),
    ],
)
def test_unusable_thresholds_are_refused(numbers, problem):
    with pytest.raises(ValueError, match=problem):
        PresenceThresholds(**numbers)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_score_is_a_probability_that_grows_with_the_logit(one, other):
    method = tiny_method("siamfc", presence_midpoint=2.0, presence_slope=3.0)
    low, high = (method._presence_score(v) for v in sorted((one, other)))
    assert 0 <= low <= high <= 1
    assert method._presence_score(2.0) == 0.5
    assert method._presence_score(3.0) == pytest.approx(1 / (1 + math.exp(-3)))
