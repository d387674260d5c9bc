"""A smooth curve through binned values, with all its uncertainty: for derivatives.

The curve is a spline of degree 5 on even knots. What is known of it beforehand is that its
third derivative is a random function with a variance that changes slowly with energy; the
variance is found from the data by maximising the evidence (restricted likelihood), first one
number for all, then locally by the EM rule. The data enter as what they are: means over
the photon energies of a bin, and of the transmission, not of its logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import cho_solve_banded, cholesky_banded, solve_banded
from scipy.sparse import csr_array, diags_array

__all__ = ["Posterior", "Smoother"]

Floats = NDArray[np.float64]
DEGREE, ORDER = 5, 3  # of the spline; of the derivative that is random
NODES = np.sqrt(9 / 5) * np.array([-1.0, 0.0, 1.0])  # a uniform distribution in three points
WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18
STRENGTHS = 10.0 ** np.linspace(-9, 5, 25)
EM_STEPS = 8
NEAR = 5.0  # eV over which the roughness is taken as one number


@dataclass(frozen=True)
class Posterior:
    """What is known of the coefficients of the spline.

    Attributes
    ----------
    mean : ndarray (coefficient,)
    factor : ndarray (band, coefficient)
        Upper Cholesky factor U of the precision UᵀU, in the banded form of LAPACK.
    """

    mean: Floats
    factor: Floats

    def draw(self, number: int, rng: np.random.Generator) -> Floats:
        """Random coefficients: ndarray (coefficient, number)."""
        noise = rng.normal(size=(len(self.mean), number))
        band = len(self.factor) - 1
        drawn: Floats = self.mean[:, None] + solve_banded((0, band), self.factor, noise)
        return drawn


class Smoother:
    """Fits the curve; see the module.

    Parameters
    ----------
    energy, spread : ndarray (bin,)
        Mean and rms of the photon energies in each bin, eV; `energy` ascending.
    value, error : ndarray (bin,)
        Finite; `error` above 0.
    logarithmic : bool
        The values are −ln of a mean.
    most : int
        Intervals between knots at most.
    """

    def __init__(
        self,
        energy: Floats,
        spread: Floats,
        value: Floats,
        error: Floats,
        *,
        logarithmic: bool,
        most: int,
    ) -> None:
        self.value, self.weight = value, 1 / error**2
        self.pitch = float(np.median(np.diff(energy)))
        reach = self.pitch + 2 * float(spread.max(initial=0.0))
        low, high = energy[0] - reach, energy[-1] + reach
        number = min(int(np.ceil(2 * (high - low) / self.pitch)), most)
        self.step = (high - low) / number
        self.knots = low + self.step * np.arange(-DEGREE, number + DEGREE + 1)
        size = number + DEGREE
        self.rough = _differences(size, ORDER) / self.step ** (ORDER - 0.5)
        self.place = low + self.step * (np.arange(size - ORDER) + (ORDER - DEGREE + 1) / 2)
        self.nodes = [self._basis(energy + z * spread, DEGREE) for z in NODES]
        self.logarithmic = logarithmic
        self._linearise(None)
        strength = self._one_strength()
        self._linearise(self.solve(np.full(len(self.place), 1 / strength)).mean)
        self.variance = self._local_variance(1 / self._one_strength())

    def slope(self, energy: Floats) -> Any:
        """Sparse matrix (energy, coefficient) from coefficients to the derivative."""
        lower = self._basis(energy, DEGREE - 1)
        return lower @ _differences(len(self.knots) - DEGREE - 1, 1) / self.step

    def solve(self, variance: Floats) -> Posterior:
        """Posterior for these variances of the third derivative: ndarray (place,)."""
        factor = self._factor(1 / variance)
        return Posterior(cho_solve_banded((factor, False), self.moment), factor)

    def _basis(self, energy: Floats, degree: int) -> Any:
        less = DEGREE - degree
        knots = self.knots[less : len(self.knots) - less]
        return csr_array(BSpline.design_matrix(energy, knots, degree))

    def _factor(self, strength: Floats) -> Floats:
        penalty = self.rough.T @ diags_array(strength) @ self.rough
        band = _banded(self.gram + penalty)
        band[-1] *= 1 + 1e-10
        factor: Floats = cholesky_banded(band, check_finite=False)
        return factor

    def _linearise(self, about: Floats | None) -> None:
        """The mean that each bin is, as a linear function of the coefficients near `about`."""
        weights = np.repeat(WEIGHTS[:, None], len(self.value), axis=1)
        rest: Any = 0.0
        if self.logarithmic and about is not None:
            curve = np.stack([node @ about for node in self.nodes])
            light = weights * np.exp(curve[1] - curve)
            total = light.sum(axis=0)
            weights = light / total
            rest = curve[1] - np.log(total) - (weights * curve).sum(axis=0)
        self.design = sum(diags_array(w) @ n for w, n in zip(weights, self.nodes, strict=True))
        self.gram = self.design.T @ diags_array(self.weight) @ self.design
        self.moment = self.design.T @ (self.weight * (self.value - rest))

    def _one_strength(self) -> float:
        """Inverse variance of the third derivative with the largest evidence."""
        ratio = self.gram.trace() / (self.rough.T @ self.rough).trace()
        evidence = [self._evidence(ratio * strength) for strength in STRENGTHS]
        return float(ratio * STRENGTHS[int(np.argmax(evidence))])

    def _evidence(self, strength: float) -> float:
        try:
            factor = self._factor(np.full(len(self.place), strength))
        except np.linalg.LinAlgError:
            return -np.inf
        mean = cho_solve_banded((factor, False), self.moment)
        volume = len(self.place) * np.log(strength) - 2 * np.log(factor[-1]).sum()
        return float(0.5 * (volume + self.moment @ mean))

    def _local_variance(self, variance: float) -> Floats:
        width = max(NEAR, 2 * self.pitch)
        near = np.exp(-0.5 * ((self.place[:, None] - self.place) / width) ** 2)
        near /= near.sum(axis=1, keepdims=True)
        local = np.full(len(self.place), variance)
        rough = self.rough.toarray()
        for _ in range(EM_STEPS):
            posterior = self.solve(local)
            inverse = cho_solve_banded((posterior.factor, False), rough.T)
            unsure = np.einsum("pc,cp->p", rough, inverse)
            local = near @ ((self.rough @ posterior.mean) ** 2 + np.maximum(unsure, 0.0))
        return local


def _differences(size: int, order: int) -> Any:
    """Matrix (size − order, size) of the differences of neighbours, `order` times."""
    rows = csr_array(np.eye(size))
    for _ in range(order):
        rows = rows[1:] - rows[:-1]
    return csr_array(rows)


def _banded(matrix: Any) -> Floats:
    """Upper half of a symmetric sparse matrix in the banded form of LAPACK."""
    dia = matrix.todia()
    width = int(dia.offsets.max(initial=0))
    band = np.zeros((width + 1, matrix.shape[0]))
    for offset, row in zip(dia.offsets, dia.data, strict=True):
        if offset >= 0:
            band[width - offset, : len(row)] = row
    return band
