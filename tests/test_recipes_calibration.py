"""Recipes that correct runs, against the truth about runs that were made."""

import hashlib
import json
import re
import shutil
import warnings

import h5py
import numpy as np
import pytest
from extra.calibration import CalibrationData
from extra_data import RunDirectory
from extra_data.components import AGIPD1M, JUNGFRAU, LPD1M
from extra_data.validation import RunValidator

import beambook as bb
from beambook import calibration as cal
from beambook.recipe import Pipeline, Recipe, execute, perform, resume
from beambook.testing import HalfWrittenFile, TruncatedFile, make_run
from beambook.testing._detector.truth import photons, truth_of

RUN, FRAMES, TRAINS = 9, 6, 12
KEV = 9.2
BEFORE = "2026-03-09T12:00:00+00:00"
DETECTORS = {
    "AGIPD1M": ("agipd-correct", AGIPD1M, "image.data", 0),
    "LPD1M": ("lpd-correct", LPD1M, "image.data", 0),
    "JUNGFRAU": ("jungfrau-correct", JUNGFRAU, "data.adc", 1),
}
KEYS = ("data", "gain", "mask")


def constants_of(kind, truth):
    """The truth under the names of constants, so that the result is in keV."""
    if kind == "JUNGFRAU":
        return {
            "Offset10Hz": truth.offset,
            "BadPixelsDark10Hz": truth.bad_pixels,
            "RelativeGain10Hz": truth.gain / KEV,
        }
    dark = {"Offset": truth.offset, "Noise": truth.noise, "BadPixelsDark": truth.bad_pixels}
    if kind == "LPD1M":
        with np.errstate(divide="ignore"):  # dead pixels
            return dark | {"RelativeGain": np.float32(KEV) / truth.gain}
    slopes = np.zeros((10, *truth.offset.shape[1:]), "f4")
    slopes[0], slopes[3] = truth.relative_gain[1], 1
    lit = {"SlopesPC": slopes, "SlopesFF": truth.gain[0] / KEV}
    return dark | {"ThresholdsDark": truth.thresholds, **lit}


