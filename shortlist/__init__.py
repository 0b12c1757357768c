"""The core: all that is needed to answer."""
