"""Measure what each network costs: parameters, multiplications, time an image. Prints a table."""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper, hyperparameters
from siamdw_ros.siamdw.networks import NETWORKS, Network, SiamRPNNetwork, create_network
from siamdw_ros.siamdw.runtime import Runtime, choose_device

HEADER = "| network | parameters | GMAC a template | GMAC an image | ms an image |"


def parameters(network: Network) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def windows_per_image(name: str) -> int:
    """How many search windows a target takes: SiamFC+ looks at several scales."""
    hyper = hyperparameters(name)
    return hyper.scales if isinstance(hyper, SiamFCHyper) else 1


def noise(count: int, side: int) -> Image:
    """Windows of noise: count x side x side x 3, uint8."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@torch.inference_mode()
def learn(runtime: Runtime[Network], window: Image) -> tuple[object, ...]:
    """What is done once a target: what the head needs to know about the template."""
    features = runtime.features(window)
    if isinstance(runtime.network, SiamRPNNetwork):
        return (runtime.network.head.kernels(features),)
    return (features,)


@torch.inference_mode()
def search(runtime: Runtime[Network], learned: tuple[object, ...], windows: Image) -> None:
    """What is done once an image, up to the head's outputs in the memory of the CPU."""
    outputs = runtime.network.head(*learned, runtime.features(windows))
    for output in outputs if isinstance(outputs, tuple) else (outputs,):
        output.cpu()


def measure(
    name: str, device: torch.device, half: bool, repeats: int, clock: Callable[[], float]
) -> str:
    """Measure one network; a row of the table. The time is the least of all repeats."""
    runtime = Runtime(create_network(name), device, half=half)
    template, windows = noise(1, 127), noise(windows_per_image(name), 255)
    with FlopCounterMode(display=False) as once:
        learned = learn(runtime, template)
    with FlopCounterMode(display=False) as each:
        search(runtime, learned, windows)
    least = min(_seconds(runtime, learned, windows, clock) for _ in range(repeats))
    costs = [counter.get_total_flops() / 2e9 for counter in (once, each)]
    count = parameters(create_network(name))
    return f"| {name} | {count:,} | {costs[0]:.2f} | {costs[1]:.2f} | {1e3 * least:.0f} |"


def _seconds(
    runtime: Runtime[Network],
    learned: tuple[object, ...],
    windows: Image,
    clock: Callable[[], float],
) -> float:
    start = clock()
    search(runtime, learned, windows)
    return clock() - start


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.measure_networks",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--half", action="store_true", help="half precision")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count only the time that a processor spent on it: for a busy machine, with 1 thread",
    )
    parser.add_argument("--models", nargs="+", default=NETWORKS, choices=NETWORKS, metavar="NAME")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    clock = time.process_time if options.processor_time else time.perf_counter
    print(HEADER)
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in options.models:
        print(measure(name, device, options.half, options.repeats, clock), flush=True)


if __name__ == "__main__":
    main()