def fill_store(home, kind, modules, cells):
    """Inject the truth about some modules as constants."""
    files = cal.raw_files(home / f"raw/r{RUN:04d}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bb.DataWarning)  # of files that are damaged on purpose
        run = bb.open_run(home / f"raw/r{RUN:04d}")
    conditions = cal.conditions_of(run, files.detector)
    store = cal.Constants(home / "usr/constants")
    for number in modules:
        for name, array in constants_of(kind, truth_of(kind, number, cells=cells)).items():
            store.inject(
                name, array, detector=files.detector, module=files.modules[number],
                physical_name=f"{kind}_M{number}", conditions=conditions, begin=BEFORE,
            )  # fmt: skip


def check_against_truth(run, kind, number, *, cells, trains, scale=1.0):
    """Gain stages and photons are right, planted pixels masked and no others."""
    truth = truth_of(kind, number, cells=cells)
    detector = run.detector(raw=False, modules=[number])
    keys = detector.kind.main_key, detector.kind.mask_key
    gain_key = f"{keys[0].partition('.')[0]}.gain"
    for place in (0, trains // 3):
        read = detector[keys[0]][place : place + 1].ndarray()
        data, gain, mask = (
            detector[key][place : place + 1].ndarray().reshape(cells, *read.shape[-2:])
            for key in (keys[0], gain_key, keys[1])
        )
        seen = photons(
            kind, number, run=RUN, train=place, trains=trains, pulses=cells, frames=cells
        )
        good = np.broadcast_to(truth.good, mask.shape)
        assert (gain == seen.gain)[good].mean() >= 0.999
        high = good & (seen.gain == 0)
        assert (np.rint(data / scale) == seen.photons)[high].mean() >= 0.999
        medium = good & (seen.gain == 1)
        ratio = data[medium] / scale / seen.photons[medium]
        assert np.median(ratio) == pytest.approx(1, abs=0.01)
        assert (mask[~good] != 0).all()
        assert (mask[good] == 0).mean() > 0.9999


def digests(folder):
    """Of all pixels in corrected files."""
    found = {}
    for path in sorted(folder.glob("CORR-*.h5")):

        def note(name, item, path=path):
            if isinstance(item, h5py.Dataset) and not name.startswith("METADATA"):
                found[path.name, name] = hashlib.sha256(item[()].tobytes()).digest()

        with h5py.File(path) as file:
            file.visititems(note)  # which ends when anything is given back
    assert found
    return found


# --- a whole pipeline, in which things go wrong -------------------------------------


@pytest.fixture(scope="module")
def proposal(tmp_path_factory):
    """Module 1 has a truncated and a half-written file; there are no constants of module 2."""
    home = tmp_path_factory.mktemp("facility") / "MID/202631/p900074"
    make_run(
        home / f"raw/r{RUN:04d}", run=RUN, agipd=3, frames=FRAMES, pulses=FRAMES, trains=TRAINS,
        sequences=2, camera=None,
        faults=[TruncatedFile("AGIPD01", 1), HalfWrittenFile("AGIPD01", 0, keep=0.5)],
    )  # fmt: skip
    fill_store(home, "AGIPD1M", (0, 1), FRAMES)
    return home


VALUES = {"run": RUN, "rel_gain": True, "xray_gain": True, "round_photons": True,
          "photon_energy": KEV}  # fmt: skip


@pytest.fixture(scope="module")
def performance(proposal, tmp_path_factory):
    into = tmp_path_factory.mktemp("executions")
    return perform("agipd-correct", VALUES | {"proposal": proposal}, runner="local", into=into)


@pytest.fixture(scope="module")
def corrected(proposal, performance):
    assert performance.status == "done", performance.problems()
    return proposal / f"proc/r{RUN:04d}"


def test_photons_and_gain_stages_are_those_that_were_made(corrected):
    run = bb.open_run(corrected, include="CORR-*AGIPD00*")
    check_against_truth(run, "AGIPD1M", 0, cells=FRAMES, trains=TRAINS)


def test_what_could_not_be_corrected_is_named_and_the_rest_is_there(corrected, performance):
    names = [path.name for path in sorted(corrected.glob("CORR-*"))]
    assert names == [f"CORR-R0009-{name}.h5" for name in
                     ("AGIPD00-S00000", "AGIPD00-S00001", "AGIPD01-S00000")]  # fmt: skip
    problems = "\n".join(performance.problems())
    assert "AGIPD01 S00001 cannot be read" in problems
    assert "truncated" in problems
    assert "AGIPD02 is not corrected, it has no Offset" in problems
    assert "incomplete in the raw file" in problems
    assert "no files of modules 3, 4" in problems
    results = performance.results()
    assert results["parts done"]["value"] == 3
    assert results["frames corrected"]["value"] < results["frames in raw files"]["value"]
    assert results["frames without a reason"]["value"] == 0


def test_extra_data_accepts_the_folder_and_finds_the_run_in_it(corrected):
    RunValidator(str(corrected)).validate()
    run = RunDirectory(str(corrected))
    assert "SA2_XTD1_XGM/XGM/DOOCS" in run.control_sources
    assert sorted(AGIPD1M(run, raw=False).modno_to_source) == [0, 1]
    assert run["MID_DET_AGIPD1M-1/CORR/0CH0:output", "image.data"].units == "photons"
    ours = bb.open_run(corrected, include="CORR-*").detector(raw=False)
    assert ours["image.data"].units == "photons"


def test_extra_reads_which_constants_were_used(corrected):
    path = corrected / "calibration_metadata.yml"
    used = CalibrationData.from_correction(path, use_calcat=False)
    assert used["Offset", "AGIPD00"].ndarray("/").shape == (3, FRAMES, 512, 128)
    metadata = cal.read_metadata(corrected)
    assert metadata.configuration["common_mode"] is True
    assert [job["State"] for job in metadata.runtime["calibration-jobs"]] == ["DONE"] * 3


def test_all_files_in_one_notebook_give_the_same_numbers(proposal, corrected, tmp_path):
    alone = execute(
        "agipd-correct",
        VALUES | {"proposal": proposal, "metadata_folder": corrected, "out_folder": tmp_path / "o",
                  "skip_plots": True, "n_cores_correct": 1},
        into=tmp_path,
    )  # fmt: skip
    assert alone.status == "done", alone.error_line
    assert len(alone.results["problems"]["value"]) == 4
    assert digests(tmp_path / "o") == digests(corrected)


def test_what_is_there_already_is_not_written_over_unasked(proposal, corrected, tmp_path):
    values = {"proposal": proposal, "run": RUN, "overwrite": False}
    again = execute("calibration-prepare", values, into=tmp_path)
    assert "3 of these files have been corrected" in again.error_line


def test_files_of_an_earlier_correction_are_called_so(proposal, corrected, performance, tmp_path):
    parts = json.loads((performance.path / "parts/parts.json").read_text())
    now = [part for part in parts if part["values"]["modules"] == [0]]
    (tmp_path / "parts.json").write_text(json.dumps(now))
    shutil.copy(corrected / "calibration_metadata.yml", tmp_path)  # the summary writes to it
    values = {"proposal": proposal, "run": RUN, "parts_folder": tmp_path, "frames_per_module": 1}
    done = execute("agipd-summary", values | {"metadata_folder": tmp_path}, into=tmp_path)
    assert done.status == "done", done.error_line
    (problem,) = done.results["problems"]["value"]
    assert "1 of the files in" in problem
    assert problem.endswith("of an earlier correction, and so is what they show here: "
                            "CORR-R0009-AGIPD01-S00000.h5")  # fmt: skip


def test_what_goes_on_uses_its_own_constants_whatever_was_corrected_meanwhile(
    proposal, corrected, performance, tmp_path
):
    interrupted = tmp_path / performance.path.name
    shutil.copytree(performance.path, interrupted)
    own = next((interrupted / "before").glob("*/calibration_metadata.yml"))
    own.write_text(own.read_text().replace("prepared-by: ", "prepared-by: copy-of-"))
    shutil.rmtree(interrupted / "parts/AGIPD01-S00000")  # as if it had been killed before it
    for status in interrupted.glob("batch/**/status.json"):
        status.unlink()
    values = {"proposal": proposal, "run": RUN, "modules": [0]}
    assert execute("calibration-prepare", values, into=tmp_path / "e").status == "done"
    assert list(cal.read_metadata(corrected).retrieved) == ["AGIPD00"]
    done = resume(interrupted)
    assert done.status == "done", done.problems()
    written = cal.read_metadata(corrected).others["prepared-by"]
    assert written.startswith("copy-of-")  # its own, where it is now
    assert any("Another correction was started into" in line for line in done.problems())
    assert "Another correction" not in "".join(performance.problems())
    assert {"AGIPD00", "AGIPD01"} < set(cal.read_metadata(corrected).retrieved)


# --- other detectors -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["LPD1M", "JUNGFRAU"])
def test_other_detectors_are_corrected_to_the_photons_that_were_made(kind, tmp_path):
    recipe, component, key, number = DETECTORS[kind]
    cells, trains = (4, 6) if kind == "LPD1M" else (1, 4)
    home = tmp_path / "MID/202631/p900074"
    option = {"lpd": 1} if kind == "LPD1M" else {"jungfrau": 1}
    make_run(
        home / f"raw/r{RUN:04d}", run=RUN, frames=cells, pulses=cells, trains=trains, camera=None,
        **option,
    )  # fmt: skip
    fill_store(home, kind, (number,), cells)
    values = {"run": RUN, "proposal": home}
    for name, more in ("calibration-prepare", {}), (recipe, {"skip_plots": kind == "JUNGFRAU"}):
        done = execute(name, values | more, into=tmp_path)
        assert done.status == "done", done.error_line
    folder = home / f"proc/r{RUN:04d}"
    RunValidator(str(folder)).validate()
    assert component(RunDirectory(str(folder)), raw=False).get_array(key).shape[1] == trains
    run = bb.open_run(folder, include="CORR-*")
    check_against_truth(run, kind, number, cells=cells, trains=trains, scale=KEV)


def test_the_three_gains_of_an_lpd_become_one_frame(tmp_path):
    """In parallel gain: no pixel has to switch, and what the highest gain holds is taken."""
    home, cells, trains = tmp_path / "FXE/202631/p900074", 4, 5
    make_run(
        home / f"raw/r{RUN:04d}", run=RUN, frames=cells, pulses=cells, trains=trains, camera=None,
        lpd=1, parallel_gain=True,
    )  # fmt: skip
    fill_store(home, "LPD1M", (0,), cells)
    values = {"run": RUN, "proposal": home}
    for name in ("calibration-prepare", "lpd-correct"):
        done = execute(name, values, into=tmp_path)
        assert done.status == "done", done.error_line
    assert done.results["frames"]["value"] == cells * trains
    assert done.results["frames without a reason"]["value"] == 0
    folder = home / f"proc/r{RUN:04d}"
    RunValidator(str(folder)).validate()
    corrected = bb.open_run(folder, include="CORR-*").detector(raw=False)
    truth = truth_of("LPD1M", 0, cells=cells)
    for train in range(trains):
        read = {key: corrected[f"image.{key}"][train : train + 1].ndarray()[0] for key in KEYS}
        seen = photons("LPD1M", 0, run=RUN, train=train, trains=trains, pulses=cells, frames=cells)
        good = np.broadcast_to(truth.good, read["mask"].shape)
        high = good & (read["gain"] == 0)
        assert (np.rint(read["data"] / KEV) == seen.photons)[high].mean() >= 0.999
        lower = good & (read["gain"] > 0)
        assert seen.photons[lower].min() > np.median(seen.photons[high])
        assert np.median(read["data"][lower] / KEV / seen.photons[lower]) == pytest.approx(
            1, abs=0.01
        )
        assert (read["mask"][~good] != 0).all()


def test_without_any_constants_nothing_is_corrected_and_the_reason_is_said(tmp_path):
    home = tmp_path / "MID/202631/p900074"
    make_run(home / f"raw/r{RUN:04d}", run=RUN, agipd=1, frames=1, trains=2, camera=None)
    done = execute("calibration-prepare", {"run": RUN, "proposal": home}, into=tmp_path)
    assert done.status == "failed"
    assert "Offset" in done.error_line
    assert "no module can be corrected" in done.error_line


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cm_dark_range": [30, -30]}, "cm_dark_range=.* the lower first"),
        ({"modules": [17]}, r"no module \[17\]"),
        ({"modules": [5]}, r"No files of modules \[5\].* there are modules 0, 1, 2, seq"),
        ({"sequences": [9]}, r"sequences \[9\] in .*sequences 0, 1"),
        ({"karabo_id": "SPB_DET_AGIPD1M-1"}, "No files of SPB_DET_AGIPD1M-1"),
        ({"run": 99}, "no run r0099"),
    ],
)
def test_what_no_part_could_work_with_is_a_mistake_before_any(values, words, proposal, tmp_path):
    done = perform("agipd-correct", {"run": RUN, "proposal": proposal} | values, into=tmp_path)
    assert done.asked.refused
    assert not done.outcomes()
    assert re.search(words, done.problems()[0])


