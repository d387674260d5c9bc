"""Sets of key names: many sources have the same, so that each is kept once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

__all__ = ["Schemas"]


class Schemas:
    """Key names by their digest.

    Parameters
    ----------
    load : callable
        Gives the stored ones (or None), when first needed.
    """

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._stored: Mapping[str, Any] | None = None
        self._known: dict[str, frozenset[str]] = {}

    def digest(self, names: frozenset[str]) -> str:
        """Keep names, and say what they are called."""
        called = _digest(names)
        self._known.setdefault(called, names)
        return called

    def names(self, digest: str) -> frozenset[str]:
        """The names that are called so; raises KeyError where unknown."""
        if digest not in self._known:
            if self._stored is None:
                self._stored = self._load() or {}
            names = self._stored[digest]
            "".join(names)  # raises TypeError unless all are text
            self._known[digest] = frozenset(names)
        return self._known[digest]

    def document(self, stored: Any) -> dict[str, list[str]]:
        """For JSON: all that are known or stored."""
        others = stored if isinstance(stored, dict) else {}
        known = list(self._known.items())  # other threads may add to it
        return others | {digest: sorted(names) for digest, names in known}


def _digest(names: frozenset[str]) -> str:
    text = "\0".join(sorted(names))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
