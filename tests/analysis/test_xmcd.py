"""Dichroism: two polarisations, one difference."""

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from beambook.analysis import xas, xmcd
from beambook.errors import DataError, NameNotFound, ParameterError

EDGES = np.linspace(700, 740, 41)


def mean(energy):
    return 0.5 + 0.4 * np.arctan((energy - 712) / 0.8)


def difference(energy):
    return 0.2 * np.exp(-0.5 * ((energy - 714) / 2) ** 2)


def measured(trains=1600, pulses=30, *, seed=0, noise=0.02):
    """Eight passes over the edge, the magnet reversed after each."""
    rng = np.random.default_rng(seed)
    number = np.arange(trains) * 8 // trains
    energy = 700 + 40 * rng.uniform(size=trains)
    sign = np.where(number % 2, -1.0, 1.0)
    sign[::50] *= 0.1  # while it ramps
    sign[7] = np.nan
    absorbance = mean(energy) + 0.5 * np.sign(np.nan_to_num(sign)) * difference(energy)
    i0 = rng.gamma(4, 250, (trains, pulses))
    i1 = -i0 * np.exp(-absorbance)[:, None] * (1 + noise * rng.normal(size=i0.shape))
    return xr.Dataset(
        {
            "energy": ("train", energy),
            "i0": (("train", "pulse"), i0),
            "i1": (("train", "pulse"), i1),
            "magnet": ("train", 3 * sign, {"units": "A"}),
        }
    )


def test_mean_and_difference_are_the_known_ones_within_their_errors():
    results = [xmcd(measured(seed=seed), EDGES, threshold=1.0) for seed in range(8)]
    xas_pulls = [
        (r.xas - mean(r.energy)) / np.hypot(r.xas_error, r.positive.binning) for r in results
    ]
    flat = [np.abs(r.energy - 712) > 3 for r in results]
    xmcd_pulls = [(r.xmcd - difference(r.energy)) / r.xmcd_error for r in results]
    for pulls in (xas_pulls, xmcd_pulls):
        chosen = np.concatenate([p[f] for p, f in zip(pulls, flat, strict=True)])
        assert abs(chosen.mean()) < 0.25
        assert 0.8 < chosen.std() < 1.2
    assert np.abs(np.concatenate(xmcd_pulls)).max() < 5


@pytest.mark.parametrize(("trains", "passes"), [(400, 4), (2000, 10), (4000, 40)])
def test_bins_in_which_both_have_other_energies_show_no_dichroism(trains, passes):
    phase = (np.arange(trains) + 0.25) * passes / trains
    number = phase.astype(int)
    part = np.where(number % 2, 1 - phase + number, phase - number)
    energy, sign = 700 + 40 * part, np.where(number % 2, -3.0, 3.0)
    rng = np.random.default_rng(trains)
    i0 = rng.gamma(4, 250, (trains, 50))
    noise = 1 + 0.02 * rng.normal(size=i0.shape)
    i1 = i0 * np.exp(-mean(energy))[:, None] * noise
    data = {"energy": energy, "i0": i0, "i1": i1, "magnet": sign}
    result = xmcd(data, EDGES)
    pulls = result.xmcd / result.xmcd_error
    assert 0.7 < np.nanstd(pulls) < 1.3
    assert np.nanmax(np.abs(pulls)) < 4
    steep = np.abs(result.energy - 712) < 5
    assert np.median(result.xmcd_error[~steep]) < 0.005


def test_the_parts_make_the_whole():
    result = xmcd(measured(), EDGES, threshold=1.0)
    plus, minus = result.positive, result.negative
    assert (result.xmcd_error >= np.hypot(plus.statistical, minus.statistical)).all()
    np.testing.assert_allclose(result.xas_error, result.xmcd_error / 2)
    np.testing.assert_allclose(
        result.xas, (plus.absorbance + minus.absorbance) / 2, atol=0.02, rtol=0
    )


def test_a_steep_edge_alone_makes_no_dichroism():
    data = measured(noise=1e-4)
    data["magnet"] = ("train", np.where(np.arange(1600) % 2, 1.0, -1.0))
    energy = data.energy.values
    data["i1"] = data.i0 * np.exp(-xr.DataArray(mean(energy), dims="train"))
    result = xmcd(data, EDGES)
    naive = result.positive.absorbance - result.negative.absorbance
    assert np.abs(naive).max() > 0.015
    assert np.abs(result.xmcd).max() < 0.4 * np.abs(naive).max()


def test_trains_of_neither_direction_are_counted():
    data = measured()
    result = xmcd(data, EDGES, threshold=1.0)
    assert result.excluded == {"trains with magnet NaN": 1, "trains with small magnet": 32}
    assert "32 (trains with small magnet)" in result.card().text()
    total = result.positive.counts.sum() + result.negative.counts.sum()
    assert total == (1600 - 33) * 30


def test_two_runs_or_two_spectra_do_as_well():
    data = measured()
    one = xmcd(data, EDGES, threshold=1.0)
    runs = data.isel(train=data.magnet.values > 1), data.isel(train=data.magnet.values < -1)
    two = xmcd(runs, EDGES)
    spectra = xmcd((xas(runs[0], EDGES), xas(runs[1], EDGES)))
    bare = {name: data[name].values for name in data}
    for other in (two, spectra, xmcd(bare, EDGES, threshold=1.0)):
        np.testing.assert_array_equal(other.xmcd, one.xmcd)
        np.testing.assert_array_equal(other.xmcd_error, one.xmcd_error)
    by_number = xmcd(runs, 10)
    assert by_number.positive.edges[0] == min(float(run.energy.min()) for run in runs)


def test_what_makes_no_sense_is_refused():
    data = measured(160, 4)
    half = data.isel(train=slice(0, 20))
    for wrong, kind in (
        (lambda: xmcd(data), ParameterError),
        (lambda: xmcd((data, data)), ParameterError),
        (lambda: xmcd((data, data, data), 4), ParameterError),
        (lambda: xmcd(data, EDGES, threshold=-1), ParameterError),
        (lambda: xmcd(data, EDGES, magnet="magnt"), NameNotFound),
        (lambda: xmcd(data, EDGES, magnet="i0"), DataError),
        (lambda: xmcd(half, EDGES), DataError),
        (lambda: xmcd((xas(data, EDGES), xas(data, EDGES + 1))), ParameterError),
        (lambda: xmcd((xas(data, EDGES), xas(data, EDGES, mode="fluorescence"))), ParameterError),
    ):
        with pytest.raises(kind):
            wrong()


def test_it_shows_itself():
    result = xmcd(measured(), EDGES, threshold=1.0)
    assert len(result.frame()) == 40
    assert "±" in result.card().facts["largest"]
    ax = result.plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["A⁺", "A⁻", "A⁺ − A⁻"]
    assert "eV" in ax.get_xlabel()
    right = ax.figure.axes[1]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), result.xmcd)
    plt.close(ax.figure)
