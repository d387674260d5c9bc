"""Rings are where theory has them, means and errors those of plain numpy and of pyFAI."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from beambook.detector import Geometry, azimuthal
from beambook.errors import DataError, MissingPackage, ParameterError

WAVELENGTH = 12.398419843320026e-10 / 9.3
KINDS = [("AGIPD1M", None), ("LPD1M", None), ("DSSC1M", None), ("JUNGFRAU", 2), ("AGIPD500K", None)]
SMALL = Geometry.nominal("LPDMini", 3)
BEAM = {"distance": 0.2, "photon_energy": 9.3}


def rings(geometry, spacings, *, distance, centre=(0.0, 0.0), wavelength=WAVELENGTH, width=4e-4):
    """Debye–Scherrer rings where Bragg's law puts them: λ = 2d sin θ, r = L tan 2θ."""
    x, y, z = np.moveaxis(geometry.positions, -1, 0)
    radius = np.hypot(x - centre[0], y - centre[1]) * distance / (distance + z)
    found = np.full(radius.shape, 2.0)
    for d in spacings:
        at = distance * np.tan(2 * np.arcsin(wavelength / (2 * d)))
        found += 100 * np.exp(-(((radius - at) / width) ** 2) / 2)
    return found.astype(np.float32)


def peaks(result):
    """Middle of each peak, weighted by intensity."""
    q, value = result.q.values, np.nan_to_num(result.intensity.values - 2)
    high = value > 30
    edges = np.flatnonzero(np.diff(np.r_[False, high, False].astype(int))).reshape(-1, 2)
    return np.array([np.average(q[a:b], weights=value[a:b]) for a, b in edges])


class TestTheory:
    @pytest.mark.parametrize(("kind", "modules"), KINDS)
    def test_silver_behenate(self, kind, modules):
        """q_n = 2πn/d, d = 58.380 Å."""
        geometry = Geometry.nominal(kind, modules)
        spacings = 58.380e-10 / np.arange(1, 6)
        distance = 0.8 if kind == "JUNGFRAU" else 1.6
        image = rings(geometry, spacings, distance=distance)
        result = azimuthal(image, geometry, distance=distance, wavelength=WAVELENGTH, bins=800)
        found = peaks(result)
        expected = 2 * np.pi * np.arange(1, 6) / 58.380
        near = np.abs(found[:, None] - expected).min(axis=1)
        assert len(found) >= 2
        assert near.max() < 3e-3 * expected[0]

    def test_lanthanum_hexaboride(self):
        """d = a/√(h²+k²+l²), a = 4.1569 Å, at 24 keV."""
        geometry, wavelength = Geometry.nominal("LPD1M"), 12.398419843320026e-10 / 24
        spacings = 4.1569e-10 / np.sqrt([1, 2, 3, 4, 5, 6])
        image = rings(geometry, spacings, distance=0.35, wavelength=wavelength)
        found = peaks(azimuthal(image, geometry, distance=0.35, photon_energy=24, bins=1000))
        expected = 2e-10 * np.pi / spacings
        np.testing.assert_allclose(found[:6], expected, rtol=1e-3)

    @pytest.mark.parametrize("centre", [(0.02, 0.0), (0.0, 0.03), (-0.02, 0.015)])
    def test_beam_elsewhere(self, centre):
        """x grows to the left and is pyFAI's poni2; with a wrong sign there is no peak left."""
        geometry = Geometry.nominal("AGIPD1M")
        image = rings(geometry, [58.380e-10 / 3], distance=1.6, centre=centre)
        options = {"distance": 1.6, "wavelength": WAVELENGTH, "bins": 800}
        found = azimuthal(image, geometry, centre=centre, **options)
        np.testing.assert_allclose(peaks(found), [6 * np.pi / 58.380], rtol=1e-3)
        assert float(found.intensity.max()) > 90
        wrong = azimuthal(image, geometry, centre=(-centre[0], -centre[1]), **options)
        assert float(wrong.intensity.max()) < 50

    def test_centre_and_shifted_geometry_are_the_same(self):
        geometry = Geometry.nominal("LPD1M")
        shift = 0.012, -0.007
        moved = Geometry.of(geometry.extra_geom.offset(shift))
        image = rings(geometry, [58.380e-10], distance=3.0)
        one = azimuthal(image, geometry, distance=3, wavelength=WAVELENGTH)
        two = azimuthal(image, moved, distance=3, wavelength=WAVELENGTH, centre=shift)
        np.testing.assert_allclose(two.intensity, one.intensity, rtol=2e-2)
        np.testing.assert_allclose(two.q, one.q, rtol=1e-5)

    def test_split_pixels_have_the_same_rings(self):
        geometry = Geometry.nominal("AGIPD500K")
        image = rings(geometry, 58.380e-10 / np.arange(1, 4), distance=1.6)
        options = {"distance": 1.6, "wavelength": WAVELENGTH, "bins": 800}
        split = azimuthal(image, geometry, method="split", **options)
        plain = azimuthal(image, geometry, **options)
        np.testing.assert_allclose(peaks(split), peaks(plain), rtol=1e-3)
        assert set(split.data_vars) == {"intensity", "error", "pixels"}

    def test_flat_field_of_equal_brightness(self):
        """What a sphere of equal brightness sends into each pixel's solid angle."""
        geometry = Geometry.nominal("AGIPD1M")
        x, y, _ = np.moveaxis(geometry.positions, -1, 0)
        cosine = 0.2 / np.sqrt(x**2 + y**2 + 0.2**2)
        found = azimuthal((50 * cosine**3).astype("f4"), geometry, **BEAM)
        np.testing.assert_allclose(found.intensity.dropna("q"), 50, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "modules", "method"),
    [*((*kind, ("no", "csr", "cython")) for kind in KINDS),
     ("AGIPD1M", None, ("no", "histogram", "cython"))],
)  # fmt: skip
def test_same_as_pyfai(kind, modules, method):
    geometry = Geometry.nominal(kind, modules)
    rng = np.random.default_rng(3)
    frames = rng.poisson(30, (4, *geometry.shape)).astype("f4")
    mask = rng.random(geometry.shape) < 0.03
    integrator = AzimuthalIntegrator(
        0.7, 0.01, -0.02, 0.01, -0.02, 0.03, wavelength=WAVELENGTH,
        detector=geometry.extra_geom.to_pyfai_detector(),
    )  # fmt: skip
    flat = integrator.detector.shape
    found = azimuthal(
        frames, geometry, distance=0.7, wavelength=WAVELENGTH, centre=(-0.02, 0.01),
        rotation=(0.01, -0.02, 0.03), mask=mask, polarisation=0.99, bins=300, errors="azimuthal",
    )  # fmt: skip
    theirs = integrator.integrate1d_ng(
        frames[2].reshape(flat), 300, mask=mask.reshape(flat), method=method, unit="q_A^-1",
        polarization_factor=0.99, error_model="azimuthal",
    )  # fmt: skip
    there = theirs.count > 0
    np.testing.assert_allclose(found.q, theirs.radial, rtol=1e-6)
    np.testing.assert_allclose(found.intensity[2][there], theirs.intensity[there], rtol=1e-5)
    np.testing.assert_array_equal(found.pixels, theirs.count)
    many = theirs.count > 3
    np.testing.assert_allclose(found.error[2][many], theirs.sigma[many], rtol=2e-2)


