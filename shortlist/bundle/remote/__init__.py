"""Bundles in an object store: objects that are replaced on a condition, and a local cache."""
