"""What all nodes of the package share: running, callbacks, parameters, conversions of messages."""
