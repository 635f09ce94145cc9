"""The baseline is the published algorithm: the boxes of the release, and those of our parity."""

import golden
import numpy as np
import pytest
import torch

from siamdw_ros.measurement.baseline import published_tracker
from siamdw_ros.measurement.baseline_network import PaddedResNet
from siamdw_ros.siamdw import create_tracker
from siamdw_ros.siamdw.checkpoints import load_network

BASELINES = ("siamfc_res22", pytest.param("siamrpn_res22", marks=pytest.mark.slow))


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_gives_the_boxes_of_the_release(name, official_file):
    frames, boxes = golden.load_video()
    tracker = published_tracker(load_network(name, official_file(name)), torch.device("cpu"))
    tracker.init(frames[0], tuple(boxes[0]))
    track = []
    for frame in frames[1:]:
        x, y, w, h = tracker.track(frame).box
        track.append([x + w / 2, y + h / 2, w, h])
    expected = np.array(golden.NUMBERS[golden.MODELS[name]]["track_default_hp_cxcywh"])[:, :4]
    np.testing.assert_allclose(track, expected, atol=1e-3)


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_gives_the_boxes_of_our_parity_mode(name, official_file):
    """From a box at the border, where windows leave the image."""
    frames, _ = golden.load_video()
    start = (2.0, 3.0, 50.0, 40.0)
    ours = create_tracker(name, official_file(name), parity=True)
    baseline = published_tracker(load_network(name, official_file(name)), torch.device("cpu"))
    ours.init(frames[0], start)
    baseline.init(frames[0], start)
    for frame in frames[1:5]:
        np.testing.assert_allclose(baseline.track(frame).box, ours.track(frame).box, atol=1e-3)


def test_padded_network_computes_the_same_features(official_file):
    network = load_network("siamfc_res22", official_file("siamfc_res22")).eval()
    crop = torch.from_numpy(golden.TEMPLATE).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        torch.testing.assert_close(PaddedResNet(network.backbone)(crop), network.features(crop))


def test_only_resnets_have_a_baseline():
    from siamdw_ros.siamdw.networks import create_network

    with pytest.raises(ValueError, match="siamfc_incep22"):
        published_tracker(create_network("siamfc_incep22"), torch.device("cpu"))
