"""Measure networks: multiplications, time, backends, many targets. Prints a table."""

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.siamdw.backends import choose_backend, torch_features
from siamdw_ros.siamdw.box_head import BoxHead, BoxTemplate
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.heads import Kernels
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper, SiamRPNHyper, hyperparameters
from siamdw_ros.siamdw.multi_tracker import MultiTracker
from siamdw_ros.siamdw.networks import (
    NETWORKS,
    BoxNetwork,
    Network,
    SiamRPNNetwork,
    create_network,
)
from siamdw_ros.siamdw.quantization import measure_ranges
from siamdw_ros.siamdw.runtime import Runtime, choose_device
from siamdw_ros.siamdw.search_step import SearchStep
from siamdw_ros.siamdw.tracker import TRACKERS, make_runtime

MANY = (1, 2, 4, 8, 16, 32)
IMAGE = (480, 640, 3)

Clock = Callable[[], float]
Learned = Tensor | Kernels | BoxTemplate


def parameters(network: Network) -> int:
    """Return how many numbers are learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def windows_per_image(name: str) -> int:
    """Return the search windows per target: one, or one per scale of the published SiamFC+."""
    hyper = hyperparameters(name)
    return hyper.scales if isinstance(hyper, SiamFCHyper) and not hyper.scale_templates else 1


def templates_per_target(name: str) -> int:
    """Return the templates per target: one, or one per scale."""
    hyper = hyperparameters(name)
    return hyper.scales if isinstance(hyper, SiamFCHyper) and hyper.scale_templates else 1


def noise(count: int, side: int) -> Image:
    """Return windows of noise: count x side x side x 3, uint8."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@torch.inference_mode()
def learn(runtime: Runtime[Network, Any], windows: Image) -> Learned:
    """Compute once per target what the head needs of the template."""
    features = runtime.features(windows)
    if isinstance(runtime.network, SiamRPNNetwork):
        return runtime.network.head.kernels(features)
    if isinstance(runtime.network, BoxNetwork):
        return runtime.network.head.template(features, torch.full((len(windows), 2), 64.0))
    return features.unsqueeze(0)


@torch.inference_mode()
def search(runtime: Runtime[Network, Any], learned: Learned, windows: Image) -> None:
    """Search once per image, up to the head's outputs in the memory of the CPU."""
    head: Any = runtime.network.head
    compare = head if isinstance(head, BoxHead) else head.compare
    outputs = compare(learned, *runtime.search_features(windows))
    for output in outputs if isinstance(outputs, tuple) else (outputs,):
        output.cpu()


def least(works: Sequence[Callable[[], object]], repeats: int, clock: Clock) -> list[float]:
    """Return the least time of each in ms. They are interleaved, so that load affects all."""
    times = np.empty((repeats, len(works)))
    for work in works:
        work()
    for row in times:
        for column, work in enumerate(works):
            start = clock()
            work()
            row[column] = 1e3 * (clock() - start)
    return [float(value) for value in times.min(axis=0)]


def costs(name: str, options: argparse.Namespace, clock: Clock) -> Iterator[dict[str, Cell]]:
    """Measure one network as it is used: a row."""
    network, device = create_network(name), choose_device(options.device)
    template, windows = noise(templates_per_target(name), 127), noise(windows_per_image(name), 255)
    counted: Runtime[Network, Any] = Runtime(SearchStep(network), device)
    with FlopCounterMode(display=False) as once:
        learned = learn(counted, template)
    with FlopCounterMode(display=False) as each:
        search(counted, learned, windows)
    runtime: Runtime[Network, Any] = Runtime(
        SearchStep(network), device, precision=options.precision, backend=options.backend
    )
    (least_ms,) = least([lambda: search(runtime, learned, windows)], options.repeats, clock)
    gmac = [counter.get_total_flops() / 2e9 for counter in (once, each)]
    yield {
        "network": name,
        "parameters": parameters(network),
        "GMAC per template": gmac[0],
        "GMAC per image": gmac[1],
        "ms per image": least_ms,
    }


