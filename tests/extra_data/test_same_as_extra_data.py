"""The same calls on EXtra-data's objects and on ours give the same, whatever is selected."""

import warnings

import extra_data as theirs
import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import beambook as bb
import beambook.extra_data as ours
from beambook.data import Channel, Source
from beambook.testing import LostTrains, MissingEntries, make_run

SETTINGS = {"max_examples": 25, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
OF_A_FILE = {"sequenceNumber", "creationDate", "updateDate"}  # theirs are of any file
XGM = "SA2_XTD1_XGM/XGM/DOOCS"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "raw" / "r0001"
    faults = [LostTrains("DA01", (3, 4, 11)), MissingEntries(f"{XGM}:output", (5,))]
    make_run(folder, trains=24, pulses=4, agipd=1, frames=3, sequences=2, faults=faults)
    for path in sorted(folder.glob("*AGIPD*.h5")):  # as files of corrected data have them
        with h5py.File(path, "r+") as file:
            listed = file["METADATA/dataSources/dataSourceId"]
            names = sorted({n.decode() for n in listed[:] if n.startswith(b"INSTRUMENT")})
            new = names[0].split("/", 1)[1].rpartition("/")[0]
            for section in ("INDEX", "INSTRUMENT"):
                file[f"{section}/OLD/DET/0CH0:xtdf"] = h5py.SoftLink(f"/{section}/{new}")
            both = [*listed[:], b"INSTRUMENT/OLD/DET/0CH0:xtdf/image"]
            listed.resize((len(both),)) if listed.maxshape[0] is None else None
            kept = dict(listed.attrs)
            del file["METADATA/dataSources/dataSourceId"]
            made = file.create_dataset("METADATA/dataSources/dataSourceId", data=both)
            made.attrs.update(kept)
    return folder


@pytest.fixture(scope="module")
def runs(folder):
    assert theirs.DataCollection.__module__ == "extra_data.reader", "compared with ourselves"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair = theirs.RunDirectory(folder, parallelize=False), ours.RunDirectory(folder)
    (folder / "karabo_data_map.json").unlink(missing_ok=True)
    return pair


def same(one, other):
    assert type(one) is type(other) or np.isscalar(one), (type(one), type(other))
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            same(value, other[key])
    elif isinstance(one, xr.DataArray | xr.Dataset):
        xr.testing.assert_identical(one, other)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, check_index_type=False)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other[one.columns])
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


