"""What every Analysis promises, offline and live."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.analysis import XAS, Analysis, Correlation, Histogram, Mean, Trend, Variance
from beambook.data import open_run
from beambook.errors import BeambookError
from beambook.testing import make_run

TRAINS = 9
CAMERA = "MID_XTD6_IMGFEL/CAM/BEAMVIEW:daqOutput", "data.image.pixels"
FLUX = "SA2_XTD1_XGM/XGM/DOOCS", "pulseEnergy.photonFlux"
SOME = settings(
    max_examples=12,
    deadline=None,
    # Fixtures have no state, and the same promise is tested of several classes.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "r0001"
    return open_run(make_run(folder, trains=TRAINS, pulses=3, camera=(4, 5)))


@pytest.fixture(scope="module")
def trains(run):
    return [train for _, train in run.trains()]


def same(one, other, *, exactly=False):
    """Whether two values are the same, labels and all."""
    if not isinstance(one, xr.DataArray):
        return np.allclose(one.absorbance, other.absorbance, rtol=1e-12, equal_nan=True)
    xr.testing.assert_equal(one.coords.to_dataset(), other.coords.to_dataset())
    assert one.attrs == other.attrs
    assert one.dims == other.dims
    rtol = 0 if exactly else 1e-10
    return np.allclose(one, other, rtol=rtol, atol=0 if exactly else 1e-12, equal_nan=True)


class AnalysisContract:
    """The promises; `new` makes a machine, `data` what it eats train by train."""

    exact = False

    @pytest.fixture
    def new(self):
        raise NotImplementedError

    @pytest.fixture
    def data(self, trains):
        return trains

    @pytest.fixture
    def whole(self, new, data):
        machine = new()
        for train in data:
            machine.push(train)
        return machine.value

    def test_is_an_analysis(self, new):
        assert isinstance(new(), Analysis)

    def test_has_a_value_before_anything_was_pushed(self, new):
        assert new().value is not None

    @SOME
    @given(owner=st.lists(st.integers(0, 2), min_size=TRAINS, max_size=TRAINS))
    def test_any_split_of_trains_merges_to_the_same(self, new, data, whole, owner):
        machines = [new() for _ in range(3)]
        for train, number in zip(data, owner, strict=True):
            machines[number].push(train)
        merged = new()
        for machine in machines:
            merged.merge(machine)
        assert same(merged.value, whole, exactly=self.exact)

    @SOME
    @given(order=st.permutations(range(TRAINS)))
    def test_the_order_of_trains_does_not_matter(self, new, data, whole, order):
        machine = new()
        for position in order:
            machine.push(data[position])
        assert same(machine.value, whole, exactly=self.exact)

    def test_merging_leaves_the_other_as_it_was(self, new, data, whole):
        one, other = new(), new()
        for train in data:
            other.push(train)
        one.merge(other)
        one.push(data[0])
        assert same(other.value, whole, exactly=True)

    def test_clear_forgets_everything(self, new, data, whole):
        machine = new()
        nothing = machine.value
        machine.push(data[1])
        machine.clear()
        assert same(machine.value, nothing, exactly=True)
        for train in data:
            machine.push(train)
        assert same(machine.value, whole, exactly=True)

    def test_a_value_does_not_change_later(self, new, data):
        machine = new()
        machine.push(data[0])
        before = machine.value
        kept = before.copy(deep=True) if isinstance(before, xr.DataArray) else before
        for train in data[1:]:
            machine.push(train)
        assert same(before, kept, exactly=True)

    def test_machines_for_other_things_are_not_merged(self, new, other):
        with pytest.raises(BeambookError):
            new().merge(other)


class TrainContract(AnalysisContract):
    """Of those that eat trains as runs and streams give them."""

    def test_it_says_what_it_looks_at_and_how_much_it_has_eaten(self, new, run):
        machine = new()
        name = type(machine).__name__
        assert repr(machine).startswith(f"<{name}")
        assert "data.image.pixels" in repr(machine)
        assert "eaten nothing" in repr(machine)
        assert "eaten nothing" not in repr(machine.over(run))
        assert name in machine._repr_html_()

    def test_a_run_gives_the_same_as_its_trains(self, new, run, whole):
        machine = new()
        assert machine.over(run) is machine
        assert same(machine.value, whole, exactly=self.exact)
        assert same(
            new().over(run, threads=1).value, new().over(run, threads=3).value, exactly=True
        )

    def test_parts_of_a_run_and_trains_add_up(self, new, run, data, whole):
        machine = new().over(run[:4])
        for train in data[4:6]:
            machine.push((train.id, dict(train)))
        assert same(machine.over(run[6:]).value, whole, exactly=self.exact)

    def test_trains_without_the_source_change_nothing(self, new):
        machine = new()
        machine.push((5, {}))
        machine.push((6, {"A/B/C": {"x": 1}}))
        assert same(machine.value, new().value, exactly=True)

    @pytest.mark.parametrize("wrong", [np.zeros(3), 7, "train"])
    def test_what_is_no_train_is_refused(self, new, wrong):
        with pytest.raises(BeambookError, match="is no train"):
            new().push(wrong)

    def test_values_of_another_shape_are_refused(self, new):
        source, key = CAMERA
        data = {source: {key: np.zeros((3, 3))}, FLUX[0]: {f"{FLUX[1]}.value": 3.0}}
        with pytest.raises(BeambookError, match=r"\[4, 5\]; there came \[3, 3\]"):
            new().push((1, data))


class TestMean(TrainContract):
    exact = True

    @pytest.fixture
    def new(self, run):
        return lambda: Mean(run[CAMERA])

    @pytest.fixture
    def other(self, run):
        return Mean(run[CAMERA], roi=np.s_[:2])


class TestVariance(TrainContract):
    exact = True

    @pytest.fixture
    def new(self, run):
        return lambda: Variance(run[CAMERA], roi=np.s_[1:, 2], ddof=1)

    @pytest.fixture
    def other(self, run):
        return Variance(run[CAMERA], roi=np.s_[1:, 2])


class TestHistogram(TrainContract):
    exact = True

    @pytest.fixture
    def new(self, run):
        return lambda: Histogram(run[CAMERA], 20, (50, 70))

    @pytest.fixture
    def other(self, run):
        return Histogram(run[CAMERA], 20, (50, 80))


class TestTrend(TrainContract):
    exact = True

    @pytest.fixture
    def new(self, run):
        return lambda: Trend(run[CAMERA])

    @pytest.fixture
    def other(self, run):
        return Trend(run[FLUX])


class TestCorrelation(TrainContract):
    @pytest.fixture
    def new(self, run):
        return lambda: Correlation(run[FLUX], run[CAMERA])

    @pytest.fixture
    def other(self, run):
        return Correlation(run[FLUX], run[FLUX])


class TestXAS(AnalysisContract):
    @pytest.fixture
    def new(self):
        return lambda: XAS(np.linspace(0, 9, 4))

    @pytest.fixture
    def data(self):
        rng = np.random.default_rng(0)
        i0 = rng.gamma(5, 200, (TRAINS, 4))
        return [
            {"energy": energy, "i0": row, "i1": row * np.exp(-energy / 9)}
            for energy, row in enumerate(i0)
        ]

    @pytest.fixture
    def other(self):
        return XAS(np.linspace(0, 9, 5))
