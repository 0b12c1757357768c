"""The engine: a query to an answer, free of HTTP."""
