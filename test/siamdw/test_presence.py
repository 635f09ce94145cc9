"""Presence: from scores to tracked, uncertain or lost."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import tiny_method

from siamdw_ros.siamdw import PresenceThresholds, State
from siamdw_ros.siamdw.presence import Presence

TRACKED, LOST, RECOVERED = 0.5, 0.2, 0.7
score = st.floats(0, 1) | st.sampled_from([LOST, TRACKED, RECOVERED])
runs = st.lists(st.tuples(score, st.integers(1, 6)), max_size=12)  # else few targets are lost


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


@given(given_runs=runs, patience=st.integers(1, 6), confirmations=st.integers(1, 3))
@example(given_runs=[(0.05, 5), (0.9, 2), (0.05, 5)], patience=5, confirmations=2)
def test_states_follow_from_scores(given_runs, patience, confirmations):
    given_scores = [score for score, length in given_runs for _ in range(length)]
    found = states(given_scores, patience, confirmations)
    before, since = State.TRACKED, 0  # since which image the target is lost, or is not
    for index, (score, state) in enumerate(zip(given_scores, found, strict=True)):

        def last(count, end=index + 1, since=since):
            """Scores of so many images in a row; none if there are fewer since the change."""
            return given_scores[end - count : end] if end - count >= since else []

        if before is State.LOST:
            confirmed = min(last(confirmations), default=0.0) >= RECOVERED
            assert state is (State.TRACKED if confirmed else State.LOST)
        else:
            faint = max(last(patience), default=1.0) < LOST
            assert (state is State.TRACKED) == (score >= TRACKED)
            assert (state is State.LOST) == faint
        if (state is State.LOST) != (before is State.LOST):
            since = index + 1
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
