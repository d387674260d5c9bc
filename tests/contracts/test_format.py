"""What every file format has to promise, so that the rest needs to know nothing of it.

A new format adds a class with a `fmt` and a `file` fixture; the truth about the file is the same.
"""

import pickle

import h5py
import numpy as np
import pytest

from beambook.data._euxfel.format import Euxfel
from beambook.data._nexus.format import Nexus
from beambook.errors import DamagedFile

IDS = [41, 42, 44, 43]  # as stored: one is missing, two are in disorder
COUNTS = [1, 0, 1, 2]  # rows of the fast source
SLOW, FAST = "LAB/MOTOR/X", "LAB/CAM/Y:output"


class FormatContract:
    """The promises. `file` has `IDS`, a control source `SLOW` and an instrument source `FAST`."""

    key = "data.image"
    slow = "control"
    ids = IDS
    counts = COUNTS

    @pytest.fixture
    def part(self, fmt, file):
        return fmt.read_part(file)

    def test_events(self, part):
        assert part.event_ids.dtype == np.uint64
        assert part.event_ids.tolist() == self.ids
        assert part.suspect.dtype == bool
        assert len(part.suspect) == len(part.times) == len(self.ids)
        assert part.times.dtype == "M8[ns]"

    def test_sources(self, part):
        assert dict(part.sources) == {SLOW: self.slow, FAST: "instrument"}
        assert set(part.legacy) <= set(part.sources)
        assert set(part.modules) <= set(part.sources)
        assert part.writer
        assert part.sequence is None or part.sequence >= 0

    def test_names(self, part):
        assert self.key in part.names(FAST)
        assert part.names(SLOW)
        assert isinstance(part.names(SLOW, constant=True), frozenset)

    def test_signals(self, part):
        for source in part.sources:
            for name in part.names(source):
                signal = part.signal(source, name)
                assert len(signal.dims) == len(signal.shape) - 1
                assert not any(dim.startswith("dim_") for dim in signal.dims)
            for name in part.names(source, constant=True):
                assert part.signal(source, name, constant=True).shape[0] == 1
            assert part.signal(source, "no.such.key") is None

    def test_rows_are_those_of_the_event(self, part):
        signal = part.signal(FAST, self.key)
        rows = part.rows(FAST, signal.group)
        assert rows.first.dtype == rows.count.dtype == np.int64
        assert rows.count.tolist() == self.counts
        with h5py.File(part.file.path) as file:
            stored = file[signal.dataset]
            for event, first, count in zip(self.ids, rows.first, rows.count, strict=True):
                assert (stored[first : first + count] == event).all()
        assert part.rows(FAST, "no-such-group") is None

    def test_holds_nothing_open_and_travels(self, part):
        again = pickle.loads(pickle.dumps(part))
        assert again.event_ids.tolist() == self.ids
        assert again.rows(FAST, again.signal(FAST, self.key).group).count.tolist() == self.counts

    def test_refuses_what_is_not_its_own(self, fmt, tmp_path):
        for name, content in [("empty.h5", b""), ("text.h5", b"hello" * 100)]:
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DamagedFile, match=name):
                fmt.read_part(tmp_path / name)
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["entry/data"] = [1, 2, 3]
        with pytest.raises(DamagedFile, match=r"other.h5"):
            fmt.read_part(tmp_path / "other.h5")


class TestEuxfel(FormatContract):
    """The European XFEL's format, by version."""

    @pytest.fixture
    def fmt(self):
        return Euxfel()

    @pytest.fixture(params=["0.5", "1.0", "1.1", "1.2"])
    def file(self, tmp_path, request):
        version = request.param
        path = tmp_path / "RAW-R0001-DA01-S00000.h5"
        with h5py.File(path, "w") as file:
            file["INDEX/trainId"] = np.array([*IDS[:2], 0, *IDS[2:], 0, 0], "u8")
            listed = [f"CONTROL/{SLOW}", f"INSTRUMENT/{FAST}/data", ""]
            listed += ["Karabo_TimerServer"] if version == "1.1" else []
            where = "METADATA" if version == "0.5" else "METADATA/dataSources"
            file[f"{where}/dataSourceId"] = [name.encode() for name in listed]
            if version != "0.5":
                file["METADATA/dataFormatVersion"] = [version.encode()]
                file["INDEX/flag"] = np.ones(7, "i4")
                file["INDEX/timestamp"] = np.full(7, 10**18, "u8")
            file[f"INDEX/{SLOW}/first"] = np.arange(5, dtype="u8")
            file[f"INDEX/{SLOW}/count"] = np.ones(5, "u8")
            file[f"CONTROL/{SLOW}/position/value"] = np.arange(5.0)
            file[f"CONTROL/{SLOW}/position/timestamp"] = np.arange(5)
            file[f"RUN/{SLOW}/position/value"] = [1.0]
            file[f"INDEX/{FAST}/data/first"] = np.array([3, 9, 9, 0, 1], "u8")
            file[f"INDEX/{FAST}/data/count"] = np.array([1, 0, 0, 1, 2], "u8")
            file[f"INSTRUMENT/{FAST}/data/image"] = np.stack(
                [np.full((2, 3), event) for event in (44, 43, 43, 41, 0, 0)]
            )
        return path


class TestNexus(FormatContract):
    """NeXus: the events are the pulses of a neutron source; a log has a record for each."""

    key = "event_id"
    slow = "instrument"
    ids = sorted(IDS)  # times do not go back
    counts = COUNTS

    @pytest.fixture
    def fmt(self):
        return Nexus()

    @pytest.fixture(params=["NXevent_data", ""], ids=["class", "no class"])
    def file(self, tmp_path, request):
        path = tmp_path / "scan.nxs"
        with h5py.File(path, "w") as file:
            file.create_group("entry").attrs["NX_class"] = "NXentry"
            slow = file["entry"].create_group(SLOW)
            slow.attrs["NX_class"] = "NXlog"
            slow["value"] = np.arange(4.0)
            slow["time"] = np.array(self.ids)
            slow["average_value"] = 1.5
            fast = file["entry"].create_group(FAST)
            fast.attrs["NX_class"] = request.param
            fast["event_time_zero"] = np.array(self.ids)
            fast["event_index"] = np.array([0, 1, 1, 2])
            fast["event_id"] = np.repeat(self.ids, self.counts)
            for times in (slow["time"], fast["event_time_zero"]):
                times.attrs.update(units="ns", start="1970-01-01T00:00:00Z")
        return path
