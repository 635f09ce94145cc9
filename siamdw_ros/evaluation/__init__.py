"""How well a tracker follows: metrics, annotations, pictures."""
