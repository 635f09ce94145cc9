"""Shared by all nodes of the package: running, callbacks, parameters, conversions of messages."""
