"""What one file, line, field or item of a catalogue may hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """The table [limits] of catalog.toml: what is above one of them is refused.

    They keep a small file that unfolds to a huge one from filling the memory, and one bad record
    from costing what a whole catalogue does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_bytes: int = Field(default=4_000_000_000, ge=1, le=2**50)
    line_bytes: int = Field(default=16_000_000, ge=1000, le=2**31 - 1)
    field_bytes: int = Field(default=1_000_000, ge=1, le=2**31 - 1)
    items: int = Field(default=10_000_000, ge=1, le=2**31 - 1)
    events: int = Field(default=50_000_000, ge=1, le=2**40)
    values_per_item: int = Field(default=1000, ge=1, le=10**6)
    pattern_characters: int = Field(default=10_000, ge=1, le=10**6)
    pattern_seconds: float = Field(default=60, gt=0, le=86_400)


DEFAULT = Limits()
UNBOUNDED = Limits(file_bytes=2**50, line_bytes=2**31 - 1)
"""For what is read a second time, to say where something is."""
