"""Peak integration against the plain formula, whatever the numbers are stored as."""

import shutil
import subprocess
import sys
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

import beambook
from beambook.analysis import PeakWindow, check_window, integrate_peaks
from beambook.errors import DataError, ParameterError

WINDOW = PeakWindow(30, 50, 5, 25, period=60, npulses=4)


def traces(dtype="int16", trains=7, samples=300):
    return np.random.default_rng(3).integers(0, 900, (trains, samples)).astype(dtype)


def plain(rows, window, method="trapezoid"):
    """One pulse after another, as one would write it down."""
    areas = np.empty((len(rows), window.pulses))
    for pulse, shift in enumerate(window.shifts):
        peak = rows[:, window.start + shift : window.stop + shift].astype(float)
        base = rows[:, window.base_start + shift : window.base_stop + shift].astype(float)
        area = np.trapezoid(peak) if method == "trapezoid" else peak.sum(axis=1)
        width = peak.shape[1] - (method == "trapezoid")
        areas[:, pulse] = area - base.mean(axis=1) * width
    return areas


@pytest.mark.parametrize("method", ["trapezoid", "sum"])
@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "f4", "f8", ">i2", "uint8", "bool"])
def test_areas_are_those_of_the_formula(dtype, method):
    rows = traces(dtype)
    areas = integrate_peaks(rows, WINDOW, method=method)
    assert areas.dtype == np.float64
    np.testing.assert_allclose(areas, plain(rows, WINDOW, method), rtol=1e-6, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    start=st.integers(0, 60),
    width=st.integers(2, 40),
    base=st.integers(0, 60),
    base_width=st.integers(1, 40),
    period=st.integers(1, 40),
    npulses=st.integers(1, 5),
)
def test_any_regular_pattern(start, width, base, base_width, period, npulses):
    window = PeakWindow(
        start, start + width, base, base + base_width, period=period, npulses=npulses
    )
    rows = traces()
    np.testing.assert_allclose(integrate_peaks(rows, window), plain(rows, window), atol=1e-9)


def test_a_known_peak_has_its_area_and_its_sign():
    trace = np.full((1, 200), 140.0)
    trace[0, 100:104] -= [10, 30, 20, 5]
    window = PeakWindow(90, 115, 60, 85)
    assert integrate_peaks(trace, window) == pytest.approx(-65.0)
    assert integrate_peaks(trace, window, method="sum") == pytest.approx(-65.0)


def test_an_irregular_pattern_moves_both_windows():
    rows = traces()
    window = PeakWindow(30, 50, 5, 25, starts=[30, 31, 200, 77])
    np.testing.assert_allclose(integrate_peaks(rows, window), plain(rows, window), atol=1e-9)
    regular = PeakWindow(30, 50, 5, 25, starts=[30, 90, 150, 210])
    assert (integrate_peaks(rows, regular) == integrate_peaks(rows, WINDOW)).all()


def test_largest_samples_do_not_overflow():
    rows = np.full((1, 70_000), 65_535, dtype=np.uint16)
    rows[0, :100] = 0
    long = PeakWindow(100, 70_000, 0, 100)
    assert integrate_peaks(rows, long) == pytest.approx(65_535 * 69_899)


def test_nan_stays_in_its_own_pulse():
    rows = traces("f8")
    rows[2, 35] = np.nan  # peak of pulse 0
    rows[4, 70] = np.nan  # base of pulse 1
    areas = integrate_peaks(rows, WINDOW)
    assert list(zip(*np.nonzero(np.isnan(areas)), strict=True)) == [(2, 0), (4, 1)]


def test_strided_single_and_stacked_traces():
    rows = traces(trains=8)
    expected = plain(rows, WINDOW)
    assert np.allclose(integrate_peaks(rows[::2], WINDOW), expected[::2])
    assert np.allclose(integrate_peaks(np.asfortranarray(rows), WINDOW), expected)
    assert np.allclose(integrate_peaks(rows[0], WINDOW), expected[0])
    assert np.allclose(integrate_peaks(rows.reshape(2, 4, -1), WINDOW), expected.reshape(2, 4, -1))
    assert integrate_peaks(rows[:0], WINDOW).shape == (0, 4)


def test_threads_change_nothing():
    rows = traces(trains=400, samples=60_000)
    window = PeakWindow(30, 50, 5, 25, period=140, npulses=400)
    one = integrate_peaks(rows, window, threads=1)
    assert (integrate_peaks(rows, window, threads=3) == one).all()
    assert (integrate_peaks(rows, window) == one).all()


def test_labels_units_and_laziness_are_kept():
    rows = traces()
    labelled = xr.DataArray(
        rows,
        dims=("train", "sample"),
        coords={"train": np.arange(7) + 1000, "motor": ("train", np.arange(7.0))},
        name="mcp3",
        attrs={"units": "ADU"},
    )
    areas = integrate_peaks(labelled, WINDOW, pulses=[200, 204, 208, 212])
    assert areas.dims == ("train", "pulse")
    assert (areas.train == labelled.train).all()
    assert (areas.motor == labelled.motor).all()
    assert areas.pulse.values.tolist() == [200, 204, 208, 212]
    assert areas.attrs == {"units": "ADU·sample"}
    assert areas.name == "mcp3"
    assert np.allclose(areas, plain(rows, WINDOW))
    lazy = integrate_peaks(labelled.chunk(train=3, sample=100), WINDOW)
    assert isinstance(lazy.data, da.Array)
    assert np.array_equal(lazy.compute(), areas)


