"""Measuring what serves, through the code that serves."""
