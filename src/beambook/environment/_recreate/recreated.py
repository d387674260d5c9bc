"""An environment that is here, ready to execute in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beambook.card import Card, Described

if TYPE_CHECKING:
    from beambook.environment._environment import Environment

__all__ = ["Recreated"]


@dataclass(frozen=True, repr=False)
class Recreated(Described):
    """Frozen software as it was had again.

    Attributes
    ----------
    python : Path
        The interpreter to execute with.
    environment : Environment
        What was asked for.
    how : str
        ``"cache"`` (was here, and every byte of it is as it was installed), ``"wheels"``
        (from the wheels beside the lock), ``"index"``, or ``"image"``.
    seconds : float
        How long it took, in s.
    notes : tuple of str
        What is not quite as it was: another patch version of Python, a package built from
        its source.
    """

    python: Path
    environment: Environment
    how: str
    seconds: float
    notes: tuple[str, ...] = ()

    def card(self) -> Card:
        """Where it is, how it came there, and what is not as it was."""
        facts = {
            "Python": str(self.python),
            "from": self.how,
            "packages": str(len(self.environment.packages)),
            "took": f"{self.seconds:.1f} s",
        }
        if self.notes:
            facts["but"] = "; ".join(self.notes)
        return Card("Recreated", self.environment.digest[:12], facts)
