"""What is on the page, whatever it is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from beambook.recipe._report_images import Image

__all__ = [
    "Block",
    "Fold",
    "Heading",
    "Mark",
    "Page",
    "Paragraph",
    "Picture",
    "Pictures",
    "Side",
    "Sides",
    "Table",
]


@dataclass(frozen=True)
class Mark:
    """A verdict's word, shown with its sign."""

    word: str


@dataclass(frozen=True)
class Heading:
    """A heading of the first (a part of the page) or second level."""

    text: str
    level: int = 1
    mark: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Plain text; `kind` is empty, ``note`` or ``left out``."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table; of one with `rowheads` the first column names the rows.

    Attributes
    ----------
    columns : sequence of str
    rows : sequence of sequences of str or Mark
    caption : str
    kind : str
        ``facts``: narrow names, wide texts, and no row of headings on paper or screen.
    code : frozenset of int
        Columns with values, in a face of fixed width.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Mark]]
    caption: str = ""
    kind: str = ""
    code: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Side:
    """One of several texts beside each other."""

    label: str
    text: str


@dataclass(frozen=True)
class Sides:
    """Texts beside each other."""

    sides: Sequence[Side]


@dataclass(frozen=True)
class Picture:
    """A picture, or in words why there is none."""

    label: str
    image: Image | None
    alt: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other."""

    pictures: Sequence[Picture]
    caption: str = ""


@dataclass(frozen=True)
class Fold:
    """A part that a screen can fold away."""

    title: str
    mark: str
    blocks: Sequence[Block]
    opened: bool = True


Block = Heading | Paragraph | Table | Sides | Pictures | Fold


@dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes
    ----------
    title : str
        Of what was verified.
    status : str
        The answer.
    headline : str
        The answer in words.
    lead : sequence of str
        Why, in sentences.
    about : str
        What this page is, for those who never saw one.
    blocks : sequence of Block
    date : str
        ISO, when the verification began.
    version : str
        Of beambook.
    """

    title: str
    status: str
    headline: str
    lead: Sequence[str]
    about: str
    blocks: Sequence[Block]
    date: str
    version: str
    foot: Sequence[str] = field(default=())
