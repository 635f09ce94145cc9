"""Benchmarks: speed beside peers, the node's latency, growth with targets and time."""
