"""Runs opened by proposal and number: their name, their aliases, what is beside the data."""

import extra_data as theirs
import numpy as np
import pytest
import yaml

import beambook as bb
import beambook.extra_data as ours
from beambook.extra_data.components import AGIPD1M
from beambook.extra_data.file_access import FileAccess
from beambook.testing import make_run

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
NAMES = {
    "xgm": {"source": XGM, "key": "data.intensityTD", "pulses": "sase2", "fill": 1},
    "sample_x": [MOTOR, "actualPosition"],
}


@pytest.fixture
def proposal(tmp_path):
    folder = tmp_path / "MID" / "202631" / "p900074"
    make_run(folder / "raw" / "r0487", trains=6, pulses=4, agipd=2, frames=3)
    (folder / "usr").mkdir()
    (folder / "usr" / "beambook-aliases.yml").write_text(yaml.safe_dump(NAMES))
    return folder


def test_aliases_of_the_proposal_are_known(proposal):
    run = ours.open_run(proposal, 487)
    assert run.alias["xgm"].key == "data.intensityTD"
    native = run.__beambook__()
    assert native.name == "p900074 r0487"
    assert native["xgm"].alias.pulses == "sase2"
    assert {"train", "pulse"} <= set(native.aligned("sample_x", i0="xgm").sizes)
    with run:
        assert run.all_sources
    assert not ours.open_run(proposal, 487, aliases=None)._aliases


def test_names_that_a_notebook_gives_count_before_those_of_our_file(proposal):
    file = proposal / "usr" / "extra-data-aliases.yml"
    file.write_text(yaml.safe_dump({"xgm": MOTOR, "sample-x": [MOTOR, "actualPosition"]}))
    run = ours.open_run(proposal, 487)
    assert run.alias["xgm"].source == MOTOR
    assert set(run._aliases) == {"xgm", "sample-x"}
    file.unlink()
    run = ours.open_run(proposal, 487)
    assert run.with_aliases({"XGM": MOTOR}).alias["xgm"].source == MOTOR
    named = run.with_aliases({"xgm": (XGM, "data.intensityTD")})
    assert named.__beambook__().aliases["xgm"].pulses == "sase2"
    assert named.only_aliases().all_sources == {XGM}
    assert run.only_aliases().all_sources == {XGM, MOTOR}
    with pytest.raises(ValueError, match="conflicting"):
        named.with_aliases({"gas": XGM}).with_aliases({"gas": MOTOR})


@pytest.mark.filterwarnings("ignore")
def test_select_knows_no_aliases(proposal):
    for library in (theirs, ours):
        run = library.open_run(proposal, 487).with_aliases({"x": (MOTOR, "actualPosition")})
        for chosen in ([("x", "actualPosition")], "x", ["x"], [("x", "*")]):
            with pytest.raises(ValueError, match=r"[Nn]o match"):
                run.select(chosen)
            with pytest.raises(ValueError, match=r"[Nn]o match"):
                run.deselect(chosen)
        assert run.alias.select(["x"]).all_sources == {MOTOR}
        assert run.select(MOTOR).alias["x"].source == MOTOR


def test_trains_by_choices_of_extra_data(proposal):
    run = ours.open_run(proposal, 487)
    ids = [int(i) for i in run.train_ids]
    for thing in (run, run[XGM], run[XGM, "data.intensityTD"]):
        assert list(thing[theirs.by_id[ids[1] : ids[3]]].train_ids) == ids[1:3]
        assert list(thing.select_trains(theirs.by_index[-2:]).train_ids) == ids[-2:]


def test_labels_as_extra_data_has_them(proposal):
    run = ours.open_run(proposal, 487)
    assert run.train_timestamps(labelled=True).index.name == "trainId"
    assert AGIPD1M(run).get_array("image.data").name is None
    assert AGIPD1M(run).get_array("image.cellId").name is None
    assert AGIPD1M(run)["image.data"].dask_array(labelled=True).name is None


@pytest.mark.filterwarnings("ignore")
def test_sources_beside_the_data_of_a_file(tmp_path):
    from extra_data.tests.make_examples import make_reduced_spb_run

    make_reduced_spb_run(tmp_path, format_version="1.3")
    seen = 0
    for path in sorted(tmp_path.glob("*.h5")):
        mine, other = FileAccess(path), theirs.FileAccess(str(path))
        assert mine.reduction_sources == other.reduction_sources
        assert mine.errata_sources == other.errata_sources
        for source in other.reduction_sources | other.errata_sources:
            seen += 1
            assert mine.get_keys(source) == other.get_keys(source)
            for group in {key.partition(".")[0] for key in mine.get_keys(source)}:
                for a, b in zip(mine.get_index(source, group), other.get_index(source, group),
                                strict=True):  # fmt: skip
                    np.testing.assert_array_equal(a, b)
    assert seen


def test_folder_of_runs_and_no_detector(proposal):
    with pytest.raises(FileNotFoundError, match=r"holds the runs r0487; open one: bb.open_run"):
        bb.open_run(proposal / "raw")
    run = bb.open_run(proposal / "raw" / "r0487")
    with pytest.raises(ValueError, match=r"There is no area detector in p900074 r0487"):
        run.select("*XGM*").detector()
