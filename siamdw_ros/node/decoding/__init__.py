"""From image messages to the BGR arrays that the tracker takes."""

from siamdw_ros.node.decoding.image_decoder import (
    RAW,
    TRANSPORTS,
    ImageDecoder,
    ImageMessage,
    Transport,
)
from siamdw_ros.node.decoding.raw import UndecodableError, image_message

__all__ = [
    "RAW",
    "TRANSPORTS",
    "ImageDecoder",
    "ImageMessage",
    "Transport",
    "UndecodableError",
    "image_message",
]
