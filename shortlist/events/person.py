"""What is kept in the place of a user's id."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

_DIGITS = 32


@dataclass(frozen=True)
class Pseudonyms:
    """User ids to user keys. Whoever writes, builds and asks has to have the same key.

    Without a key a user key is the id itself. With one it is the first 128 bits of the id's
    HMAC-SHA256 in hexadecimal: who has no key can neither tell the id nor find a user by it.
    """

    key: str = field(default="", repr=False)

    def of(self, user: str) -> str:
        """The user key of a user."""
        if not self.key:
            return user
        return hmac.new(self.key.encode(), user.encode(), "sha256").hexdigest()[:_DIGITS]
