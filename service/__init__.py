"""The HTTP service: loads a published bundle and answers queries."""
