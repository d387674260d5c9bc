"""What the run contains is what the truth says, within the errors of counting."""

import csv

import extra_data
import numpy as np
import pytest
from scipy import stats

from beambook.errors import DataError, ParameterError
from beambook.testing import Physics, make_run, read_xdi
from beambook.testing._beam import energy_sweep

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MONO = "MID_OPT_MONO/MDL/PHOTON_ENERGY"
ADC = "MID_EXP_FASTADC/ADC/MCP"
BUNCHES = "MID_RR_UTC/TSYS/TIMESERVER:outputBunchPattern"
QUIET = Physics(
    drift=0,
    i0_noise=0,
    i0_offset=0,
    i1_noise=0,
    i1_offset=0,
    mcp_gain=20,  # so that rounding to whole counts hardly matters
    adc_noise=0,
    readback_noise=0,
)


def read(run, source, key):
    return extra_data.RunDirectory(run, parallelize=False)[source, key].ndarray()


def peaks(run):
    return read(run, f"{ADC}:channel_3.output", "data.peaks").astype(float)


def truth(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    facts = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return facts, {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    run = make_run(
        folder / "r0001",
        spectrum="Cu",
        trains=400,
        pulses=60,
        camera=None,
        truth=folder / "truth.csv",
    )
    return run, folder / "truth.csv"


def test_absorbance_is_the_truth_within_its_errors(scan):
    run, path = scan
    facts, columns = truth(path)
    i0 = read(run, XGM, "data.intensityTD")[:, :60].astype(float) - 12
    i1 = -(peaks(run) + 8)
    assert (float(facts["i0_offset"].split()[0]), float(facts["i1_offset"].split()[0])) == (12, -8)
    energy = read(run, MONO, "targetEnergy")
    expected = i0 * np.exp(-np.interp(energy, columns["energy_eV"], columns["absorbance"]))[:, None]
    bins = np.linspace(energy.min(), energy.max() + 1e-6, 41)
    place = np.digitize(energy, bins) - 1
    pulls = []
    for each in range(40):
        difference = (i1 - expected)[place == each].ravel()
        pulls.append(difference.sum() / (difference.std() * np.sqrt(difference.size)))
    # Forty standard normal numbers: their sum of squares follows a χ² law.
    assert 0.001 < stats.chi2.sf(np.square(pulls).sum(), 40) < 0.999


def test_edge_of_the_data_is_the_edge_of_the_truth(scan):
    run, path = scan
    facts, _ = truth(path)
    energy = read(run, MONO, "actualEnergy")
    i0 = read(run, XGM, "data.intensityTD")[:, :60].astype(float) - 12
    i1 = -(peaks(run) + 8)
    bins = np.arange(energy.min(), energy.max(), 0.75)
    sums = [
        stats.binned_statistic(energy, x, "sum", bins).statistic for x in (i0.sum(1), i1.sum(1))
    ]
    edge = bins[1:-1][np.diff(-np.log(sums[1] / sums[0])).argmax()]
    assert edge == pytest.approx(float(facts["edge_energy_eV"]), abs=0.75)


def test_pulse_energies_follow_the_gamma_law(tmp_path):
    physics = Physics(drift=0, i0_noise=0, i0_offset=0, modes=4, i0_mean=700)
    run = make_run(tmp_path / "r", trains=50, pulses=200, camera=None, physics=physics)
    table = read(run, XGM, "data.intensityTD")
    i0 = table[:, :200].ravel()
    assert stats.kstest(i0, stats.gamma(4, scale=700 / 4).cdf).pvalue > 0.01
    assert (table[:, 200:] == 1).all()
    assert (read(run, XGM, "data.intensitySa2TD") == table).all()


def test_suppressed_pulses_give_the_stated_part_of_the_light(tmp_path):
    physics = Physics(drift=0, i0_noise=0, i0_offset=0, suppression=0.05)
    options = {"trains": 50, "pulses": 100, "camera": None, "physics": physics}
    run = make_run(tmp_path / "r", suppressed=40, **options)
    i0 = read(run, XGM, "data.intensityTD")[:, :100]
    assert i0[:, 60:].mean() / i0[:, :60].mean() == pytest.approx(0.05, rel=0.05)


def test_xgm_adds_its_offset_and_noise(tmp_path):
    options = {"trains": 20, "pulses": 100, "camera": None}
    still = make_run(tmp_path / "a", physics=QUIET, **options)
    noisy = make_run(
        tmp_path / "b", physics=Physics(drift=0, i0_noise=0.03, i0_offset=25), **options
    )
    i0 = read(still, XGM, "data.intensityTD")[:, :100].ravel()
    fit = np.polyfit(i0, read(noisy, XGM, "data.intensityTD")[:, :100].ravel(), 1)
    assert fit == pytest.approx([1, 25], abs=5)
    assert fit[0] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("step", [2, 4, 9])
def test_without_noise_the_peaks_are_the_transmitted_pulses(tmp_path, step):
    run = make_run(tmp_path / "r", trains=8, pulses=20, pulse_step=step, physics=QUIET)
    i0 = read(run, XGM, "data.intensityTD")[:, :20]
    absorbance = read_xdi("Ni").at(read(run, MONO, "targetEnergy"))
    # Only rounding to whole counts is left: at most half a count in 18 samples and the base.
    i1 = i0 * np.exp(-absorbance)[:, None]
    assert -peaks(run) / 20 == pytest.approx(i1, abs=18 / 20)


def test_firmware_integration_is_what_its_settings_say(tmp_path):
    run = make_run(tmp_path / "r", trains=4, pulses=7, mcp_pulses=5)
    told = {
        key: int(read(run, ADC, f"channel_3.{key}")[0])
        for key in ("initialDelay", "peakSamples", "baseStart", "baseStop", "pulsePeriod")
    }
    raw = read(run, f"{ADC}:channel_3.output", "data.rawData")
    assert raw.dtype == np.int16
    assert peaks(run).shape == (4, 5)
    for pulse in range(5):
        start = told["initialDelay"] + pulse * told["pulsePeriod"]
        base = slice(told["baseStart"] + pulse * 96, told["baseStop"] + pulse * 96)
        area = raw[:, start : start + told["peakSamples"]].sum(1)
        level = raw[:, base].mean(1)
        assert peaks(run)[:, pulse] == pytest.approx(area - told["peakSamples"] * level)


def test_baseline_of_the_traces_drifts_from_train_to_train(tmp_path):
    run = make_run(tmp_path / "r", trains=100, pulses=2)
    base = read(run, f"{ADC}:channel_3.output", "data.rawData")[:, :90]
    assert base.mean(1).std() == pytest.approx(15, rel=0.3)
    assert base.std(1).mean() == pytest.approx(1, rel=0.1)


def test_bunch_pattern_is_read_by_the_facilitys_package(tmp_path):
    from euxfel_bunch_pattern import indices_at_sase

    run = make_run(tmp_path / "r", trains=3, pulses=11, first_pulse=300, pulse_step=5)
    table = read(run, BUNCHES, "data.bunchPatternTable")
    assert table.shape == (3, 2700)
    for train in table:
        assert indices_at_sase(train, 2).tolist() == list(range(300, 355, 5))
        assert len(indices_at_sase(train, 1)) == len(indices_at_sase(train, 3)) == 25


def test_sweeps_cross_the_range_up_and_down():
    energy, number = energy_sweep(100, 10.0, 20.0, passes=2)
    assert (np.diff(energy[:50]) > 0).all()
    assert (np.diff(energy[51:]) < 0).all()
    assert (energy.min(), energy.max()) == pytest.approx((10.0, 20.0), abs=0.2)
    assert np.diff(np.sort(energy)) == pytest.approx(0.1)  # no energy twice
    assert np.bincount(number).tolist() == [50, 50]
    steps, _ = energy_sweep(400, 10.0, 20.0, sweep="steps", passes=1)
    assert len(np.unique(steps)) == 41


def test_default_range_is_the_edge_and_readback_has_noise(tmp_path):
    run = make_run(tmp_path / "r", trains=200, pulses=1)
    edge = read_xdi("Ni").edge_energy
    true, actual = read(run, MONO, "targetEnergy"), read(run, MONO, "actualEnergy")
    assert (true.min(), true.max()) == pytest.approx((edge - 30, edge + 90), abs=0.7)
    assert (actual - true).std() == pytest.approx(0.01, rel=0.2)


def test_dichroism_follows_the_sign_of_the_magnet_current(tmp_path):
    def dichroism(energy):
        return 0.3 * np.exp(-(((energy - 8335) / 4) ** 2))

    run = make_run(
        tmp_path / "r",
        trains=120,
        pulses=20,
        dichroism=dichroism,
        physics=QUIET,
        truth=tmp_path / "truth.csv",
    )
    current = read(run, "MID_EXP_MAGNET/PSU/SUPPLY", "actualCurrent")
    assert (np.abs(current) > 2.9).all()
    assert (current > 0).sum() == 60
    energy = read(run, MONO, "targetEnergy")
    _, columns = truth(tmp_path / "truth.csv")
    i0 = read(run, XGM, "data.intensityTD")[:, :20].sum(1)
    measured = -np.log(-peaks(run).sum(1) / i0 / 20)
    mean = np.interp(energy, columns["energy_eV"], columns["absorbance"])
    half = dichroism(energy) / 2
    assert measured == pytest.approx(mean + np.sign(current) * half, abs=0.01)
    assert columns["dichroism"].max() == pytest.approx(0.3, rel=0.02)


def test_thickness_multiplies_the_absorbance(tmp_path):
    make_run(tmp_path / "r", trains=2, pulses=1, thickness=0.5, truth=tmp_path / "t.csv")
    _, columns = truth(tmp_path / "t.csv")
    expected = 0.5 * read_xdi("Ni").at(columns["energy_eV"])
    assert columns["absorbance"] == pytest.approx(expected)


def test_a_spectrum_of_ones_own(tmp_path):
    energy = np.linspace(500, 600, 51)
    absorbance = np.where(energy < 550, 0.1, 1.1)
    run = make_run(
        tmp_path / "r",
        spectrum=(energy[::-1], absorbance[::-1]),
        energy_range=(510, 590),
        trains=10,
        pulses=5,
        physics=QUIET,
    )
    true = read(run, MONO, "targetEnergy")
    assert 510 <= true.min() < true.max() <= 590
    i0 = read(run, XGM, "data.intensityTD")[:, :5].sum(1)
    measured = -np.log(-peaks(run).sum(1) / i0 / 20)
    assert measured == pytest.approx(np.interp(true, energy, absorbance), abs=0.01)
    with pytest.raises(DataError, match="no absorption edge"):
        make_run(tmp_path / "s", spectrum=(energy, np.ones(51)))
    with pytest.raises(DataError, match="not finite"):
        make_run(tmp_path / "s", spectrum=(energy, np.full(51, np.nan)))
    with pytest.raises(DataError, match="twice"):
        make_run(tmp_path / "s", spectrum=([1, 1, 2], [1, 2, 3]))


def test_no_sample_and_no_beam(tmp_path):
    run = make_run(tmp_path / "r", spectrum=None, pulses=0, trains=30)
    assert (read(run, XGM, "data.intensityTD") == 1).all()
    assert peaks(run).shape == (30, 1)
    assert peaks(run).mean() == pytest.approx(-8, abs=4)
    run = make_run(tmp_path / "s", spectrum=None, trains=30, pulses=10, physics=QUIET)
    i0 = read(run, XGM, "data.intensityTD")[:, :10]
    assert -peaks(run).sum() / 20 == pytest.approx(i0.sum(), rel=0.001)


@pytest.mark.parametrize("wrong", [{"modes": 0}, {"i0_noise": -1}, {"i1_offset": np.inf}])
def test_impossible_physics_is_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Physics(**wrong)


def test_same_seed_same_numbers(tmp_path):
    def bytes_of(name, **options):
        run = make_run(tmp_path / name, trains=9, pulses=4, agipd=1, frames=2, **options)
        return {path.name: path.read_bytes() for path in run.iterdir()}

    assert bytes_of("a", seed=5) == bytes_of("b", seed=5)
    first, second = bytes_of("c", seed=5), bytes_of("d", seed=6)
    assert all(first[name] != second[name] for name in first)


def test_options_of_one_source_leave_the_others_alone(tmp_path):
    one = make_run(tmp_path / "a", trains=6, pulses=4)
    two = make_run(tmp_path / "b", trains=6, pulses=4, agipd=1, frames=1, extra_motors=3)
    assert (read(one, XGM, "data.intensityTD") == read(two, XGM, "data.intensityTD")).all()
    assert (peaks(one) == peaks(two)).all()
