"""Frozen software on this machine again: installed once, checked each time, shared by content."""

from beambook.environment._recreate.recreate import recreate
from beambook.environment._recreate.recreated import Recreated

__all__ = ["Recreated", "recreate"]