def asked(function, *arguments, **options):
    """The answer, or the kind of error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*arguments, **options)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            kinds = (KeyError, ValueError, IndexError, TypeError)
            return next(kind.__name__ for kind in kinds if isinstance(error, kind))


slices = st.slices(24).filter(lambda s: s.step is None or s.step > 0)
choices = st.one_of(
    slices.map(lambda s: ("slice", s)),
    st.lists(st.integers(0, 20), min_size=1, unique=True).map(lambda x: ("list", x)),
    st.lists(st.integers(-2, 30), min_size=1).map(lambda x: ("ids", x)),
    st.integers(-30, 30).map(lambda x: ("one", x)),
    st.lists(st.booleans(), min_size=21, max_size=21).map(lambda x: ("mask", x)),
)


def choice(package, ids, kind, what):
    if kind == "ids":
        return package.by_id[[int(ids[0]) + n for n in what]]
    return np.array(what) if kind == "mask" else what


@settings(**SETTINGS)
@given(chosen=choices, data=st.data())
def test_one_key_of_any_trains(runs, chosen, data):
    kind, what = chosen
    picked = []
    for package, run in zip((theirs, ours), runs, strict=True):
        picked.append(asked(run.select_trains, choice(package, run.train_ids, kind, what)))
    if isinstance(picked[0], str):
        assert picked[0] == picked[1]
        return
    one, other = picked
    assert one.train_ids == other.train_ids
    source = data.draw(st.sampled_from(sorted(one.all_sources - {"OLD/DET/0CH0:xtdf"})))
    a, b = one[source], other[source]
    assert a.keys() == b.keys()
    assert a.keys(inc_timestamps=False) == b.keys(inc_timestamps=False)
    files = [{f.filename for f in each.files} for each in (a, b)]
    assert files[0] == files[1] or len(files[0]) == len(files[1]) == 1  # any one
    same(a.data_counts(labelled=False), b.data_counts(labelled=False))
    if not a.keys():
        return
    key = data.draw(st.sampled_from(sorted(a.keys())))
    a, b = a[key], b[key]
    for name in ("shape", "dtype", "ndim", "entry_shape", "section", "units", "units_name"):
        assert getattr(a, name) == getattr(b, name), name
    assert a.nbytes == b.nbytes
    for call in ("ndarray", "xarray", "train_id_coordinates", "data_counts", "attributes"):
        same(getattr(a, call)(), getattr(b, call)())
    same(asked(a.series), asked(b.series)) if a.dtype != object else None
    for options in ({}, {"keep_dims": True}):
        same_trains(a.trains(**options), b.trains(**options))
    # Theirs leaves out empty trains here if they are in no file, or no train around has data.
    every = dict(b.trains(include_empty=True))
    assert list(every) == b.train_ids
    for tid, value in a.trains(include_empty=True):
        same(value, every[tid])


def same_trains(one, other):
    """Theirs gives no rows for trains without data, with `keep_dims`, against its docstring."""
    there = ((tid, value) for tid, value in one if np.ndim(value) == 0 or len(value))
    for (tid, value), (my_tid, mine) in zip(there, other, strict=True):
        assert tid == my_tid
        same(value, mine)


@settings(**SETTINGS)
@given(
    flat=st.booleans(), keep=st.booleans(), every=st.booleans(), start=st.integers(0, 20),
    glob=st.sampled_from(["*", "*XGM*", "*AGIPD*", "*DET*", "*MOTOR*", "*:output"]),
)  # fmt: skip
def test_train_by_train(runs, flat, keep, every, start, glob):
    found = []
    for run in runs:
        options = {"flat_keys": flat, "keep_dims": keep, "require_all": every}
        found.append(asked(lambda r=run, o=options: list(r[start : start + 4].trains([glob], **o))))
    one, other = found
    if isinstance(one, str):
        assert one == other
        return
    assert [tid for tid, _ in one] == [tid for tid, _ in other]
    for (_, a), (_, b) in zip(one, other, strict=True):
        same(a, b)
    if one and not every:
        tid = one[0][0]
        trains = [asked(run.train_from_id, tid, [glob]) for run in runs]
        same(trains[0], trains[1])


@pytest.mark.parametrize(
    "call",
    [
        lambda r: {k: v for k, v in r.run_metadata().items() if k not in OF_A_FILE},
        lambda r: r.train_timestamps(),
        lambda r: r.train_timestamps(labelled=True).tz_localize,
        lambda r: r[XGM].run_values(inc_timestamps=False),
        lambda r: r[XGM].run_keys(),
        lambda r: r[XGM].device_class,
        lambda r: r.control_sources,
        lambda r: r.instrument_sources,
        lambda r: r.legacy_sources,
        lambda r: r.detector_sources,
        lambda r: sorted(f.filename for f in r.files),
        lambda r: r.select("*XGM*", require_all=True).train_ids,
        lambda r: r.select("*XGM*", require_any=True).train_ids,
        lambda r: {s: k for s, k in r.deselect("*XGM*", "*.value").selection.items() if k},
        lambda r: [p.train_ids for p in r.split_trains(parts=5, trains_per_part=4)],
        lambda r: r.get_dataframe([(XGM, "*")]).dropna(),
        lambda r: (XGM, "nothing") in r,
        lambda r: "NO/SUCH/SOURCE" in r,
    ],
)
def test_the_run_itself(runs, call):
    one, other = (asked(call, run) for run in runs)
    if not callable(one):
        same(one, other)


def test_beambooks_own_objects_are_behind(runs):
    run = runs[1]
    assert isinstance(run.__beambook__(), bb.Run)
    assert isinstance(run[XGM].__beambook__(), Source)
    assert isinstance(run[XGM, "state"].__beambook__(), Channel)
    assert run[:3].__beambook__().train_ids.tolist() == run.train_ids[:3]


def test_a_name_that_is_old_in_corrected_data_is_real_in_raw_data(tmp_path, folder):
    """Both opened together: the raw data is not hidden as an old name of the corrected."""
    raw, proc = (tmp_path / "p000001" / kind / "r0001" for kind in ("raw", "proc"))
    for place in (raw, proc):
        place.mkdir(parents=True)
    (module,) = sorted(folder.glob("*AGIPD*S00000.h5"))
    (proc / module.name.replace("RAW", "CORR")).write_bytes(module.read_bytes())
    name = "OLD/DET/0CH0:xtdf"
    with h5py.File(module) as file, h5py.File(raw / module.name, "w") as copy:
        for section in ("INDEX", "INSTRUMENT"):
            file.copy(file[f"{section}/{name}"], copy.create_group(section), "OLD/DET/0CH0:xtdf")
        for path in ("METADATA", "INDEX/trainId", "INDEX/flag", "INDEX/timestamp", "INDEX/origin"):
            file.copy(path, copy, path)
        del copy["METADATA/dataSources/dataSourceId"]
        copy["METADATA/dataSources/dataSourceId"] = [f"INSTRUMENT/{name}/image".encode()]
    run = ours.open_run(tmp_path / "p000001", 1, aliases=None)
    assert run.legacy_sources == {}
    _, train = run.train_from_index(0)
    assert train[name].keys() > {"metadata"}
    assert bb.open_run(tmp_path / "p000001", 1).legacy_sources == {}
