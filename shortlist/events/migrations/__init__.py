"""How a store of events came to its present form, step by step; Alembic runs them."""
