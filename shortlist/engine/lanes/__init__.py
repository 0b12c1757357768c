"""The lanes: ways for an item into the pool."""
