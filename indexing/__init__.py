"""The offline job: catalogue files in, published bundle out."""
