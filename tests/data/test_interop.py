"""EXtra-data's objects are taken wherever ours are, and given back."""

import sys
import warnings

import extra_data
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beambook.data import Channel, Run, Source, by_id, check, native, open_file, open_run
from beambook.errors import DataError, MissingPackage

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MOTOR = "MID_EXP_SAM/MOTOR/X"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"
SOURCES = [XGM, MOTOR, AGIPD]


def of_extra_data(folder, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extra_data.RunDirectory(folder, parallelize=False, _use_voview=False, **more)


@pytest.fixture
def theirs(small_run):
    return of_extra_data(small_run).with_aliases({"x": (MOTOR, "actualPosition"), "gauge": XGM})


def same_values(mine, other):
    """A Run and a DataCollection."""
    assert mine.train_ids.tolist() == [int(t) for t in other.train_ids]
    assert mine.all_sources == other.all_sources
    assert mine.store.suspect == other.inc_suspect_trains
    for source in mine.all_sources:
        one, two = mine[source], other[source]
        assert one.train_ids.tolist() == [int(t) for t in two.train_ids]
        assert one.keys() == two.keys()
        for key in one.keys():
            np.testing.assert_array_equal(one[key].ndarray(), two[key].ndarray())
            np.testing.assert_array_equal(
                one[key].train_id_coordinates(), two[key].train_id_coordinates()
            )


@st.composite
def selections(draw):
    """Doubtful trains or not; sources and keys; trains."""
    suspect = draw(st.booleans())
    sources = draw(st.sets(st.sampled_from(SOURCES), min_size=1))
    chosen = {
        XGM: draw(st.sampled_from([set(), {"data.intensityTD"}])),
        MOTOR: draw(st.sampled_from([set(), {"state.value"}])),
        AGIPD: draw(st.sampled_from([set(), {"image.data", "image.pulseId"}])),
    }
    trains = draw(st.one_of(
        st.slices(20).filter(lambda s: s.step is None or s.step > 0),
        st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    ))  # fmt: skip
    return suspect, {s: chosen[s] for s in sources}, trains


@given(selection=selections())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_there_and_back(small_run, selection):
    suspect, sources, trains = selection
    mine = open_run(small_run, aliases={"x": (MOTOR, "actualPosition")}, inc_suspect_trains=suspect)
    mine = mine.select(sources)[trains]
    theirs = mine.as_extra_data()
    assert type(theirs) is extra_data.DataCollection
    same_values(mine, theirs)
    again = native(theirs)
    assert type(again) is Run
    same_values(again, theirs)
    assert again.selection == mine.selection
    assert again.name == mine.name
    assert dict(again.aliases) == dict(mine.aliases)
    assert set(again.files) == set(mine.files)


def test_sources_and_keys_there_and_back(theirs):
    source = native(theirs[XGM].select_keys("data.*")[3:9])
    assert isinstance(source, Source)
    assert source.train_ids.tolist() == list(range(1003, 1009))
    assert source.selected == {"data.intensityTD"}
    assert source.as_extra_data().keys() == {"data.intensityTD"}
    for item in [(MOTOR, "actualPosition"), (AGIPD, "image.data")]:
        given_key = theirs[item][extra_data.by_id[1005:1015]]
        channel = native(given_key)
        assert isinstance(channel, Channel)
        np.testing.assert_array_equal(channel.ndarray(), given_key.ndarray())
        back = channel.as_extra_data()
        assert isinstance(back, extra_data.KeyData)
        assert back.key == given_key.key
        assert [*back.train_ids] == [*given_key.train_ids]
        np.testing.assert_array_equal(back.ndarray(), given_key.ndarray())


def test_taken_wherever_ours_are(theirs, small_run, monkeypatch):
    monkeypatch.chdir(small_run.parent)
    mine = open_run("r0001", aliases={})
    data = mine.aligned(x=theirs[MOTOR, "actualPosition"])
    assert data.x.sizes == {"train": 20}
    assert mine.select(theirs[XGM]).all_sources == {XGM}
    assert mine.select(theirs[AGIPD, "image.data"]).selection == {AGIPD: {"image.data"}}
    assert mine.select(theirs.select(MOTOR)).all_sources == {MOTOR}
    both = mine.select(XGM)[:5] | theirs.select(XGM)[3:8]
    assert both.train_ids.tolist() == list(range(1000, 1008))
    assert both[XGM, "data.intensityTD"].shape == (8, 8)
    assert "gauge" in mine.union(theirs).aliases
    assert check(theirs).trains == 20
    assert native("anything") == "anything"


def test_objects_that_say_what_they_are():
    class Facade:
        def __beambook__(self):
            return "ours"

    assert native(Facade()) == "ours"
    assert native(Facade) is Facade


def test_doubtful_trains_stay_out(exdf, tmp_path):
    group = exdf.control("A/B/C", {"x": ()})
    exdf.write(tmp_path / "r0001/RAW-R0001-DA01-S00000.h5", [5, 6, 7], [group], flags=[1, 0, 1])
    mine = native(of_extra_data(tmp_path / "r0001", inc_suspect_trains=False))
    assert mine.train_ids.tolist() == [5, 7]
    assert mine["A/B/C", "x"].train_id_coordinates().tolist() == [5, 7]
    assert [*mine.as_extra_data().train_ids] == [5, 7]


def test_a_source_from_one_of_two_folders(exdf, tmp_path):
    """As raw and proc: the source is taken from proc, not from both."""
    for kind, value in [("raw", 1.0), ("proc", 2.0)]:
        exdf.write(
            tmp_path / f"XMPL/202601/p900074/{kind}/r0001/RAW-R0001-DA01-S00000.h5", [5, 6],
            [exdf.control("A/B/C", {"x": ()}, data={"x": [value, value]})],
        )  # fmt: skip
    mine = open_run(900074, 1, data="all", roots=tmp_path)
    theirs = mine.as_extra_data()
    assert theirs["A/B/C", "x"].ndarray().tolist() == [2.0, 2.0]
    assert native(theirs)["A/B/C", "x"].ndarray().tolist() == [2.0, 2.0]


def test_what_extra_data_does_not_take(exdf, tmp_path):
    for number in range(2):
        exdf.write(
            tmp_path / f"r0001/RAW-R0001-DA01-S0000{number}.h5",
            [5, 6],
            [exdf.control("A/B/C", {"x": ()})],
        )
    with pytest.warns(UserWarning, match="duplicated"):
        mine = open_run(tmp_path / "r0001", aliases={})
    with pytest.raises(DataError, match="EXtra-data does not take"):
        mine.as_extra_data()


def test_without_extra_data(small_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "extra_data", None)
    run = open_run(small_run, aliases={})
    for thing in [run, run[XGM], run[XGM, "data.intensityTD"]]:
        with pytest.raises(MissingPackage, match="not installed"):
            thing.as_extra_data()


def test_ids_are_found_by_id(theirs):
    assert native(theirs)[by_id[1003:1005]].train_ids.tolist() == [1003, 1004]


def test_files_of_other_formats_are_not_extra_datas(tmp_path):
    path = tmp_path / "scan.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": "x"})
        data["counts"], data["x"] = np.arange(5.0), np.arange(5)
    run = open_file(path)
    with pytest.raises(DataError, match="EXtra-data"):
        run.as_extra_data()
