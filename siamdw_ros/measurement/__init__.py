"""What the tracker costs: speed beside peers, the node's latency, growth with targets and time."""
