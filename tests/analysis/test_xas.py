"""Spectra against formulas, a known answer, and what people push into them."""

import pickle

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from beambook.analysis import XAS, Spectrum, xas
from beambook.data import by_id, by_index
from beambook.errors import DataError, NameNotFound, ParameterError

EDGES = np.linspace(8300, 8360, 61)


def truth(energy):
    return 0.3 + 1.2 * (0.5 + np.arctan((energy - 8331.0) / 1.5) / np.pi)


def averaged(spectrum):
    """What a bin measures without noise: the mean transmission between its edges."""
    inside = np.linspace(-0.5, 0.5, 51) * np.sqrt(12)
    energy = spectrum.energy[:, None] + inside * spectrum.spread[:, None]
    return -np.log(np.exp(-truth(energy)).mean(axis=1))


def measured(
    trains=1200, pulses=40, *, seed=0, noise=0.05, common=0.0, sign=-1.0, offset=(0.0, 0.0)
):
    """A run of which µ(E)d is `truth`; `common` is noise that a whole train shares."""
    rng = np.random.default_rng(seed)
    energy = np.tile(np.linspace(8300, 8360, trains // 2), 2) + 0.01 * rng.normal(size=trains)
    energy = energy.clip(8300, 8359.999)
    i0 = rng.gamma(4, 250, (trains, pulses))
    shared = 1 + common * rng.normal(size=(trains, 1))
    i1 = i0 * np.exp(-truth(energy))[:, None] * shared * (1 + noise * rng.normal(size=i0.shape))
    return xr.Dataset(
        {
            "energy": ("train", energy, {"units": "eV"}),
            "i0": (("train", "pulse"), i0 + offset[0], {"units": "µJ"}),
            "i1": (("train", "pulse"), sign * i1 + offset[1]),
        },
        coords={"train": np.arange(trains) + 10_000, "pulse": np.arange(pulses) * 4 + 200},
    )


def test_columns_are_those_of_the_published_formulas():
    data = measured(200, 10)
    spectrum = xas(data, EDGES, error="pulse")
    frame = data.to_dataframe().reset_index()
    for place, part in frame.groupby(pd.cut(frame.energy, EDGES, right=False, labels=False)):
        k = int(place)
        i0, i1 = part.i0, -part.i1
        assert spectrum.counts[k] == len(part)
        assert spectrum.trains[k] == part.train.nunique()
        assert spectrum.absorbance[k] == pytest.approx(-np.log(i1.sum() / i0.sum()))
        rho = np.corrcoef(i0, i1)[0, 1]
        relative0, relative1 = i0.std() / i0.mean(), i1.std() / i1.mean()
        sigma = np.sqrt(relative0**2 + relative1**2 - 2 * rho * relative0 * relative1)
        assert spectrum.sigma[k] == pytest.approx(sigma)
        assert spectrum.error[k] == pytest.approx(sigma / np.sqrt(len(part)))
        assert abs(spectrum.correlation[k]) == pytest.approx(rho)
        assert spectrum.sum_i0[k] == pytest.approx(i0.sum())
        assert spectrum.sum_i1[k] == pytest.approx(-i1.sum())
        assert spectrum.energy[k] == pytest.approx(np.average(part.energy, weights=i0))


@pytest.mark.parametrize("error", ["pooled", "train"])
@pytest.mark.parametrize("common", [0.0, 0.03])
def test_error_bars_are_as_large_as_the_errors(error, common):
    pulls = np.concatenate(
        [
            (spectrum.absorbance - averaged(spectrum)) / spectrum.statistical
            for spectrum in (
                xas(measured(seed=seed, common=common), EDGES, error=error) for seed in range(12)
            )
        ]
    )
    assert len(pulls) == 12 * 60
    assert abs(pulls.mean()) < 0.15
    assert 0.93 < pulls.std() < 1.09
    assert 0.92 < (np.abs(pulls) < 1.96).mean() < 0.97


@pytest.mark.parametrize("pulses", [1, 2])
def test_error_bars_hold_with_few_trains_in_a_bin(pulses):
    spectra = [xas(measured(300, pulses, seed=seed), EDGES) for seed in range(12)]
    pulls = np.concatenate([(s.absorbance - averaged(s)) / s.statistical for s in spectra])
    pulls = pulls[np.isfinite(pulls)]
    assert len(pulls) > 12 * 50
    assert 0.85 < pulls.std() < 1.2
    assert np.abs(pulls).max() < 6


def test_where_statistics_are_good_the_width_of_the_bin_is_in_the_error():
    wide = xas(measured(2000, 200, noise=0.01), np.linspace(8300, 8360, 31))
    difference = wide.absorbance - truth(wide.energy)
    steep = np.abs(wide.energy - 8331) < 5
    assert np.abs(difference / wide.statistical)[steep].max() > 5
    assert np.abs(difference / wide.error).max() < 3.5
    pulls = difference / wide.error
    assert 0.7 < pulls.std() < 1.2


def test_the_simple_error_is_too_small_when_trains_move_as_a_whole():
    spectrum = xas(measured(common=0.03), EDGES, error="pulse")
    pulls = (spectrum.absorbance - truth(spectrum.energy)) / spectrum.error
    assert pulls.std() > 2
    unequal = 1 + 1 / 4  # pulse energies of the gamma law: ⟨I0²⟩/⟨I0⟩²
    expected = (0.03**2 * 40 / unequal + 0.05**2) / (0.03**2 + 0.05**2)
    pooled = xas(measured(common=0.03), EDGES).design_effect
    assert np.median(pooled) == pytest.approx(expected, rel=0.2)
    independent = xas(measured(common=0.0), EDGES).design_effect
    assert 1 <= np.median(independent) < 1.15


def test_a_steep_edge_is_not_noisy_because_it_is_steep():
    data = measured(noise=0.01)
    pooled, simple = xas(data, EDGES), xas(data, EDGES, error="pulse")
    steepest = int(np.argmax(np.gradient(pooled.absorbance)))
    assert simple.error[steepest] > 2 * pooled.statistical[steepest]
    flat = int(np.argmin(np.abs(pooled.energy - 8305)))
    assert simple.error[flat] == pytest.approx(pooled.statistical[flat], rel=0.1)


def test_fluorescence_is_the_ratio_itself():
    data = measured(200, 10)
    transmission, fluorescence = xas(data, EDGES), xas(data, EDGES, mode="fluorescence")
    np.testing.assert_allclose(fluorescence.absorbance, np.exp(-transmission.absorbance))
    np.testing.assert_allclose(
        fluorescence.statistical, transmission.statistical * fluorescence.absorbance
    )
    np.testing.assert_allclose(fluorescence.sigma, transmission.sigma * fluorescence.absorbance)
    assert "Fluorescence" in fluorescence.quantity


def test_the_sign_of_the_detector_does_not_matter():
    negative, positive = xas(measured(sign=-1), EDGES), xas(measured(sign=+1), EDGES)
    np.testing.assert_array_equal(negative.absorbance, positive.absorbance)
    np.testing.assert_array_equal(negative.error, positive.error)
    assert (negative.sum_i1 < 0).all()
    told = xas(measured(sign=-1), EDGES, i1_sign=-1)
    np.testing.assert_array_equal(told.absorbance, negative.absorbance)
    wrong = xas(measured(sign=-1), EDGES, i1_sign=1)
    assert not np.isfinite(wrong.absorbance).any()
    assert wrong.excluded["bins without a logarithm"] == 60


def test_a_known_offset_is_taken_off():
    plain = xas(measured(), EDGES)
    shifted = measured(offset=(12.0, -8.0))
    assert np.nanmax(np.abs(xas(shifted, EDGES).absorbance - plain.absorbance)) > 0.01
    corrected = xas(shifted, EDGES, i0_offset=12.0, i1_offset=-8.0)
    np.testing.assert_allclose(corrected.absorbance, plain.absorbance, rtol=1e-9)
    np.testing.assert_allclose(corrected.error, plain.error, rtol=1e-6)


def test_what_is_left_out_is_counted():
    data = measured(200, 10)
    data["i0"][3, 4] = np.nan
    data["i1"][3, 5:7] = np.nan
    data["i0"][10, :2] = -1.0
    data["energy"][20] = np.nan
    data["energy"][30] = 9000.0
    spectrum = xas(data, EDGES)
    away = (data.energy < 8300) | (data.energy > 8360)
    assert dict(spectrum.excluded) == {
        "energy is NaN": 10,
        "outside the bins": int(away.sum()) * 10,
        "I0 or I1 is NaN": 3,
        "I0 too small": 2,
        "bins without a logarithm": 0,
    }
    assert away[30]
    assert spectrum.counts.sum() + sum(spectrum.excluded.values()) == 2000
    assert "3 (I0 or I1 is NaN)" in spectrum.card().text()
    seen = np.isfinite(data.energy) & ~away & np.isfinite(data.i0) & np.isfinite(data.i1)
    above = xas(data, EDGES, i0_threshold=500.0)
    assert above.excluded["I0 too small"] == int((seen & (data.i0 <= 500)).sum())


def test_empty_bins_are_nan_and_stay_at_their_middle():
    spectrum = xas(measured(), np.linspace(8290, 8370, 81))
    empty = spectrum.counts == 0
    assert empty.sum() >= 18
    for column in (spectrum.absorbance, spectrum.error, spectrum.sigma, spectrum.spread):
        assert np.isnan(column[empty]).all()
    assert spectrum.energy[0] == 8290.5
    assert (np.diff(spectrum.energy) > 0).all()


@pytest.mark.parametrize(
    ("bins", "number", "first", "last"),
    [(50, 50, None, None), (0.5, None, 0.5, 0.5), (np.int64(7), 7, None, None)],
)
def test_bins_by_number_and_by_width(bins, number, first, last):
    data = measured()
    spectrum = xas(data, bins)
    assert spectrum.counts.sum() == data.i0.size
    if number:
        assert len(spectrum.counts) == number
        assert spectrum.edges[0] == data.energy.min()
        assert spectrum.edges[-1] == data.energy.max()
    else:
        np.testing.assert_allclose(np.diff(spectrum.edges), first)
        assert spectrum.edges[0] % last == 0


@pytest.mark.parametrize("bins", [0, -3, 0.0, np.nan, "80", True, None, [8300], 1e-9, 10**9])
def test_bins_that_make_no_sense_are_refused(bins):
    with pytest.raises(ParameterError):
        xas(measured(20, 2), bins)


def test_a_single_energy_is_one_filled_bin():
    data = measured(20, 5)
    data["energy"][:] = 8333.0
    spectrum = xas(data, 3)
    assert spectrum.counts.tolist() == [0, 100, 0]


def test_energy_may_come_for_each_pulse_and_dimensions_in_any_order():
    data = measured(100, 10)
    expected = xas(data, EDGES)
    each = data.assign(energy=data.energy.broadcast_like(data.i0))
    for other in (each, data.transpose("pulse", "train"), data.chunk(train=13)):
        result = xas(other, EDGES)
        np.testing.assert_allclose(result.absorbance, expected.absorbance, rtol=1e-12)
        np.testing.assert_allclose(result.error, expected.error, rtol=1e-9)
    bare = {name: data[name].values for name in ("energy", "i0", "i1")}
    np.testing.assert_array_equal(xas(bare, EDGES).absorbance, expected.absorbance)
    flat = {"energy": data.energy.values, "i0": data.i0.values[:, 0], "i1": data.i1.values[:, 0]}
    one = xas(data, EDGES, pulses=[0])
    np.testing.assert_array_equal(xas(flat, EDGES).absorbance, one.absorbance)


def test_pulses_by_position_and_by_id():
    data = measured(100, 10)
    every_second = xas(data, EDGES, pulses=slice(None, None, 2))
    assert every_second.counts.sum() == 500
    for pulses in (
        [0, 2, 4, 6, 8],
        by_index[::2],
        by_id[[200, 208, 216, 224, 232]],
        by_id[:240:2],
        np.arange(10) % 2 == 0,
    ):
        np.testing.assert_array_equal(
            xas(data, EDGES, pulses=pulses).absorbance, every_second.absorbance
        )
    for pulses in ([10], by_id[[201]], by_id[900:], slice(5, 5)):
        with pytest.raises(ParameterError):
            xas(data, EDGES, pulses=pulses)
    with pytest.raises(ParameterError, match="no pulse ids"):
        xas(data.drop_vars("pulse"), EDGES, pulses=by_id[[200]])


def test_live_parallel_and_offline_are_the_same():
    data = measured(300, 20)
    offline = xas(data, EDGES)
    live, first, second = XAS(EDGES), XAS(EDGES), XAS(EDGES)
    for number in range(300):
        train = data.isel(train=number)
        bare = {"energy": float(train.energy), "i0": train.i0.values, "i1": train.i1.values}
        live.push(bare)
        (first if number % 3 else second).push(bare if number % 2 else train)
    merged = pickle.loads(pickle.dumps(first)).merge(second)
    for machine in (live, merged):
        spectrum = machine.value
        assert (spectrum.counts == offline.counts).all()
        np.testing.assert_allclose(spectrum.absorbance, offline.absorbance, rtol=1e-12)
        np.testing.assert_allclose(spectrum.error, offline.error, rtol=1e-8)
    assert merged.value.i0_units == "µJ"
    live.clear()
    assert live.value.counts.sum() == 0
    assert np.isnan(live.value.absorbance).all()


def test_machines_that_look_for_other_things_cannot_be_merged():
    for options in ({"i0_offset": 1.0}, {"i0_threshold": 5.0}, {"pulses": [1]}):
        with pytest.raises(ParameterError, match=next(iter(options))):
            XAS(EDGES).merge(XAS(EDGES, **options))
    with pytest.raises(ParameterError, match="same bins"):
        XAS(EDGES).merge(XAS(EDGES + 1))


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "electron yield"},
        {"error": "bootstrap"},
        {"i1_sign": 0},
        {"i0_offset": np.nan},
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(options):
    with pytest.raises(ParameterError):
        XAS(EDGES, **options)


def test_a_misspelt_name_gets_the_closest():
    with pytest.raises(NameNotFound, match="did you mean 'energy'"):
        xas(measured(20, 2), EDGES, energy="enrgy")
    with pytest.raises(NameNotFound, match="i0"):
        xas(measured(20, 2), EDGES, i0="xgm")


def test_data_that_do_not_fit_are_refused():
    data = measured(20, 4)
    bare = {name: data[name].values for name in ("energy", "i0", "i1")}
    for wrong in (
        bare | {"energy": bare["energy"][:-1]},
        bare | {"i1": bare["i1"][:, :-1]},
        bare | {"i1": bare["i1"][:, 0]},
        bare | {"i0": bare["i0"][None]},
        bare | {"i0": bare["i0"].astype(str)},
        {"energy": data.energy, "i0": data.i0, "i1": data.i1.assign_coords(train=data.train + 1)},
    ):
        with pytest.raises(DataError):
            xas(wrong, EDGES)


def test_no_pulse_left_says_why():
    data = measured(20, 4)
    with pytest.raises(DataError, match=r"80 outside the bins"):
        xas(data, EDGES + 5000)
    with pytest.raises(DataError, match=r"80 I0 too small.*Is I0 negative"):
        xas(data.assign(i0=-data.i0), 4)
    with pytest.raises(DataError, match="is a number"):
        xas(data.assign(energy=data.energy * np.nan), 4)


def test_a_bin_with_one_pulse_has_a_value_but_no_error():
    data = {"energy": np.array([1.0, 2.0]), "i0": np.ones((2, 1)), "i1": np.full((2, 1), 0.5)}
    spectrum = xas(data, 2)
    np.testing.assert_allclose(spectrum.absorbance, np.log(2))
    assert np.isnan(spectrum.error).all()
    assert spectrum.card().facts["bins"] == "2 of 2 filled"


def test_a_spectrum_shows_itself():
    spectrum = xas(measured(), EDGES)
    frame = spectrum.frame()
    assert len(frame) == 60
    np.testing.assert_array_equal(frame.absorbance, spectrum.absorbance)
    text = spectrum.card().text()
    for words in ("8300 … 8360 eV", "60 of 60", "48,000", "transmission"):
        assert words in text
    ax = spectrum.plot(counts=True, edge=spectrum.edge(), label="measured")
    line = ax.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), spectrum.energy)
    np.testing.assert_array_equal(line.get_ydata(), spectrum.absorbance)
    assert ax.get_xlabel() == "Photon energy (eV)"
    assert "ln" in ax.get_ylabel()
    assert any("edge" in text.get_text() for text in ax.get_legend().get_texts())
    plt.close(ax.figure)
    figure, given = plt.subplots()
    assert spectrum.plot(given, errors="bars") is given
    with pytest.raises(ParameterError):
        spectrum.plot(given, errors="stars")
    plt.close(figure)


def test_an_empty_spectrum_can_be_drawn():
    ax = XAS(EDGES).value.plot(counts=True)
    assert ax.get_xlabel()
    plt.close(ax.figure)
    assert isinstance(XAS(EDGES).value, Spectrum)
