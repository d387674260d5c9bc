"""What is on the page, whatever it is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from beambook.recipe._report_images import Image

__all__ = [
    "Block",
    "Cell",
    "Fold",
    "Heading",
    "Mark",
    "Named",
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
class Named:
    """A name, and where what is called so stands."""

    name: str
    where: str


Cell = str | Mark | Named


@dataclass(frozen=True)
class Heading:
    """The heading of a part of the page."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text; `kind` is empty, ``note`` or ``left out``."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table, the first column of which names the rows.

    Attributes
    ----------
    columns : sequence of str
    rows : sequence of sequences of Cell
    caption : str
    kind : str
        ``facts``: narrow names, wide texts, and no row of headings; ``cells``: one row for
        each cell of a notebook.
    code : frozenset of int
        Columns with values, in a face of fixed width.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    kind: str = ""
    code: frozenset[int] = frozenset()

    @property
    def used(self) -> Table:
        """Without the columns in which nothing stands."""
        kept = [i for i in range(len(self.columns)) if any(row[i] for row in self.rows)]
        return replace(
            self,
            columns=[self.columns[i] for i in kept],
            rows=[[row[i] for i in kept] for row in self.rows],
            code=frozenset(kept.index(i) for i in self.code if i in kept),
        )


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
    byline : sequence of str
        By whom it is, and which one it is.
    foot : sequence of str
        What is to be said of the page itself.
    """

    title: str
    status: str
    headline: str
    lead: Sequence[str]
    about: str
    blocks: Sequence[Block]
    date: str
    version: str
    byline: Sequence[str] = ()
    foot: Sequence[str] = field(default=())
