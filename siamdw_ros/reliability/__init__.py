"""What it takes to put a tracker node under stress, and to measure how it bears that."""
