"""Profiles and versions compared by what people do with what they are shown."""
