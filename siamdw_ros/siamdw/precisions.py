"""The precisions of a network that users choose from; without torch, so that a node can check."""

PRECISIONS = ("auto", "full", "half", "int8")
