"""What an entry says of itself, as attributes."""

from __future__ import annotations

from beambook.data._nexus.format import Contents
from beambook.data._nexus.show import Plot

__all__ = ["Says"]


class Says:
    """Texts as stored; empty where the file does not say.

    Attributes
    ----------
    contents : Contents
    """

    contents: Contents

    @property
    def title(self) -> str:
        """As the file says; empty where it does not, as for all texts below."""
        return self.contents.facts.title

    @property
    def instrument(self) -> str:
        """Name of the instrument."""
        return self.contents.facts.instrument

    @property
    def sample(self) -> str:
        """Name of the sample."""
        return self.contents.facts.sample

    @property
    def start_time(self) -> str:
        """When it began, as stored."""
        return self.contents.facts.start_time

    @property
    def end_time(self) -> str:
        """When it ended, as stored."""
        return self.contents.facts.end_time

    @property
    def definition(self) -> str:
        """The application definition that it follows, e.g. ``NXmx``."""
        return self.contents.facts.definition

    @property
    def entry_name(self) -> str:
        """Path of the entry in the file; ``"/"`` where the file has no entries."""
        return self.contents.chosen.path

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of all entries of the file; open one with ``open_file(path, entry=name)``."""
        return self.contents.chosen.entries

    @property
    def missing(self) -> tuple[str, ...]:
        """Which of title, instrument, sample, start time and plottable data there is not."""
        shows = () if self.default is not None else ("plottable data",)
        return (*self.contents.facts.missing, *shows)

    @property
    def default(self) -> Plot | None:
        """What it shows: signal, axes, errors, and by which rule; None if nothing."""
        return self.contents.plot