@pytest.mark.parametrize(
    ("window", "samples", "words"),
    [
        (PeakWindow(30, 50, 5, 25, period=60, npulses=9), 300, ["pulse 5", "350", "npulses=5"]),
        (PeakWindow(30, 50, 5, 25, starts=[30, 290, 40]), 300, ["pulse 1", "2 of 3 pulses"]),
        (PeakWindow(30, 50, 5, 25), 40, ["pulse 0", "0 of 1"]),
    ],
)
def test_a_window_beyond_the_trace_names_the_last_pulse_within(window, samples, words):
    with pytest.raises(ParameterError) as caught:
        integrate_peaks(np.zeros((2, samples)), window)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((50, 50, 5, 25), {}),
        ((30, 50, 25, 5), {}),
        ((-1, 20, 5, 25), {}),
        ((30, 50, 5, 25), {"npulses": 3}),
        ((30, 50, 5, 25), {"npulses": 0}),
        ((30, 50, 5, 25), {"npulses": 3, "period": -4}),
        ((30.5, 50, 5, 25), {}),
        (([30, 60], 50, 5, 25), {}),
        ((30, 50, 5, 25), {"starts": []}),
        ((30, 50, 5, 25), {"starts": [0, 100]}),
        ((30, 50, 5, 25), {"starts": [30, 90], "period": 60}),
        ((30, 50, 5, 25), {"starts": [30.5, 90]}),
    ],
)
def test_windows_that_make_no_sense_are_refused(arguments, options):
    with pytest.raises(ParameterError):
        PeakWindow(*arguments, **options)


def test_wrong_options_are_refused():
    for options in ({"method": "simpson"}, {"threads": 0}, {"pulses": [1]}):
        with pytest.raises(ParameterError):
            integrate_peaks(traces(), WINDOW, **options)
    with pytest.raises(ParameterError, match="2 samples"):
        integrate_peaks(traces(), PeakWindow(30, 31, 5, 25))
    with pytest.raises(ParameterError, match="complex"):
        integrate_peaks(traces().astype(complex), WINDOW)
    with pytest.raises(ParameterError, match="3 pulse ids for 4"):
        integrate_peaks(xr.DataArray(traces()), WINDOW, pulses=[1, 2, 3])


def test_the_plot_shades_the_windows_of_the_first_and_last_pulse():
    labelled = xr.DataArray(traces("f8"), dims=("train", "sample"), attrs={"units": "ADU"})
    labelled[3] = np.nan
    ax = check_window(labelled, WINDOW)
    first, last = ax.figure.axes
    assert first is ax
    for panel, shift in ((first, 0), (last, 180)):
        spans = sorted((p.get_x(), p.get_x() + p.get_width()) for p in panel.patches)
        assert spans == [(5 + shift, 24 + shift), (30 + shift, 49 + shift)]
        samples, mean = panel.lines[0].get_data()
        assert np.allclose(mean, np.nanmean(labelled.values, axis=0)[samples.astype(int)])
    assert ax.get_xlabel() == "sample"
    assert "ADU" in ax.get_ylabel()
    plt.close(ax.figure)


def test_the_plot_of_one_pulse_goes_where_it_is_told():
    figure, ax = plt.subplots()
    assert check_window(traces(), WINDOW, ax, pulse=-1) is ax
    assert "pulse 3" in ax.get_title()
    plt.close(figure)
    with pytest.raises(ParameterError, match="No pulse 4"):
        check_window(traces(), WINDOW, pulse=4)
    with pytest.raises(DataError):
        check_window(traces()[:0], WINDOW)
    with pytest.raises(DataError, match="NaN"):
        check_window(np.full((2, 300), np.nan), WINDOW)


def test_a_card_says_what_the_window_is():
    text = WINDOW.card().text()
    for words in ("20 samples from 30", "20 samples from 5", "4, period 60", "230 samples"):
        assert words in text


def test_where_nothing_can_be_written_it_still_runs(tmp_path):
    package = tmp_path / "beambook"
    source = Path(beambook.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "analysis" / "__pycache__").write_text("a file where the cache would be")
    code = (
        "import numpy as np; from beambook.analysis import PeakWindow, integrate_peaks, xas;"
        "print(integrate_peaks(np.ones((1, 99)), PeakWindow(50, 60, 1, 20)));"
        "x = np.ones((3, 4)); print(xas({'energy': x[:, 0], 'i0': x, 'i1': x}, 1).absorbance)"
    )
    result = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", code],
        env={"PYTHONPATH": str(tmp_path), "HOME": "/proc/nobody", "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split() == ["[[0.]]", "[0.]"], result.stderr


def test_a_second_process_does_not_compile_again(tmp_path):
    code = (
        "import time, numpy as np; from beambook.analysis import PeakWindow, integrate_peaks;"
        "from beambook.analysis._peaks_kernel import integrate_block;"
        "integrate_peaks(np.ones((1, 99)), PeakWindow(50, 60, 1, 20));"
        "print(sum(integrate_block.stats.cache_hits.values()))"
    )
    counts = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={"NUMBA_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert counts == ["0", "1"]
