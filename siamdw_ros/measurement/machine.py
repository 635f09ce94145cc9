"""The machine that is measured: what it is, and how fast it multiplies."""

import functools
import os
import platform
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
PACKAGES = ("siamdw_ros", "torch", "numpy", "openvino", "onnxruntime")
MATRIX = {"cpu": 2048, "cuda": 8192}  # side of the matrices whose product gives the peak
PEAK_REPEATS = 8


def describe() -> dict[str, Any]:
    """Processor, cores, instruction sets, memory, GPU."""
    model, flags = _processor()
    found = {
        "processor": model or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": ", ".join(name for name in INSTRUCTIONS if name in flags),
        "memory GiB": round(psutil.virtual_memory().total / 2**30, 1),
        "load before": round(os.getloadavg()[0], 2),
        "torch threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def _processor() -> tuple[str, set[str]]:
    """Return model and flags, by /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", ""))
    return fields.get("model name", ""), set(flags.split())


def versions() -> dict[str, str]:
    """Versions of what the figures depend on."""
    return dict(_versions())


def _versions() -> Iterator[tuple[str, str]]:
    import cv2

    yield "python", platform.python_version()
    yield "opencv", cv2.__version__
    for package in PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if distro := os.environ.get("ROS_DISTRO"):
        yield "ROS 2", distro
    if torch.version.cuda:
        yield "CUDA", torch.version.cuda


@functools.cache
def peak_flops(device: str, dtype: torch.dtype) -> float:
    """Return the floating-point operations per second of the fastest large matrix product."""
    side = MATRIX[torch.device(device).type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / min(_seconds(a, b) for _ in range(PEAK_REPEATS))


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    synchronise(a.device)
    start = time.perf_counter()
    torch.mm(a, b)
    synchronise(a.device)
    return time.perf_counter() - start


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
