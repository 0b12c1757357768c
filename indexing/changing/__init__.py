"""Changes to what is live: from what is asked to a version that has it."""
