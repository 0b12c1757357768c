"""The exception tree.

ShortlistError                what a user is told, without a traceback
├── CatalogError              catalog.toml, or a file it names, cannot be used
├── EncoderError              the model cannot be found, exported or trusted
├── BundleError
│   ├── BundleMissing         nothing is published where a bundle was expected
│   ├── BundleCorrupt         a file differs from what its manifest says
│   ├── BundleUnsupported     a later format, or a required section unknown to this code
│   └── BundleUntrusted       it is not signed with any of the keys that are trusted
├── PublishError              the artifacts folder cannot be written, or somebody else is writing
├── StoreError                the object store is away, refuses, or cannot be used here
├── SigningError              a key cannot be read, written or used
├── GateError                 a build is not fit to go live
├── SettingsError             a setting of the service is unknown or out of its range
├── EventStoreError           the store of events cannot be reached, read or written
└── QueryError                a request that cannot be answered as it stands
    ├── MalformedRequest      it cannot be parsed at all
    ├── InvalidParameter      parameters are missing, unknown or out of their range
    ├── ItemUnknown           no item has the id that a path names
    ├── ChangeRefused         a change that was written down cannot be applied
    ├── ChangeUnknown         no change has the sequence number that a path names
    ├── ChangesUnavailable    the log of changes cannot be written or read
    ├── EventsUnavailable     the store of events is away, or too many events wait for it
    ├── CursorExpired         the version that a list was made by answers no more
    ├── FeatureUnavailable    the live bundle lacks what is asked for
    ├── NotReady              no snapshot is loaded yet
    ├── RetrievalUnavailable  the engine that holds the index is away, slow, or refuses
    ├── Overloaded            too many requests wait already
    └── DeadlineExceeded      the time a request may take is up
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self


class ShortlistError(Exception):
    """Base of every error this project explains; its text says what, where and what to do."""


class CatalogError(ShortlistError):
    """catalog.toml, or a file it names, cannot be used.

    Its text may quote what others wrote: it is printable and has at most 2,000 characters.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_presentable(message))


class EncoderError(ShortlistError):
    """The model cannot be found, exported or trusted."""


class BundleError(ShortlistError):
    """A bundle cannot be read."""


class BundleMissing(BundleError):
    """Nothing is published where a bundle was expected."""


class BundleCorrupt(BundleError):
    """A file of the bundle differs from what its manifest says."""


class BundleUnsupported(BundleError):
    """The bundle needs a later version of this code."""


class BundleUntrusted(BundleError):
    """The bundle is not signed with any of the keys that are trusted."""


class PublishError(ShortlistError):
    """The artifacts folder cannot be written, or somebody else is writing it."""


class StoreError(ShortlistError):
    """The object store is away, refuses what is asked, or its address cannot be used here.

    No BundleError: what cannot be reached is neither missing nor damaged.
    """


class SigningError(ShortlistError):
    """A key cannot be read, written or used."""


class GateError(ShortlistError):
    """A build is not fit to go live."""


class SettingsError(ShortlistError):
    """A setting of the service is unknown or out of its range."""


class EventStoreError(ShortlistError):
    """The store of events cannot be reached, read or written, or is of another form."""


class QueryError(ShortlistError):
    """A request that cannot be answered as it stands."""


class MalformedRequest(QueryError):
    """The request cannot be parsed at all."""


class InvalidParameter(QueryError):
    """Parameters are missing, unknown or out of their range; `fields` says what is wrong where."""

    def __init__(self, field: str, message: str, /, **others: str) -> None:
        self.fields = {field: message, **others}
        super().__init__("; ".join(f"{name}: {text}" for name, text in self.fields.items()))

    def __reduce__(self) -> tuple[Callable[[Mapping[str, str]], Self], tuple[Mapping[str, str]]]:
        """As another process is told of it."""
        return type(self).several, (self.fields,)

    @classmethod
    def several(cls, fields: Mapping[str, str]) -> Self:
        """One error for all these fields, at least one."""
        (first, message), *others = fields.items()
        return cls(first, message, **dict(others))


class ChangeRefused(QueryError):
    """A change that was written down as `sequence` cannot be applied; `fields` says why."""

    def __init__(self, sequence: int, fields: Mapping[str, str]) -> None:
        self.sequence, self.fields = sequence, fields
        said = "; ".join(f"{name}: {text}" if name else text for name, text in fields.items())
        super().__init__(f"change {sequence} cannot be applied: {said}")


class ItemUnknown(QueryError):
    """No item has the id that a path names."""


class ChangeUnknown(QueryError):
    """No change has the sequence number that a path names."""


class ChangesUnavailable(QueryError):
    """The log of changes cannot be written or read."""


class EventsUnavailable(QueryError):
    """The store of events is away, or too many events wait for it; nothing is acknowledged."""


class CursorExpired(QueryError):
    """The version that a list was made by answers no more; `wanted` and `live` name both."""

    def __init__(self, message: str, *, wanted: str, live: str) -> None:
        self.wanted, self.live = wanted, live
        super().__init__(message)


class FeatureUnavailable(QueryError):
    """The live bundle lacks what is asked for."""


class NotReady(QueryError):
    """No snapshot is loaded yet."""


class RetrievalUnavailable(QueryError):
    """The engine that holds the index is away, slow, or refuses; in `retry_after_s` it is asked."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Overloaded(QueryError):
    """Too many requests wait already."""


class DeadlineExceeded(QueryError):
    """The time a request may take is up."""


_MOST_CHARACTERS = 2000


def _presentable(message: str) -> str:
    """The message without characters that steer a terminal, cut in its middle if it is long."""
    if len(message) > _MOST_CHARACTERS:
        kept = _MOST_CHARACTERS // 2 - 3
        message = f"{message[:kept]} […] {message[-kept:]}"
    shown = (one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in message)
    return "".join(shown)[:_MOST_CHARACTERS]
