"""Training: where pairs come from, what is asked of responses, the loop."""
