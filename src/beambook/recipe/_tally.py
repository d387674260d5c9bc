"""What one comparison has seen: counts, the first few differences, remarks."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["EXAMPLES", "Difference", "Tally", "Tolerance"]

EXAMPLES = 3
IDENTIFIER = 1_000_000  # integers from here on are train ids and the like: exact


@dataclass(frozen=True)
class Difference:
    """One place where a value is not the reference's.

    Attributes
    ----------
    where : str
        The place within the output: ``row 3, column 'edge'``.
    value, reference : str
        What was found, and what was expected.
    relative : float or None
        |value − reference| / max(|value|, |reference|), where both are numbers.
    tolerance : str
        What would have been allowed.
    """

    where: str
    value: str
    reference: str
    relative: float | None = None
    tolerance: str = ""

    def line(self) -> str:
        """In one line, as people read it."""
        text = f"{self.where}: " if self.where else ""
        text += f"{_short(self.value)} instead of {_short(self.reference)}"
        return text if self.relative is None else f"{text} (relative {self.relative:.2g})"


@dataclass(frozen=True)
class Tolerance:
    """|a − b| ≤ atol + rtol · max(|a|, |b|), the same both ways round.

    Attributes
    ----------
    rtol, atol : float
    """

    rtol: float = 1e-6
    atol: float = 0.0

    def allowed(self, a: float, b: float) -> float:
        """Largest difference that is tolerated between `a` and `b`."""
        return self.atol + self.rtol * max(abs(a), abs(b))

    def near(self, a: float, b: float) -> bool:
        """Whether `a` and `b` agree; not-a-number agrees with itself, integers exactly."""
        if a == b or (a != a and b != b):
            return True
        if isinstance(a, int) and isinstance(b, int) and max(abs(a), abs(b)) >= IDENTIFIER:
            return abs(a - b) <= self.atol
        return abs(a - b) <= self.allowed(a, b)

    def __str__(self) -> str:
        parts = [f"{name} {v:g}" for name, v in (("rtol", self.rtol), ("atol", self.atol)) if v]
        return ", ".join(parts) or "exact"


@dataclass
class Tally:
    """Counts of one comparison; changes while it goes on.

    Attributes
    ----------
    evidence : str
        What was compared: result, table, figure, values, text, picture …
    compared : int
        Numbers and words that were compared.
    precise : int
        Of these, numbers known to seven digits or better that agree to the last one.
    noisy : int
        Numbers that differ within their tolerance.
    worst, noise : float
        Largest relative difference of all; of those within their tolerance.
    ignored : int
        Volatile parts that were left out: times, addresses …
    count : int
        Differences in all; `differences` keeps the first few.
    roundings : list of Difference
        One unit in the last printed digit: judged when all else is known.
    cannot : str
        Why the two cannot be compared; empty when they can.
    picture : bytes or None
        Difference picture, PNG.
    """

    evidence: str
    compared: int = 0
    precise: int = 0
    noisy: int = 0
    ignored: int = 0
    count: int = 0
    worst: float = 0.0
    noise: float = 0.0
    differences: list[Difference] = field(default_factory=list)
    roundings: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cannot: str = ""
    picture: bytes | None = None

    def same(self, count: int = 1, *, precise: int = 0) -> None:
        """`count` things agree."""
        self.compared += count
        self.precise += precise

    def within(self, relative: float = 0.0, *, noise: float | None = None) -> None:
        """A number differs within its tolerance; `noise` where that shows less than all of it."""
        self.noise = max(self.noise, relative if noise is None else noise)
        self.compared += 1
        self.noisy += 1
        self.worst = max(self.worst, relative)

    def differ(
        self,
        where: str,
        value: object,
        reference: object,
        *,
        relative: float | None = None,
        tolerance: object = "",
    ) -> None:
        """Something is different."""
        self.compared += 1
        self.count += 1
        if relative is not None:
            self.worst = max(self.worst, relative)
        if len(self.differences) < EXAMPLES:
            found = Difference(where, str(value), str(reference), relative, str(tolerance))
            self.differences.append(found)

    def number(self, where: str, a: float, b: float, tolerance: Tolerance) -> None:
        """Compare the number `a` with the reference `b`."""
        if a == b or (a != a and b != b):
            self.same(precise=isinstance(a, float))
        elif tolerance.near(a, b):
            self.within(relative(a, b))
        else:
            self.differ(
                where, f"{a:.12g}", f"{b:.12g}", relative=relative(a, b), tolerance=tolerance
            )

    def word(self, where: str, a: object, b: object) -> None:
        """Compare what is no number."""
        if a == b:
            self.same()
        else:
            self.differ(where, a, b)

    def add(self, other: Tally) -> None:
        """Take in what `other` has seen of the same output."""
        for name in ("compared", "precise", "noisy", "ignored", "count"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.worst = max(self.worst, other.worst)
        self.noise = max(self.noise, other.noise)
        self.differences = [*self.differences, *other.differences][:EXAMPLES]
        self.roundings += other.roundings
        self.notes += [note for note in other.notes if note not in self.notes]
        self.cannot = self.cannot or other.cannot
        self.picture = self.picture or other.picture


def relative(a: float, b: float) -> float:
    """|a − b| relative to the larger of the two; 1 where one is not finite."""
    scale = max(abs(a), abs(b))
    change = abs(a - b) / scale if scale else 0.0
    return min(change, 2.0) if change == change and scale < float("inf") else 1.0


def _short(text: str) -> str:
    text = " ".join(text.split()) or "nothing"
    return text if len(text) <= 60 else f"{text[:57]}…"
