"""Moments of pairs: compiled and in numpy they are the same, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from beambook.analysis._pairs import Pairs


@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4", "f8", ">f4", "u8", "f2"])
@pytest.mark.parametrize("shape", [(9, 2, 600), (5,), (1, 3), (0, 4), (4, 0)])
def test_one_x_a_row_is_as_row_by_row_in_numpy(kind, shape):
    rng = np.random.default_rng(1)
    y = rng.normal(100, 20, shape).astype(kind)
    x = rng.normal(1e6, 1, len(y))
    if y.dtype.kind == "f":
        y.reshape(-1)[::7] = np.nan
    x[4:5] = np.nan
    ours = Pairs.of(x.reshape(-1, *(1,) * (y.ndim - 1)), y)
    pixels = y.reshape(len(y), -1).astype(float) if y.size else np.zeros((len(y), 0))
    assert ours.n.shape == y.shape[1:]
    n, xy, yy = (np.ravel(each) for each in (ours.n, ours.xy, ours.yy))
    for i, pixel in enumerate(pixels.T):
        good = ~(np.isnan(x) | np.isnan(pixel))
        assert n[i] == good.sum()
        if not good.any():
            assert xy[i] == yy[i] == 0
            continue
        dx, dy = (each[good] - each[good].mean() for each in (x, pixel))
        np.testing.assert_allclose(xy[i], (dx * dy).sum(), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(yy[i], (dy * dy).sum(), rtol=1e-9, atol=1e-9)


def test_the_compiled_way_is_that_of_numpy_bit_by_bit():
    rng = np.random.default_rng(2)
    y = rng.normal(500, 30, (32, 700)).astype("f4")
    y[3, ::5], y[:, 9] = np.nan, np.nan
    x = rng.normal(1e6, 1, (32, 1))
    x[7] = np.nan
    ours, theirs = Pairs.of(x, y), Pairs._of_any(x, y)
    for name in ("n", "x", "y", "xx", "yy", "xy"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
