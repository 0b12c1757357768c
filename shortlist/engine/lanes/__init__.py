"""The retrieval stage: one contract, one module per backend."""
