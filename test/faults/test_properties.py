"""Thousands of made-up messages: nothing raises, and each is either used or counted as refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from ledger import Ledger, Trial
from message_strategies import compressed_images, images

from siamdw_ros.node import compressed
from siamdw_ros.node import images as raw

# A long run asks for tens of thousands of messages.
pytestmark = [pytest.mark.ros, pytest.mark.timeout(3600)]


@pytest.fixture
def generate(pytestconfig: pytest.Config, ledger: Ledger) -> Callable[..., None]:
    """Call a function with each of many made-up messages, and write down what it returned."""

    def run(what: str, strategy: Any, use: Callable[[Any], str]) -> dict[str, int]:
        counts: dict[str, int] = {}

        @settings(
            max_examples=pytestconfig.getoption("--fault-messages"),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def each(message: Any) -> None:
            result = use(message)
            counts[result] = counts.get(result, 0) + 1

        each()
        ledger.write(Trial(what, counts=counts))
        return counts

    return run


def test_every_image_is_refused_or_can_be_converted(generate: Callable[..., Any]) -> None:
    def convert(message: Any) -> str:
        if raw.check(message):
            return "rejected"
        image = raw.to_bgr(message)
        assert image.shape == (message.height, message.width, 3)
        assert image.dtype == np.uint8
        return "accepted"

    counts = generate("made-up images: check and conversion", images(), convert)
    assert min(counts.values()) > 0.1 * sum(counts.values()), "one-sided"


def test_every_compressed_image_is_refused_or_decoded(generate: Callable[..., Any]) -> None:
    def decode(message: Any) -> str:
        if compressed.check(message):
            return "rejected"
        try:
            image = compressed.to_bgr(message)
        except compressed.UndecodableError:
            return "undecodable"
        assert image.ndim == 3
        assert image.dtype == np.uint8
        assert raw.check_size(image.shape[1], image.shape[0]) is None
        return "accepted"

    counts = generate("made-up JPEG and PNG: check and decoding", compressed_images(), decode)
    assert min(counts.values()) > 0.02 * sum(counts.values()), "one-sided"
