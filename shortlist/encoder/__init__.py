"""Text to unit vectors; only exporting needs torch, running does not."""
