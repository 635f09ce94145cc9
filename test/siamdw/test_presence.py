"""Presence: from scores to tracked, uncertain or lost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.siamdw import PresenceThresholds, State
from siamdw_ros.siamdw.presence import Presence
from siamdw_ros.siamdw.siamfc import presence_score

TRACKED, LOST = 0.5, 0.2
scores = st.lists(st.floats(0, 1) | st.sampled_from([LOST, TRACKED]), max_size=40)


def states(given_scores, patience=5):
    presence = Presence(PresenceThresholds(TRACKED, LOST, patience))
    return [presence.judge(score) for score in given_scores]


def test_target_begins_tracked():
    assert Presence(PresenceThresholds()).state is State.TRACKED


def test_high_score_is_tracked_at_once():
    assert states([0.1] * 9 + [0.5])[-1] is State.TRACKED


def test_middling_score_is_uncertain():
    assert states([0.3]) == [State.UNCERTAIN]


def test_low_scores_are_lost_only_when_patience_ends():
    expected = [State.UNCERTAIN, State.UNCERTAIN, State.LOST]
    assert states([0.1, 0.1, 0.1], patience=3) == expected


def test_middling_score_restarts_patience():
    assert State.LOST not in states([0.1, 0.1, 0.3, 0.1, 0.1], patience=3)


def test_lost_target_stays_lost_until_it_is_seen_again():
    assert states([0.1, 0.3, 0.4, 0.9], patience=1)[1:] == [State.LOST, State.LOST, State.TRACKED]


@given(given_scores=scores, patience=st.integers(1, 6))
def test_states_follow_from_scores(given_scores, patience):
    found = states(given_scores, patience=patience)
    before = State.TRACKED
    for index, (score, state) in enumerate(zip(given_scores, found, strict=True)):
        recent = given_scores[max(0, index + 1 - patience) : index + 1]
        faint = len(recent) == patience and max(recent) < LOST
        assert (state is State.TRACKED) == (score >= TRACKED)
        if faint:
            assert state is State.LOST
        if state is State.LOST:
            assert faint or before is State.LOST
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
    low, high = sorted((one, other))
    assert 0 <= presence_score(low) <= presence_score(high) <= 1
    assert presence_score(0.0) == 0.5