def backends(name: str, options: argparse.Namespace, clock: Clock) -> Iterator[dict[str, Cell]]:
    """Measure every backend in its precisions, from windows to search features: a row each."""
    network, device = create_network(name), choose_device(options.device)
    names = dict.fromkeys(["torch", choose_backend("auto", device)])
    kinds = [(backend, precision) for backend in names for precision in ("full", "half")]
    if "openvino" in names:
        network.activation_ranges = measure_ranges(network, noise(4, 255))
        kinds.append(("openvino", "int8"))
    runtimes: list[Runtime[Network, Any]] = [
        Runtime(SearchStep(network), device, precision=precision, backend=backend)
        for backend, precision in kinds
    ]
    if options.compile:
        compiled = [("torch.compile", precision) for precision in ("full", "half")]
        runtimes += [
            _compiled(Runtime(SearchStep(network), device, precision=precision))
            for _, precision in compiled
        ]
        kinds += compiled
    for count in options.windows:
        windows = noise(count, 255)
        works = [partial(_finish, runtime, windows) for runtime in runtimes]
        for (backend, precision), ms in zip(
            kinds, least(works, options.repeats, clock), strict=True
        ):
            yield {
                "network": name,
                "backend": backend,
                "precision": precision,
                "threads": options.threads,
                "windows": count,
                "ms": ms,
                "ms per window": ms / count,
            }


def _compiled(runtime: Runtime[Network, Any]) -> Runtime[Network, Any]:
    """Compile the search of windows, for each number of them again."""
    compiled = torch.compile(runtime.step.branch, dynamic=False)
    runtime.search_features = torch_features(compiled, runtime.device)
    return runtime


def _finish(runtime: Runtime[Network, Any], windows: Image) -> None:
    runtime.search_features(windows)[0].sum().item()  # waits for a GPU


def targets(name: str, options: argparse.Namespace, clock: Clock) -> Iterator[dict[str, Cell]]:
    """Measure from an image to boxes, for many targets, none of them lost: a row each."""
    method = untrained_method(name, options)
    image = np.full(IMAGE, 128, np.uint8)
    groups = [[method.start(image, (40.0 * i % 600, 90, 40, 40)) for i in range(n)] for n in MANY]
    works = [partial(method.update, image, group) for group in groups]
    times = least(works, options.repeats, clock)
    for count, ms in zip(MANY, times, strict=True):
        more = (ms - times[0]) / (count - 1) if count > 1 else None
        yield {
            "network": name,
            "targets": count,
            "ms per image": ms,
            "ms per further target": more,
        }


def untrained_method(name: str, options: argparse.Namespace) -> MultiTracker[Any]:
    """Return a tracker with random weights, without wide searches: none is trained."""
    network, device = create_network(name), choose_device(options.device)
    hyper = hyperparameters(name)
    kind = {"precision": options.precision, "backend": options.backend}
    if not isinstance(hyper, SiamRPNHyper):
        hyper = dataclasses.replace(hyper, wide_instance_size=0)
    return TRACKERS[type(network)](make_runtime(network, device, **kind), hyper)


TABLES = {"costs": costs, "backends": backends, "targets": targets}


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.networks",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--table",
        choices=TABLES,
        default="costs",
        help="costs: of each network; backends: what computes, how precisely and how many windows "
        "at a time; targets: from image to boxes for 1 to 32 targets",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backend", default="auto", help="auto, torch or openvino")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile among the backends; it needs a C++ compiler and a minute",
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=("full", "half"), default="full")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--windows", type=int, nargs="+", default=(1, 2, 4, 8))
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count only the time that a processor spent on it: for a busy machine, with 1 thread",
    )
    parser.add_argument("--models", nargs="+", default=NETWORKS, choices=NETWORKS, metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    clock = time.process_time if options.processor_time else time.perf_counter
    measure = TABLES[options.table]
    rows = [row for name in tqdm(options.models) for row in measure(name, options, clock)]
    print(Table(options.table, rows).markdown())


if __name__ == "__main__":
    main()
