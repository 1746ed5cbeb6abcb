"""Signs a sequence of messages with a key that every message replaces.

Whoever steals the key in the middle can invent what is still to come, but cannot take back or change what was said:
the keys of earlier messages are gone.
"""

from __future__ import annotations

import hashlib
import hmac


class Chain:
    """One end of a sequence of messages; both ends start from the same secret."""

    def __init__(self, secret: bytes) -> None:
        """Starts from `secret`, which the caller forgets."""
        self._key = secret

    def sign(self, payload: bytes) -> str:
        """The signature of the next message, in hexadecimal; the key that made it is forgotten."""
        signature = hmac.new(self._key, payload, hashlib.sha256).hexdigest()
        self._key = hashlib.sha256(self._key + payload).digest()
        return signature

    def accepts(self, payload: bytes, signature: str) -> bool:
        """Whether `signature` is that of the next message; after a refusal nothing is accepted any more."""
        return hmac.compare_digest(self.sign(payload).encode(), signature.encode("utf-8", "replace"))