def plain(frames, geometry, mask, bins):
    """The definitions, by numpy, frame by frame, in double precision."""
    q = geometry.q(distance=0.2, photon_energy=9.3).values
    x, y, _ = np.moveaxis(geometry.positions, -1, 0)
    weight = (0.2 / np.sqrt(x**2 + y**2 + 0.2**2)) ** 3
    edges = np.linspace(0.5, 1.5, bins + 1)
    found = np.full((*frames.shape[:-3], 3, bins), np.nan)
    for frame in np.ndindex(frames.shape[:-3]):
        bad = np.broadcast_to(mask, frames.shape)[frame] | ~np.isfinite(frames[frame])
        for b in range(bins):
            inside = (q >= edges[b]) & (q < edges[b + 1]) & ~bad
            value, n = frames[frame][inside].astype("f8"), weight[inside]
            found[(*frame, 2, b)] = inside.sum()
            if inside.any():
                mean = value.sum() / n.sum()
                variance = (n * (value / n - mean) ** 2).sum() / n.sum()
                found[(*frame, 0, b)] = mean
                found[(*frame, 1, b)] = np.sqrt(variance * (n**2).sum()) / n.sum()
    return found


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_same_as_plain_numpy(data):
    """Any type and number of frames, with and without NaN, masks of all frames and of each."""
    lead = tuple(data.draw(st.sampled_from([(), (1,), (3,), (9,), (2, 4)])))
    dtype = data.draw(st.sampled_from(["f4", "u2", "f8", "i4", "?", ">f4", "f2"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    frames = rng.integers(0, 100, (*lead, *SMALL.shape)).astype(dtype)
    if frames.dtype.kind == "f" and data.draw(st.booleans()):
        frames[rng.random(frames.shape) < 0.1] = np.nan
        frames[rng.random(frames.shape) < 0.05] = np.inf
    which = data.draw(st.sampled_from(["none", "all", "each"]))
    shape = {"none": (), "all": SMALL.shape, "each": frames.shape}[which]
    mask = rng.random(shape) < (0 if which == "none" else 0.2)
    found = azimuthal(
        frames, SMALL, **BEAM, bins=12, limits=(0.5, 1.5), errors="azimuthal",
        mask=None if which == "none" else mask, threads=data.draw(st.integers(1, 3)),
    )  # fmt: skip
    expected = plain(frames, SMALL, mask, 12)
    pixels = np.broadcast_to(found.pixels, expected[..., 2, :].shape)
    # A pixel at the edge of a bin may be on either side: the positions are pyFAI's, in float32.
    assert np.abs(pixels - expected[..., 2, :]).sum() <= 1e-3 * expected[..., 2, :].sum() + 2
    same = pixels == expected[..., 2, :]
    assert same.mean() > 0.7
    for n, name in enumerate(["intensity", "error"]):
        np.testing.assert_allclose(
            found[name].values[same], expected[..., n, :][same], rtol=1e-4, atol=1e-4
        )


class TestResult:
    frames = xr.DataArray(
        np.random.default_rng(0).poisson(9, (3, 5, *SMALL.shape[1:])).astype("f4"),
        {"module": [0, 1, 2], "train": [7, 8, 9, 10, 11]},
        ("module", "train", "slow_scan", "fast_scan"), attrs={"units": "photons", "run": "r1"},
    )  # fmt: skip

    def test_labels(self):
        found = azimuthal(self.frames, SMALL, **BEAM, bins=20)
        assert found.intensity.dims == ("train", "q")
        assert found.train.values.tolist() == [7, 8, 9, 10, 11]
        assert found.q.attrs == {"units": "1/Å"}
        assert found.intensity.attrs == found.error.attrs == {"units": "photons"}
        assert found.attrs["geometry"] == "nominal geometry"
        assert found.attrs["run"] == "r1"
        assert "9.3 keV" in found.attrs["beam"]

    @pytest.mark.parametrize(
        ("unit", "name", "factor"), [("q_nm^-1", "q", 10), ("2th_deg", "two_theta", None)]
    )
    def test_units(self, unit, name, factor):
        plainly = azimuthal(self.frames, SMALL, **BEAM, bins=20)
        found = azimuthal(self.frames, SMALL, **BEAM, bins=20, unit=unit)
        assert found.intensity.dims == ("train", name)
        if factor:
            np.testing.assert_allclose(found[name], factor * plainly.q, rtol=1e-6)
        else:
            wide = np.degrees(np.arctan(np.hypot(*SMALL.positions[..., :2].reshape(-1, 2).T) / 0.2))
            assert wide.min() <= found[name].min() < found[name].max() <= wide.max()

    def test_some_modules(self):
        """As if the others were masked."""
        mask = np.zeros(SMALL.shape, bool)
        mask[1] = True
        limits = 0.2, 2.0
        one = azimuthal(self.frames.sel(module=[2, 0]), SMALL, **BEAM, limits=limits)
        two = azimuthal(self.frames, SMALL, **BEAM, limits=limits, mask=mask)
        xr.testing.assert_allclose(one, two, rtol=1e-12)

    def test_poisson(self):
        found = azimuthal(self.frames, SMALL, **BEAM, bins=20, errors="poisson", solid_angle=False)
        counts = found.intensity * found.pixels
        np.testing.assert_allclose(found.error, np.sqrt(counts) / found.pixels, rtol=1e-12)

    def test_errors_cover_the_truth(self):
        """68 % of the bins are within one standard error of what was made."""
        geometry = Geometry.nominal("AGIPD500K")
        frames = np.random.default_rng(5).poisson(20, (4, *geometry.shape)).astype("f4")
        found = azimuthal(frames, geometry, distance=2.0, photon_energy=9.3, solid_angle=False)
        many = (found.pixels > 100).values
        within = np.abs(found.intensity.values - 20) < found.error.values
        assert 0.63 < within[:, many].mean() < 0.73

    def test_no_errors(self):
        assert set(azimuthal(self.frames, SMALL, **BEAM, errors=None)) == {"intensity", "pixels"}

    def test_threads_do_not_change_a_digit(self):
        stack = np.concatenate([self.frames.transpose("train", ...).values] * 8)
        one = azimuthal(stack, SMALL, **BEAM, threads=1)
        xr.testing.assert_identical(one, azimuthal(stack, SMALL, **BEAM, threads=4))


class TestRefusals:
    frame = np.zeros(SMALL.shape, "f4")

    @pytest.mark.parametrize(
        "wrong",
        [{"unit": "furlong"}, {"bins": 0}, {"method": "guess"}, {"errors": "none"},
         {"limits": (2, 1)}, {"polarisation": 99}],
    )  # fmt: skip
    def test_parameters(self, wrong):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            azimuthal(self.frame, SMALL, **BEAM, **wrong)

    def test_masks(self):
        with pytest.raises(DataError, match="A mask has the shape"):
            azimuthal(self.frame, SMALL, **BEAM, mask=np.zeros((2, 2, 2), bool))
        with pytest.raises(DataError, match="the shape of the frames"):
            azimuthal(self.frame, SMALL, **BEAM, mask=np.zeros((5, *SMALL.shape), bool))
        with pytest.raises(DataError, match="all are masked"):
            azimuthal(self.frame, SMALL, **BEAM, mask=np.ones(SMALL.shape, bool))

    def test_complex_values(self):
        with pytest.raises(DataError, match="complex64 cannot"):
            azimuthal(self.frame.astype("c8"), SMALL, **BEAM)

    def test_without_pyfai(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pyFAI.integrator.azimuthal", None)
        with pytest.raises(MissingPackage, match=r"beambook\[azimuthal\]"):
            azimuthal(self.frame, Geometry.nominal("LPDMini", 3), **BEAM)
