"""Arrays as a fingerprint stores them: read back and compared."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.recipe import _fingerprint
from beambook.recipe._tally import Tally, Tolerance, relative

__all__ = ["Packed", "compare_arrays"]

Floats = NDArray[np.float64]

# Rounding noise of a type relative to the largest number in the array.
_NOISE = {"f8": 1e-13, "f4": 1e-6, "f2": 2e-3, "c16": 1e-13, "c8": 1e-6}


@dataclass(frozen=True)
class Packed:
    """One array of a fingerprint, whole or as means of blocks.

    Attributes
    ----------
    document : mapping
        ``{"shape", "dtype", "crc", …}``, see `beambook.recipe._fingerprint`.
    """

    document: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array itself."""
        return tuple(self.document["shape"])

    @property
    def whole(self) -> bool:
        """Whether every number is there."""
        return "f8" in self.document

    @property
    def block(self) -> int:
        """Neighbours to a mean."""
        return int(self.document.get("block", 1))

    @cached_property
    def values(self) -> Floats:
        """All numbers in the order of storage; complex ones as pairs."""
        return _floats(self.document["f8"], "<f8")

    def means(self, block: int) -> dict[str, Floats]:
        """Means, weighted means and sizes of blocks of `block` neighbours."""
        document = self.document
        if self.whole:
            document = _fingerprint._blocks(self.values, max(1, -(-self.values.size // block)))
        return {
            name: _floats(document[name], "<f4" if name == "size" else "<f8")
            for name in ("mean", "weighted", "size")
        }

    def identical(self, other: Packed) -> bool:
        """Whether both have the same bytes."""
        keys = ("shape", "dtype", "crc")
        if any(self.document.get(key) != other.document.get(key) for key in keys):
            return False
        if self.whole and other.whole:
            return bool(self.document["f8"] == other.document["f8"])
        names = ("block", "mean", "weighted", "size", "bad")
        return self.block != other.block or all(
            self.document.get(name) == other.document.get(name) for name in names
        )


def _floats(text: str, dtype: str) -> Floats:
    return np.frombuffer(b64decode(text), dtype=dtype).astype(np.float64)


def compare_arrays(
    value: Mapping[str, Any],
    reference: Mapping[str, Any],
    tally: Tally,
    tolerance: Tolerance,
    where: str,
    *,
    visible: float = np.inf,
) -> None:
    """Compare two packed arrays.

    Parameters
    ----------
    value, reference : mapping
        As `beambook.recipe._fingerprint` packs them.
    tally : Tally
    tolerance : Tolerance
    where : str
    visible : float
        Nothing as large as this is tolerated, however small it is beside the numbers
        themselves: ten minutes can be seen in a plot of an hour, but are little
        beside the 20,000 days since 1970.
    """
    a, b = Packed(value), Packed(reference)
    if a.identical(b):
        tally.same(int(np.prod(a.shape)) or 1, precise=int(a.document["dtype"] in _NOISE))
    elif a.shape != b.shape:
        tally.differ(f"{where}: shape", _times(a.shape), _times(b.shape))
    elif not any(name in p.document for p in (a, b) for name in ("f8", "mean")):
        tally.differ(where, "other words", "words")
    elif a.whole and b.whole:
        allowed = _allowed(a, b, a.values, b.values, tolerance, visible)
        _compare_values(a.values, b.values, allowed, tally, where, a.shape)
    else:
        _compare_blocks(a, b, tally, tolerance, where)


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _noise(a: Packed, b: Packed) -> float:
    return max(_NOISE.get(str(p.document["dtype"]), 0.0) for p in (a, b))


def _allowed(
    a: Packed, b: Packed, x: Floats, y: Floats, tolerance: Tolerance, visible: float
) -> Floats:
    """Largest difference that each number may have."""
    with np.errstate(all="ignore"):
        allowed = tolerance.rtol * np.fmax(np.abs(x), np.abs(y))
        scale = float(np.max(np.abs(y), where=np.isfinite(y), initial=0.0))
        allowed = np.minimum(allowed, visible)
    exact: Floats = np.maximum(np.nan_to_num(allowed), _noise(a, b) * scale) + tolerance.atol
    return exact


def _compare_values(
    x: Floats, y: Floats, allowed: Floats, tally: Tally, where: str, shape: tuple[int, ...]
) -> None:
    with np.errstate(all="ignore"):
        same = (x == y) | (np.isnan(x) & np.isnan(y))
        near = same | (np.abs(x - y) <= allowed)
    wrong = np.flatnonzero(~near)
    tally.same(int(same.sum()), precise=int(same.any()))
    _count_noise(x, y, near & ~same, tally)
    for i in wrong[:3]:
        place = f"{where}, number {_place(int(i), shape, x.size)}"
        _differ(place, x[i], y[i], allowed[i], tally)
    _count_rest(len(wrong) - 3, tally)


def _count_noise(x: Floats, y: Floats, noisy: NDArray[np.bool_], tally: Tally) -> None:
    """Numbers that differ within their tolerance, and by how much beside the largest number."""
    if count := int(noisy.sum()):
        tally.noisy += count
        tally.compared += count
        scale = float(np.max(np.abs(y), where=np.isfinite(y), initial=0.0)) or 1.0
        tally.worst = max(tally.worst, float(np.abs(x - y)[noisy].max()) / scale)


def _place(i: int, shape: tuple[int, ...], size: int) -> str:
    if len(shape) > 1 and int(np.prod(shape)) == size:
        return str(tuple(int(k) for k in np.unravel_index(i, shape)))
    return str(i if int(np.prod(shape)) == size else i // 2)


def _differ(where: str, a: float, b: float, allowed: float, tally: Tally) -> None:
    change = relative(float(a), float(b))
    limit = f"{allowed:.2g} absolute"
    tally.differ(where, f"{a:.10g}", f"{b:.10g}", relative=change, tolerance=limit)


def _count_rest(more: int, tally: Tally) -> None:
    if more > 0:
        tally.count += more
        tally.compared += more


def _compare_blocks(a: Packed, b: Packed, tally: Tally, tolerance: Tolerance, where: str) -> None:
    """Block by block; what a block may differ by is a share of its numbers' mean modulus."""
    block = max(a.block, b.block)
    if not (a.whole or b.whole or a.block == b.block):
        _compare_totals(a, b, tally, tolerance, where)
        return
    if a.document.get("bad") != b.document.get("bad") and not (a.whole or b.whole):
        tally.differ(f"{where}: missing values", a.document.get("bad"), b.document.get("bad"))
    x, y = a.means(block), b.means(block)
    size = np.maximum(x["size"], y["size"])
    allowed = tolerance.atol + np.maximum(
        tolerance.rtol * size, _noise(a, b) * float(size.max(initial=0.0))
    )
    steps = [np.abs(x[name] - y[name]) for name in ("mean", "weighted")]
    wrong = np.flatnonzero((steps[0] > allowed) | (steps[1] > 1.5 * allowed))
    tally.compared += len(size) - len(wrong)
    tally.noisy += len(size) - len(wrong)
    for i in wrong[:3]:
        place = f"{where}, numbers {i * block} to {i * block + block - 1}"
        _differ(f"{place}: mean", x["mean"][i], y["mean"][i], allowed[i], tally)
    _count_rest(len(wrong) - 3, tally)


def _compare_totals(a: Packed, b: Packed, tally: Tally, tolerance: Tolerance, where: str) -> None:
    """Two arrays in blocks that do not match: only the mean of all is left."""
    x, y = a.means(a.block), b.means(b.block)
    count = int(np.prod(a.shape))
    size = max(float(p["size"].sum()) * q.block / count for p, q in ((x, a), (y, b)))
    means = [float(p["mean"].sum()) * q.block / count for p, q in ((x, a), (y, b))]
    allowed = tolerance.atol + max(tolerance.rtol, _noise(a, b)) * size
    if abs(means[0] - means[1]) > allowed:
        _differ(f"{where}: mean", means[0], means[1], allowed, tally)
    else:
        tally.within()
        tally.notes.append(f"{where}: only the mean of all numbers could be compared")
