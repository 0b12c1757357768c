"""Learning from ratings which items the same people like."""
