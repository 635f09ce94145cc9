"""int8 for the search branch: measure the ranges of its activations, and put them into a model.

Post-training quantisation in its usual form: weights get a scale per output channel, the input of
each convolution one range for all of it (Krishnamoorthi, arXiv:1806.08342). OpenVINO computes in
int8 where a model has FakeQuantize operations; templates and their comparison stay float32.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamdw_ros.siamdw.networks import Network, Ranges

ACTIVATION_LEVELS = 256
WEIGHT_LEVELS = 255  # from -127 to 127, so that 0 stays 0


@torch.inference_mode()
def measure_ranges(network: Network, windows: Iterable[NDArray[np.uint8]]) -> Ranges:
    """Measure what goes into the convolutions of the search branch.

    Args:
        network: in float32 on the CPU.
        windows: search windows, H x W x 3 uint8 BGR, as trackers cut them.

    Returns:
        By the name of the convolution in the network: medians over the windows of the least and of
        the largest input. A rare extreme is cut off, which would cost all others resolution.

    Raises:
        ValueError: there is no window.
    """
    extremes: dict[str, list[tuple[float, float]]] = {}
    hooks = [
        module.register_forward_pre_hook(_recorder(extremes.setdefault(name, [])))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    was_training = network.training
    network.eval()
    try:
        for window in windows:
            network.search(torch.from_numpy(window).permute(2, 0, 1)[None].float())
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    middle = {name: np.median(pairs, axis=0) for name, pairs in extremes.items() if pairs}
    if not middle:
        raise ValueError("no search window: quantisation needs some images with targets")
    return {name: (min(float(low), 0.0), float(high)) for name, (low, high) in middle.items()}


def _recorder(pairs: list[tuple[float, float]]) -> Any:
    def record(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        pairs.append((float(inputs[0].amin()), float(inputs[0].amax())))

    return record


def quantized(model: Any, ranges: Ranges) -> Any:
    """Return a copy of an OpenVINO model whose convolutions are computed in int8.

    What goes into a convolution is rounded for all that use it: a unit's identity, too, stays in
    int8 then, which makes cropping and adding cheaper.

    Args:
        model: of a search branch, by torch.jit.trace.
        ranges: of all its convolutions.

    Raises:
        ValueError: a convolution has no range.
    """
    from openvino import opset13 as ops

    copy = model.clone()
    rounded = set()
    for convolution in copy.get_ordered_ops():
        if convolution.get_type_name() not in ("Convolution", "GroupConvolution"):
            continue
        source = convolution.input_value(0)
        place = source.get_node().get_friendly_name(), source.get_index()
        if place not in rounded:
            low, high = _range_of(convolution.get_friendly_name(), ranges)
            limits = [ops.constant(np.float32(value)) for value in (low, high, low, high)]
            users = list(source.get_target_inputs())
            output = ops.fake_quantize(source, *limits, ACTIVATION_LEVELS).output(0)
            rounded.add((output.get_node().get_friendly_name(), 0))
            for user in users:
                user.replace_source_output(output)
        _quantize_weights(convolution, ops)
    copy.validate_nodes_and_infer_types()
    return copy


def _range_of(convolution: str, ranges: Ranges) -> tuple[float, float]:
    """Look up the range by OpenVINO's name, `__module.network.NAME/aten::_convolution/...`."""
    name = convolution.partition("/")[0].removeprefix("__module.network.")
    if name not in ranges:
        raise ValueError(
            f"the checkpoint has no range for the inputs of {name}: "
            "quantise it again by `python -m siamdw_ros.tools.quantize`"
        )
    return ranges[name]


def _quantize_weights(convolution: Any, ops: Any) -> None:
    weights = convolution.input_value(1)
    node = weights.get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    values = np.abs(node.data.astype(np.float32))
    largest = np.maximum(values.max(axis=(-3, -2, -1)), 1e-12)
    # The weights of a GroupConvolution have the groups as a dimension, its constant has not.
    largest = largest.reshape(*weights.get_shape()[:-3], 1, 1, 1)
    limits = [ops.constant(value) for value in (-largest, largest, -largest, largest)]
    output = ops.fake_quantize(weights, *limits, WEIGHT_LEVELS).output(0)
    convolution.input(1).replace_source_output(output)
