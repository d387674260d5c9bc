"""Printed numbers: known only as far as their last digit."""

from __future__ import annotations

from dataclasses import dataclass

from beambook.recipe._tally import Difference, Tally, Tolerance, relative

__all__ = ["Number", "compare_numbers"]

PRECISE = 7  # significant digits that show rounding noise where there is any
FEW = 1e-2  # a last digit worth more than this fraction of the number is never mere rounding
LONGEST = 4000  # characters of what is taken for a number
FLIP = 0.01  # of the last digit: noise that is thought of where one such digit differs
LIKELY = 0.1  # share of values that noise of rtol would carry over a rounding border


@dataclass(frozen=True)
class Number:
    """A number as it was printed.

    Attributes
    ----------
    value : float or int
    unit : float
        Worth of the last printed digit.
    digits : int
        Significant digits.
    """

    value: float
    unit: float
    digits: int

    @property
    def whole(self) -> bool:
        """Printed as an integer."""
        return isinstance(self.value, int)

    @property
    def precise(self) -> bool:
        """Known well enough to show rounding noise."""
        return not self.whole and self.digits >= PRECISE

    @classmethod
    def read(cls, text: str) -> Number:
        """The number that `text` prints.

        Examples
        --------
        >>> Number.read("-8.50e3")
        Number(value=-8500.0, unit=10.0, digits=3)
        """
        text = text.replace("−", "-").lower()
        mantissa, _, exponent = text.partition("e")
        whole, point, decimals = mantissa.lstrip("+-").partition(".")
        digits = len((whole + decimals).lstrip("0"))
        if not point and not exponent and len(text) <= LONGEST:
            return cls(int(text), 1.0, digits)
        power = int(exponent or 0) - len(decimals)
        return cls(float(text), float(f"1e{power}"), digits)

    @classmethod
    def of(cls, value: float) -> Number:
        """`value` as it would be printed in full; 3.0 is whole, for it may count something.

        Examples
        --------
        >>> Number.of(3.0).whole, Number.of(3.25).digits
        (True, 3)
        """
        text = repr(value if isinstance(value, int) else float(value))
        return cls.read(text.removesuffix(".0"))


def compare_numbers(
    a: Number,
    b: Number,
    tally: Tally,
    tolerance: Tolerance,
    where: str,
    floor: float = 0.0,
    *,
    coarse: bool = False,
) -> None:
    """Compare two printed numbers.

    One unit in the last printed digit is judged later, when the whole notebook is known
    (`Tally.roundings`): beside numbers with rounding noise it is that; beside numbers that
    agree to their last digit it is a difference.

    Parameters
    ----------
    a, b : Number
        The value and the reference.
    tally : Tally
    tolerance : Tolerance
    where : str
    floor : float
        Below this both are zero.
    coarse : bool
        What they print is the same; one may show fewer digits of it.
    """
    step = abs(a.value - b.value)
    unit = max(a.unit, b.unit)
    if step == 0:
        tally.same(precise=a.precise or b.precise)
    elif step <= 1.001 * unit and tolerance.near(a.value, b.value):
        change = relative(a.value, b.value)
        tally.within(change, noise=FLIP * change)
    elif tolerance.near(a.value, b.value) or max(abs(a.value), abs(b.value)) <= floor:
        tally.within(relative(a.value, b.value))
    elif coarse and a.unit != b.unit and step <= 0.501 * unit:
        tally.within(relative(a.value, b.value))
    elif coarse or a.whole or b.whole or a.unit != b.unit or step > 1.001 * unit:
        _differ(a, b, tally, tolerance, where)
    else:
        _rounding(a, b, tally, tolerance, where)


def _rounding(a: Number, b: Number, tally: Tally, tolerance: Tolerance, where: str) -> None:
    size = max(abs(a.value), abs(b.value))
    if tolerance.allowed(a.value, b.value) >= LIKELY * a.unit:
        tally.within(relative(a.value, b.value))
    elif a.unit > FEW * size or tolerance == Tolerance(0.0, 0.0):
        _differ(a, b, tally, tolerance, where)
    else:
        change = relative(a.value, b.value)
        found = Difference(where, f"{a.value:.12g}", f"{b.value:.12g}", change, str(tolerance))
        tally.roundings.append(found)


def _differ(a: Number, b: Number, tally: Tally, tolerance: Tolerance, where: str) -> None:
    change = relative(a.value, b.value)
    tally.differ(where, f"{a.value:.12g}", f"{b.value:.12g}", relative=change, tolerance=tolerance)
