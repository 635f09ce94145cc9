"""Ranges of the hyper-parameters: what the trackers accept, and what the node declares.

They need no torch, as the node's parameters do not.
"""

LARGEST_SIDE = 511  # network pixels of a search window; one of 1023 takes seconds on a CPU

RANGES: dict[str, tuple[float, float]] = {
    "max_growth": (1.0, 10.0),
    "memory": (0.0, 1.0),
    "memory_rate": (0.0, 1.0),
    "penalty_k": (0.0, 2.0),
    "presence_midpoint": (-1e3, 1e3),
    "presence_slope": (1e-3, 1e3),
    "quality_weight": (0.0, 4.0),
    "rate": (0.0, 1.0),
    "scale_penalty": (0.0, 1.0),
    "scale_rate": (0.0, 1.0),
    "scale_step": (1.0, 2.0),
    "small_area": (0.0, 1.0),
    "wide_instance_size": (
        0.0,
        float(LARGEST_SIDE),
    ),  # 0: off; otherwise larger than instance_size
    "window_influence": (0.0, 1.0),
}
