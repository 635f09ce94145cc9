"""How well a tracker tracks: metrics, annotations, plots."""
