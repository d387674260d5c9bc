"""The facility's data base, as it answered EXtra's own tests; no network is used."""

import builtins
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import extra.calibration.calcat
import pytest
import vcr

from beambook.calibration._constants import (
    AGIPDConditions,
    CalCat,
    JungfrauConditions,
    LPDConditions,
    retrieve,
)
from beambook.errors import BeambookError, ConstantNotFound, MissingPackage, RunNotFound

CASSETTES = Path(__file__).parent / "data/calcat"


@pytest.fixture(autouse=True)
def _fresh_client():
    extra.calibration.calcat.global_client = None
    yield
    extra.calibration.calcat.global_client = None


def in_any_zone(one, other):
    """The same question; EXtra's test gave a time without a zone, which we refuse to take."""

    def plain(request):
        return [(k, v.replace("+00:00", "")) for k, v in request.query]

    return (one.path, plain(one)) == (other.path, plain(other))


def played(name):
    recorder = vcr.VCR(record_mode="none")
    recorder.register_matcher("in_any_zone", in_any_zone)
    return recorder.use_cassette(
        str(CASSETTES / name), match_on=["method", "in_any_zone", "body"],
        allow_playback_repeats=True,
    )  # fmt: skip


def test_lpd_one_module_lacks_constants():
    with played("test_LPD_constant_missing.yaml") as cassette:
        found = retrieve(
            CalCat(), "FXE_DET_LPD1M-1", range(16), ["Offset", "Noise", "FFMap"],
            LPDConditions(memory_cells=200), "2022-05-22T02:00:00+00:00",
        )  # fmt: skip
        assert cassette.play_count == len(cassette.requests) - 1  # each is asked once
    assert len(found) == 16
    assert [m for m in found if "Offset" not in found[m]] == ["LPD05"]
    lost = {(m.module, m.calibration) for m in found.missing}
    assert lost == {(f"LPD{n:02}", "FFMap") for n in range(16)} | {
        ("LPD05", "Offset"), ("LPD05", "Noise"),
    }  # fmt: skip
    assert len({c.physical_name for of in found.values() for c in of.values()}) == 15


def test_agipd_what_is_missing_is_said():
    conditions = AGIPDConditions(300, 0, 4.5, gain_setting=0, gain_mode=0, integration_time=15)
    asked = {"detector": "SPB_DET_AGIPD1M-1", "module": "AGIPD04", "conditions": conditions}
    with played("test_CalibrationData_from_data.yaml"):
        source = CalCat()
        slopes = source.query("SlopesCS", **asked, at="2026-04-10T11:27:00+00:00")
        with pytest.raises(ConstantNotFound, match=r"it has \w+CS") as caught:
            source.query("Offset", **asked, at="2026-04-10T11:27:00+00:00")
    assert slopes.physical_name.startswith("AGIPD_SIV1_AGIPDV")
    assert "Integration time 15.0" in str(caught.value)
    with pytest.raises(RunNotFound, match="mounted here"):
        slopes.ndarray()


JUNGFRAU = {"module": "JNGFR01", "conditions": JungfrauConditions(90, 1, 400)}


def test_state_of_before_is_not_made_up():
    with (
        played("test_JUNGFRAU_constant_prior_strategy.yaml"),
        pytest.raises(ConstantNotFound, match="injected on 2024-03-04"),
    ):
        CalCat().query(
            "Offset10Hz", detector="FXE_XAD_JF1M", **JUNGFRAU,
            at="2024-03-04T12:33:28+00:00", snapshot_at="2024-03-04T12:33:28+00:00",
        )  # fmt: skip


@pytest.fixture
def answering():
    """A server that gives the same answer to everything."""
    servers = []

    def serve(status, content):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{servers[-1].server_port}"
        extra.calibration.setup_client(address, None, None, None)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
    if extra.calibration.calcat.global_client is not None:
        extra.calibration.calcat.global_client.session.close()


def test_a_detector_that_it_does_not_know(answering):
    answering(200, b"[]")
    with pytest.raises(ConstantNotFound, match="No detector with name FXE_XAD_JF7M"):
        CalCat().query("Offset10Hz", detector="FXE_XAD_JF7M", **JUNGFRAU)


def test_a_server_in_trouble(answering):
    answering(500, b'{"info": "out of order"}')
    with pytest.raises(BeambookError, match=r"does not answer: .*out of order") as caught:
        retrieve(CalCat(), "FXE_XAD_JF1M", [1], ["Offset10Hz"], JUNGFRAU["conditions"])
    assert not isinstance(caught.value, ConstantNotFound)  # else it would count as missing


def test_a_server_that_does_not_answer():
    extra.calibration.setup_client("http://127.0.0.1:1", None, None, None)
    with pytest.raises(BeambookError, match="does not answer"):
        CalCat().query("Offset10Hz", detector="FXE_XAD_JF1M", **JUNGFRAU)


def test_without_the_package(monkeypatch):
    original = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.partition(".")[0] == "extra":
            raise ModuleNotFoundError(name)
        return original(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "extra.calibration")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackage, match=r"beambook\[calcat\]"):
        CalCat().query("Offset10Hz", detector="FXE_XAD_JF1M", **JUNGFRAU)
