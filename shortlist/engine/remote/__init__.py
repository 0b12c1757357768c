"""Retrieval by an engine beside this process: what it holds, how it is asked, when it is away."""
