"""The edge is where the true spectrum has it, and the interval covers it as often as it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from beambook.analysis import edge_of, xas
from beambook.analysis._edge import locate_edge
from beambook.errors import DataError, ParameterError
from beambook.testing import read_xdi, shipped_scans

SCANS = sorted(shipped_scans())


def raw_edge(energy, absorbance):
    """What anybody would compute of a tabulated scan."""
    return energy[np.argmax(np.gradient(absorbance, energy))]


def binned(energy, absorbance, width, noise, seed, *, below=60.0, above=90.0):
    """Means over bins (of the transmission), with noise: (energy, spread, value, error)."""
    rng = np.random.default_rng(seed)
    centre = edge_of(energy, absorbance)
    low = max(centre - below, energy[0]) + rng.uniform(0, width)
    edges = np.arange(low, min(centre + above, energy[-1]), width)
    inside = edges[:-1, None] + width * (np.arange(20) + 0.5) / 20
    light = np.exp(-np.interp(inside, energy, absorbance)).mean(axis=1)
    error = noise * np.ptp(absorbance[np.abs(energy - centre) < 40])
    value = -np.log(light) + error * rng.normal(size=len(light))
    return inside.mean(axis=1), inside.std(axis=1), value, np.full(len(value), error)


def located(energy, spread, value, error, *, confidence=0.95):
    return locate_edge(
        energy, value, error, spread=spread, logarithmic=True, confidence=confidence, seed=0
    )


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_measured_edges_are_found_and_covered(name, width):
    scan = read_xdi(name)
    raw, smooth = raw_edge(scan.energy, scan.absorbance), edge_of(scan.energy, scan.absorbance)
    for noise in (5e-4, 3e-3):
        edge = located(*binned(scan.energy, scan.absorbance, width, noise, seed=1))
        assert edge.low <= raw <= edge.high
        assert edge.low <= smooth <= edge.high
        assert edge.low <= scan.edge_energy <= edge.high
        if noise < 1e-3 and width <= 1:  # bins of 2 eV do not tell the two rises of Fe apart
            assert abs(edge.energy - smooth) < 0.2 + 0.25 * width


@pytest.mark.parametrize("name", SCANS)
def test_the_interval_covers_as_often_as_it_says_also_with_noise(name):
    scan = read_xdi(name)
    truth = edge_of(scan.energy, scan.absorbance)
    edges = [
        located(*binned(scan.energy, scan.absorbance, 1.0, 0.01, seed, below=35, above=45))
        for seed in range(12)
    ]
    assert sum(edge.low <= truth <= edge.high for edge in edges) >= 10


SHAPES = {
    "arctan": lambda x: 0.5 + np.arctan(x / 1.2) / np.pi,
    "erf": lambda x: 0.5 + 0.5 * erf(x / 2.5),
    "white line": lambda x: 0.5 + np.arctan(x) / np.pi + np.exp(-0.5 * ((x - 3) / 1.5) ** 2),
    "pre-edge": lambda x: 0.5 + np.arctan(x) / np.pi + 0.2 * np.exp(-0.5 * ((x + 7) / 1.2) ** 2),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_synthetic_edges_are_covered_but_not_by_everything(shape):
    energy = np.arange(-80.0, 100.0, 0.02)
    absorbance = 0.4 + SHAPES[shape](energy - 0.37)
    truth = edge_of(energy, absorbance)
    for seed in range(5):
        edge = located(*binned(energy, absorbance, 0.5, 2e-3, seed, below=35, above=45))
        assert edge.low <= truth <= edge.high
        assert edge.high - edge.low < 2.5
        assert abs(edge.energy - truth) < 0.5


def test_an_edge_that_could_be_two_says_so():
    energy = np.arange(-60.0, 80.0, 0.02)
    step = 0.5 + np.arctan(energy) / np.pi
    twin = step + np.interp(energy - 13.0, energy, step)
    edge = located(*binned(energy, twin, 1.0, 0.01, 3, below=35, above=45))
    assert len(edge.candidates) == 2
    assert sorted(round(place) for place, _ in edge.candidates) == [0, 13]
    assert sum(share for _, share in edge.candidates) > 0.95
    assert edge.low < 0.5
    assert edge.high > 12.5
    assert "could be" in edge.card().facts


def test_more_noise_and_more_confidence_mean_wider_intervals():
    scan = read_xdi("Cu")
    data = [binned(scan.energy, scan.absorbance, 0.5, noise, 0) for noise in (5e-4, 0.02)]
    assert located(*data[1]).uncertainty > located(*data[0]).uncertainty
    widths = [located(*data[0], confidence=c).uncertainty for c in (0.5, 0.68, 0.95, 0.99)]
    assert widths == sorted(widths)


def test_a_gap_in_the_data_at_the_edge_widens_the_interval():
    scan = read_xdi("Cu")
    columns = binned(scan.energy, scan.absorbance, 0.5, 5e-4, 0)
    away = np.abs(columns[0] - 8980.5) > 3
    with_gap = located(*(column[away] for column in columns))
    assert with_gap.high - with_gap.low > 2
    assert with_gap.low < 8980.5 < with_gap.high


def test_the_same_spectrum_has_the_same_edge_in_other_units_and_places():
    scan = read_xdi("Cu")
    energy, spread, value, error = binned(scan.energy, scan.absorbance, 1.0, 1e-3, 0)
    edge = located(energy, spread, value, error)
    assert located(energy, spread, value, error) == edge
    kilo = locate_edge(
        energy / 1e3,
        value,
        error,
        spread=spread / 1e3,
        logarithmic=True,
        confidence=0.95,
        seed=0,
        units="keV",
    )
    assert kilo.energy == pytest.approx(edge.energy / 1e3, abs=1e-6)
    assert kilo.low == pytest.approx(edge.low / 1e3, abs=1e-5)
    assert "keV" in kilo.card().name


def test_an_exact_spectrum_has_an_edge_and_a_finite_interval():
    energy = np.arange(700.0, 740.0, 0.5)
    value = np.arctan((energy - 715.2) / 1.0)
    edge = located(energy, np.zeros_like(energy), value, np.zeros_like(energy))
    assert edge.energy == pytest.approx(715.2, abs=0.1)
    assert 0.1 < edge.high - edge.low < 1.5


def test_of_a_fluorescence_spectrum_too():
    rng = np.random.default_rng(0)
    energy = np.linspace(8300, 8360, 600)
    i0 = rng.gamma(4, 250, (600, 30))
    level = 0.1 + 0.5 * (0.5 + np.arctan((energy - 8331.2) / 1.2) / np.pi)
    i1 = i0 * level[:, None] * (1 + 0.02 * rng.normal(size=i0.shape))
    edge = xas({"energy": energy, "i0": i0, "i1": i1}, 1.0, mode="fluorescence").edge()
    assert edge.low < 8331.2 < edge.high
    assert edge.energy == pytest.approx(8331.2, abs=0.4)
    assert edge.units == "eV"


def test_bins_without_error_bars_count_little_and_empty_ones_not():
    scan = read_xdi("Ni")
    energy, spread, value, error = binned(scan.energy, scan.absorbance, 1.0, 1e-3, 0)
    error[::7] = np.nan
    value[3::7] = np.nan
    edge = located(energy, spread, value, error)
    assert edge.low < 8331.35 < edge.high
    assert edge.energy == pytest.approx(8331.35, abs=1.0)


def test_what_cannot_be_located_is_refused():
    energy = np.arange(20.0)
    value = np.arctan(energy - 10)
    ones = np.ones(20)
    with pytest.raises(DataError, match="5 bins have a value; an edge needs 8"):
        located(energy[:5], ones[:5], value[:5], ones[:5])
    with pytest.raises(DataError, match="No bin has an error bar"):
        located(energy, ones, value, ones * np.nan)
    for confidence in (0, 1, 95, np.nan):
        with pytest.raises(ParameterError):
            located(energy, ones, value, ones, confidence=confidence)


@settings(max_examples=50, deadline=None)
@given(place=st.floats(-3, 3), width=st.floats(0.8, 5), pitch=st.floats(0.05, 0.4))
def test_edge_of_is_between_the_points(place, width, pitch):
    energy = np.arange(-20.0, 20.0, pitch)
    assert edge_of(energy, np.arctan((energy - place) / width)) == pytest.approx(place, abs=0.02)


def test_edge_of_takes_points_in_any_order_and_leaves_gaps_out():
    energy = np.arange(-20.0, 20.0, 0.5)
    value = np.arctan(energy - 1.2)
    expected = edge_of(energy, value)
    order = np.random.default_rng(0).permutation(len(energy))
    assert edge_of(energy[order], value[order]) == expected
    value[5] = np.nan
    assert edge_of(energy, value) == pytest.approx(expected, abs=1e-6)


def test_edge_of_a_ramp_is_its_middle_and_of_nothing_an_error():
    energy = np.arange(0.0, 10.0, 0.01)
    ramp = np.interp(energy, [0, 4, 6, 10], [0, 0.1, 2, 2.1])
    assert edge_of(energy, ramp) == pytest.approx(5.0, abs=0.02)
    for wrong in (([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 1, 2, 3], [1, 2, 3, 4]), ([], [])):
        with pytest.raises(DataError):
            edge_of(*wrong)