@pytest.mark.parametrize(
    ("kind", "asked", "word"),
    [
        ("AGIPD", {"cm_dark_range": [30, -30]}, "cm_dark_range"),
        ("AGIPD", {"round_photons": True}, "photon_energy"),
        ("AGIPD", {"max_pulses": [0, 10, 0]}, "max_pulses"),
        ("LPD", {"parallel_gain_limit": 0}, "parallel_gain_limit"),
        ("LPD", {"recast_image_data": "flaot"}, "flaot"),
        ("JUNGFRAU", {"replace_wrong_gain_value": 3}, "replace_wrong_gain_value"),
    ],
)
def test_options_that_cannot_work(kind, asked, word):
    with pytest.raises(bb.errors.ParameterError, match=word):
        cal.check_options(kind, asked)
    cal.check_options(kind, {"run": 9, "gain_mode": -1, "rel_gain": None, "max_pulses": [0, 9, 1]})


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(bb.errors.ParameterError, match=r"Not a directory.*another out_folder"):
        cal.check_writable(tmp_path / "file/proc/r0009", "out_folder")
    cal.check_writable(tmp_path / "proc/r0009", "out_folder")
    assert not (tmp_path / "proc").exists(), "nothing is left where nothing is done in the end"


@pytest.mark.parametrize("name", ["agipd", "lpd", "jungfrau"])
@pytest.mark.parametrize("value", [{"chunk_size": -3}, {"max_memory": 0}])
def test_ranges_are_declared(name, value):
    with pytest.raises(bb.errors.ParameterError, match=next(iter(value))):
        Pipeline.of(Recipe.find(f"{name}-correct")).check({"run": RUN} | value)


@pytest.mark.parametrize("recipe", ["lpd-correct", "jungfrau-correct"])
def test_a_run_of_another_detector_is_refused_before_any_part(recipe, tmp_path):
    home = tmp_path / "MID/202631/p900074"
    make_run(home / f"raw/r{RUN:04d}", run=RUN, agipd=1, frames=1, trains=2, camera=None)
    fill_store(home, "AGIPD1M", [0], 1)
    done = perform(recipe, {"run": RUN, "proposal": home}, into=tmp_path)
    assert done.status == "failed"
    assert not done.outcomes()
    kind = recipe.partition("-")[0].upper()
    assert f"detector_kind: 'AGIPD' is not one of '{kind}'" in " ".join(done.problems())
