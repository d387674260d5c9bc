"""Stacks of one train's modules, against numpy and EXtra-data."""

import numpy as np
import pytest
from extra_data.stacking import stack_detector_data as reference
from hypothesis import given
from hypothesis import strategies as st

from beambook.errors import DataError, KeyNotFound
from beambook.extra_data.stacking import StackView, stack_data, stack_detector_data

FRAMES, PIXELS = 3, (4, 2)


def train(modules, *, empty=(), lacking=()):
    """Data of one train, of which each module's values tell its number."""
    data = {}
    for module in modules:
        frames = 0 if module in empty else FRAMES
        values = np.full((frames, *PIXELS), module, np.float32)
        values += np.arange(frames, dtype=np.float32)[:, None, None] / 8
        key = "image.other" if module in lacking else "image.data"
        data[f"SPB_DET_AGIPD1M-1/DET/{module}CH0:xtdf"] = {key: values}
    return data


def test_modules_without_data_are_filled_as_in_extra_data():
    data = train([0, 2, 5, 7], empty=[5], lacking=[7])
    expected = reference(data, "image.data", modules=8, fillvalue=-1)
    found = stack_detector_data(data, "image.data", modules=8, fillvalue=-1)
    np.testing.assert_array_equal(found, expected)
    view = stack_detector_data(data, "image.data", modules=8, fillvalue=-1, real_array=False)
    np.testing.assert_array_equal(view.asarray(), expected)


INDICES = st.sampled_from([slice(None), slice(1, None), 0, -1])


@given(
    modules=st.sets(st.integers(0, 3), min_size=1),
    axis=st.sampled_from([0, 1, -3, -1]),
    index=st.lists(INDICES, min_size=1, max_size=4),
    dots=st.booleans(),
)
def test_a_view_is_cut_as_the_array_it_stands_for(modules, axis, index, dots):
    view = stack_detector_data(train(modules), "image.data", axis, modules=4, real_array=False)
    index = (*index[:-1], ..., index[-1]) if dots else tuple(index)
    found = view[index]
    found = found.asarray() if isinstance(found, StackView) else found
    np.testing.assert_array_equal(found, view.asarray()[index])


def test_a_view_refuses_what_is_not_there():
    view = StackView({}, 2, (3,), np.dtype(int), 0, stack_axis=0)
    with pytest.raises(IndexError):
        view[2]
    with pytest.raises(IndexError):
        view[0, 0, 0]
    assert view[:, 0].asarray().tolist() == [0, 0]


def test_mistakes_say_what_is_wrong():
    with pytest.raises(DataError, match="left out"):
        stack_data({"a": {}}, "image.data", xcept=["a"])
    with pytest.raises(DataError, match="no data"):
        stack_detector_data({}, "image.data")
    with pytest.raises(KeyNotFound, match=r"image\.data"):
        stack_detector_data(train([1], lacking=[1]), "image.data")
    with pytest.raises(DataError, match="XGM is no module"):
        stack_detector_data({"XGM": {"image.data": np.zeros(3)}}, "image.data")
    with pytest.raises(IndexError, match="-1"):
        stack_detector_data(train([0]), "image.data", starts_at=1)
