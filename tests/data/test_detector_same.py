"""Area detectors are read as EXtra-data reads them, value for value and fill for fill."""

import warnings

import numpy as np
import pytest
from extra_data import RunDirectory, components
from extra_data import by_id as their_by_id
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

import beambook.data as bb

SOME = settings(
    max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate], deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture
def opened(exdf, tmp_path_factory):
    """Write a detector and open it with both; None where both refuse."""

    def open_both(made, *, suspect=True, **options):
        folder = made.write(exdf, tmp_path_factory.mktemp("run"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = RunDirectory(
                str(folder), inc_suspect_trains=suspect, parallelize=False, _use_voview=False
            )
            mine = bb.open_run(folder, aliases={}, inc_suspect_trains=suspect)
            try:
                theirs = getattr(components, made.kind)(run, **options)
            except ValueError as error:
                event(f"refused: {error}"[:40])
                with pytest.raises(ValueError, match=r"\S"):
                    getattr(bb, made.kind)(mine, **options)
                return None
            return getattr(bb, made.kind)(mine, **options), theirs

    return open_both


def same(ours, theirs):
    """Two labelled arrays; ours keeps the type where frames are missing, theirs turns to NaN."""
    theirs = theirs.rename({d: "train" for d in theirs.dims if d == "trainId"})
    if not theirs.size:
        assert not ours.size
        return
    for name in {"pulse", "cell"}.intersection(theirs.dims).intersection(theirs.indexes):
        theirs = theirs.sortby(name)  # else by first appearance, if a choice was made
    assert ours.dims[:2] == theirs.dims[:2] or "train_pulse" in theirs.dims
    assert ours.shape == theirs.shape
    for name in ("module", "train", "gain", "pulse", "cell"):
        if name in theirs.coords and name in ours.coords:
            assert ours[name].dims == (name,) or ours[name].dims == ("frame",)
            np.testing.assert_array_equal(ours[name], theirs[name])
    same_values(ours.values, theirs.values)


def same_values(ours, theirs):
    if ours.dtype.kind in "iu" and theirs.dtype.kind == "f":
        theirs = np.nan_to_num(theirs)
    else:
        assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def chosen(theirs, pulses, *, roi=(), index="pulseId", unstack=True):
    """Their labelled array of chosen frames, taken from all frames.

    Their own reading of a choice puts frames at wrong places if all of a later file are chosen.
    """
    selected = theirs["image.data"].select_pulses(pulses)
    values = theirs["image.data"].ndarray(roi=roi)[:, selected._sel_frames]
    found = selected._wrap_xarray(values, index)
    if not unstack:
        return found
    order = ["module", *found.indexes["train_pulse"].names, *selected.dimensions[2:]]
    return found.unstack("train_pulse").transpose(*order)


def by_both(draw, *, negative=False):
    """A choice of pulses for us and for them."""
    ends = st.none() | st.integers(0, 30)
    cut = draw(st.builds(slice, ends, ends, st.none() | st.integers(1, 9)))
    listed = draw(st.sets(st.integers(0, 24), max_size=4).map(sorted))
    how = draw(st.sampled_from(["slice", "list", "slice of ids", "ids"]))
    ours = {
        "slice": cut, "list": np.array(listed, int),
        "slice of ids": bb.by_id[cut], "ids": bb.by_id[np.array(listed, int)],
    }[how]  # fmt: skip
    theirs = their_by_id[ours.value] if hasattr(ours, "value") else ours
    return ours, theirs


@SOME
@given(st.data())
def test_arrays(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors())
    found = opened(
        made, suspect=data.draw(st.booleans()), min_modules=data.draw(st.sampled_from([1, 1, 2]))
    )
    if found is None:
        return
    ours, theirs = found
    np.testing.assert_array_equal(ours.train_ids, theirs.train_ids)
    np.testing.assert_array_equal(ours.frame_counts, theirs.frame_counts)
    assert list(ours.modules) == sorted(theirs.modno_to_source)
    assert dict(ours.sources) == theirs.modno_to_source
    assert ours.n_modules == theirs.n_modules
    assert ours.is_raw == ("raw" in repr(theirs))
    for gaps in (False, True) if max(ours.modules) < 16 else (False,):
        np.testing.assert_array_equal(
            ours.data_availability(module_gaps=gaps), theirs.data_availability(gaps)
        )
    keys = ("data.adc", "data.mask", "data.memoryCell") if made.kind == "JUNGFRAU" else (
        "image.data", "image.cellId", "header.pulseCount", "header.dataId")  # fmt: skip
    for key in keys:
        mine, other = ours[key], theirs[key]
        assert mine.shape == other.shape == mine.ndarray().shape
        same_values(mine.ndarray(), other.ndarray())
        same_values(mine.ndarray(module_gaps=True), other.ndarray(module_gaps=True))
        same_values(mine.ndarray(fill_value=7), other.ndarray(fill_value=7))
        np.testing.assert_array_equal(mine.train_id_coordinates(), other.train_id_coordinates())
        same(ours.get_array(key), theirs.get_array(key))
        for kind in ("f4", "f8", "u4", "i1"):
            same_values(mine.ndarray(astype=kind), other.ndarray(astype=kind))
        reused = np.full(mine.shape, 99, mine.dtype)
        same_values(mine.ndarray(out=reused), other.ndarray())
        np.testing.assert_array_equal(np.asarray(mine.dask_array(block_bytes=300)), mine.ndarray())


@SOME
@given(st.data())
def test_frames_chosen(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors(("AGIPD1M", "LPD1M")))
    if (found := opened(made)) is None:
        return
    ours, theirs = found
    choice, other = by_both(data.draw)
    index = data.draw(st.sampled_from(["pulseId", "cellId"]))
    roi = data.draw(st.sampled_from([(), np.s_[:1,], np.s_[..., 1:], np.s_[-1:, 0:1]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs["image.data"].select_pulses(other)
        mine = ours["image.data"].select_pulses(choice)
        assert mine.shape == expected.shape
        for name in ("train_id", "pulse_id", "cell_id"):
            np.testing.assert_array_equal(
                getattr(mine, f"{name}_coordinates")(), getattr(expected, f"{name}_coordinates")()
            )
        for unstack in (True, False):
            labelled = chosen(theirs, other, roi=roi, index=index, unstack=unstack)
            same(
                ours.get_array("image.data", choice, unstack, roi=roi, subtrain_index=index),
                labelled,
            )
            if not unstack:
                same_values(mine.ndarray(roi=roi), labelled.values)
        again = mine.dask_array(labelled=True, unstack_pulses=True, block_bytes=200)
        assert again.compute().identical(ours.get_array("image.data", choice))


@SOME
@given(st.data())
def test_three_gain_stages(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors(("LPD1M",), parallel_gain=True))
    if (found := opened(made, parallel_gain=True)) is None:
        return
    ours, theirs = found
    mine, other = by_both(data.draw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(ours.get_array("image.data"), theirs.get_array("image.data"))
        same(ours.get_array("image.data", mine), chosen(theirs, other))
        np.testing.assert_array_equal(
            ours["image.data"].select_pulses(mine).pulse_id_coordinates(),
            theirs["image.data"].select_pulses(other).pulse_id_coordinates(),
        )


@SOME
@given(st.data())
def test_masked(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors(("AGIPD1M", "JUNGFRAU")))
    if (found := opened(made)) is None:
        return
    ours, theirs = found
    if not made.corrected and made.kind != "JUNGFRAU":
        with pytest.raises(KeyError, match=r"image\.mask.*Raw data has no mask"):
            ours.masked_data()
        return
    bits = data.draw(st.sampled_from([None, 1, 2, [1, 2]]))
    key = None if made.corrected else "data.gain"
    value = -1.0 if key is None else 9
    mine = ours.masked_data(key, mask_bits=bits, masked_value=value)
    other = theirs.masked_data(key, mask_bits=bits, masked_value=value)
    same_values(mine.ndarray(), other.ndarray())
    same_values(mine.ndarray(module_gaps=True), other.ndarray(module_gaps=True))
    cut = np.s_[..., 1]
    same_values(mine.ndarray(roi=cut), other.ndarray(roi=cut))
    if made.kind != "JUNGFRAU":
        later = other.select_pulses(np.s_[1:])._sel_frames
        same_values(mine.select_pulses(np.s_[1:]).ndarray(), other.ndarray()[:, later])
    np.testing.assert_array_equal(np.asarray(mine.dask_array(block_bytes=300)), mine.ndarray())


@SOME
@given(st.data())
def test_trains(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors())
    if (found := opened(made)) is None:
        return
    ours, theirs = found
    whole = data.draw(st.booleans())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if made.kind == "JUNGFRAU":
            mine, other = ours.trains(require_all=whole), theirs.trains(require_all=whole)
        else:
            a, b = by_both(data.draw)
            mine, other = ours.trains(a, require_all=whole), theirs.trains(b, require_all=whole)
        for (train, found), (id_, expected) in zip(mine, other, strict=True):
            assert train == id_
            assert found.keys() == expected.keys()
            for key, array in expected.items():
                np.testing.assert_array_equal(found[key]["module"], array["module"])
                if not array.size:
                    assert not found[key].size
                elif key.startswith("image."):
                    same(found[key], array)
                else:
                    np.testing.assert_array_equal(found[key].values, array.values)


@SOME
@given(st.data())
def test_split(opened, detector_runs, data):
    made = data.draw(detector_runs.detectors())
    if (found := opened(made)) is None:
        return
    some = st.none() | st.integers(1, 7)
    how = {name: data.draw(some) for name in ("parts", "trains_per_part", "frames_per_part")}
    ours, theirs = found
    if not any(how.values()):
        return
    mine = [part.train_ids.tolist() for part in ours.split_trains(**how)]
    assert mine == [part.train_ids for part in theirs.split_trains(**how)]
    positions = data.draw(st.slices(len(ours.train_ids)))
    if positions.step is None or positions.step > 0:
        key = ours.kind.main_key
        same_values(ours[key][positions].ndarray(), theirs[key][positions].ndarray())
