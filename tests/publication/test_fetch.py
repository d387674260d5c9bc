"""Data by reference: downloaded when asked for, bounded, checked, kept; declared with addresses."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.errors import DataError, PublicationError
from beambook.events import Silent
from beambook.publication._contents import DataFile, DataReference, build
from beambook.publication._fetch.archive import Archives, doi_address
from beambook.publication._fetch.cache import DataCache
from beambook.publication._fetch.fetch import Fetcher, asked_of
from beambook.publication._fetch.web import ask, ask_json, why_not_asked
from beambook.publication._seal.data import as_piece
from beambook.publication._verify.data import find_data
from beambook.publication._verify.subject import unsealed

from .served import served

CONTENT = os.urandom(3 << 20)
NAME = "raw/run 487.h5"


@pytest.fixture(scope="module")
def web():
    with served({NAME: CONTENT, "empty": b""}) as server:
        yield server


@pytest.fixture
def fetcher(tmp_path):
    return Fetcher(Silent(), DataCache(tmp_path / "cache"), pauses=(0.0,))


def refer(address, content=CONTENT, name=NAME, **facts):
    file = DataFile(name, len(content), hashlib.sha256(content).hexdigest(), address)
    return DataReference("raw", "url", address, "", (replace(file, **facts),))


def left(fetcher):
    """Contents that are kept."""
    files = fetcher.cache.folder / "files"
    return [f.name for f in files.iterdir() if f.suffix != ".lock"] if files.is_dir() else []


@pytest.mark.parametrize("how", ["good", "whole", "togood", "tolong", "busy", "halting", "faraway"])
def test_what_is_there_is_had_and_kept(web, fetcher, how):
    reference = refer(web.url(how, "raw/run%20487.h5"))
    assert fetcher.kept(reference) is None
    folder, note = fetcher.fetched(reference)
    assert (folder / NAME).read_bytes() == CONTENT
    assert note == f"data raw: 1 file (3.15 MB) fetched from {web.home[7:]}"
    asked = len(web.asked)
    assert fetcher.kept(reference) == folder
    other = refer(web.url("absent", "x"), name="renamed.h5")  # the same content, elsewhere
    assert (fetcher.kept(other) / "renamed.h5").samefile(folder / NAME)
    assert len(web.asked) == asked
    assert {"Authorization", "Cookie"}.isdisjoint(web.asked[-1][1])


def test_nothing_of_the_network_for_a_file_of_no_bytes(web, fetcher):
    folder, _ = fetcher.fetched(refer(web.url("good", "empty"), b"", "empty"))
    assert (folder / "empty").read_bytes() == b""


def test_two_at_once_fetch_once(web, fetcher):
    reference = refer(web.url("good", "raw/run%20487.h5"))
    web.asked.clear()
    with ThreadPoolExecutor(2) as pool:
        folders = {folder for folder, _ in pool.map(fetcher.fetched, [reference] * 2)}
    assert (folders.pop() / NAME).read_bytes() == CONTENT
    assert len(web.asked) == 1
    assert not folders


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("truncated", "ended after 1,572,864 of 3,145,728 bytes"),
        ("changed", "is not what was sealed: another checksum"),
        ("longer", "has 3,145,732 bytes, not the 3,145,728 that were sealed"),
        ("endless", "sends more than the 3,145,728 bytes that were sealed"),
        ("tofile", "redirects to 'file:///etc/hostname'"),
        ("toftp", "redirects to 'ftp://127.0.0.1/data.h5', which is no address of the web"),
        ("circle", "redirects to '/circle/raw/run%20487.h5', which is not followed"),
        ("absent", "says 404 Not Found"),
        ("coloured", "says 404 ?[31mgone?]0;x?"),
        ("backwards", "sends more than the 3,145,728 bytes that were sealed"),
    ],
)
def test_what_is_not_as_it_was_sealed_is_named_and_not_used(web, fetcher, how, said):
    reference = refer(web.url(how, "raw/run%20487.h5"))
    with pytest.raises(DataError, match=r"data raw: raw/run 487.h5 cannot be fetched: .*") as error:
        fetcher.fetched(reference)
    assert said in str(error.value)
    assert fetcher.kept(reference) is None
    assert left(fetcher) == ([f"{reference.files[0].sha256}.part"] if how == "truncated" else [])


def test_an_endless_answer_is_not_read_on(web, fetcher):
    web.sent = 0
    with pytest.raises(DataError):
        fetcher.fetched(refer(web.url("endless", "raw"), b"small"))
    assert web.sent < 64 << 20  # what fits into the buffers of the system


def test_what_comes_before_a_redirect_is_not_read_on(web, fetcher):
    """The standard library reads all of it, into memory."""
    web.sent = 0
    fetcher.fetched(refer(web.url("tolong", "raw/run%20487.h5")))
    assert web.sent < 64 << 20


def test_a_server_that_drips_is_given_up_and_continued_later(web, fetcher, monkeypatch):
    monkeypatch.setattr("beambook.publication._fetch.download.PATIENCE_S", 0.1)
    dripping = refer(web.url("dripping", "raw/run%20487.h5"))
    with pytest.raises(DataError, match=r"sent [1-9]\d* bytes in 0 s: given up; a next time goes"):
        fetcher.fetched(dripping)
    web.asked.clear()
    folder, _ = fetcher.fetched(refer(web.url("good", "raw/run%20487.h5")))
    assert (folder / NAME).read_bytes() == CONTENT
    assert web.asked[0][1]["Range"].startswith("bytes=")


def test_a_head_that_does_not_end_and_an_answer_that_drips_are_given_up(web, fetcher, monkeypatch):
    monkeypatch.setattr("beambook.publication._fetch.web.SECONDS", 0.2)
    with pytest.raises(DataError, match=r"does not answer|ended after 0 of"):
        fetcher.fetched(refer(web.url("headless", "raw")))
    with pytest.raises(DataError, match="too long"):
        ask_json(web.url("dripping", "raw/run%20487.h5"))


def test_who_would_be_asked_is_told_before(web):
    reference = refer(web.url("good", "raw/run%20487.h5"))
    files = tuple(replace(f, url=f"http://10.0.0.{i}/x") for f in reference.files for i in range(4))
    asked = asked_of(replace(reference, files=(*reference.files, *files)))
    assert asked == f"{web.home[7:]}, 10.0.0.0, 10.0.0.1, and 2 more"


@pytest.mark.parametrize("how", ["good", "whole"])
@pytest.mark.parametrize(
    "begun",
    [CONTENT[:1000], b"y" * 1000, CONTENT, CONTENT + b"y"],
    ids=["ours", "wrong", "all", "more"],
)
def test_what_an_interrupted_download_left_is_continued_if_it_is_right(web, fetcher, how, begun):
    reference = refer(web.url(how, "raw/run%20487.h5"))
    place = fetcher.cache.place(reference.files[0])
    place.parent.mkdir(parents=True)
    place.with_name(f"{place.name}.part").write_bytes(begun)
    web.asked.clear()
    folder, _ = fetcher.fetched(reference)
    assert (folder / NAME).read_bytes() == CONTENT
    ranges = [headers.get("Range") for _, headers in web.asked]
    assert ranges == {1000: ["bytes=1000-"], 3 << 20: []}.get(len(begun), [None]) + [None] * (
        begun[:1] == b"y" and how == "good"
    )


def test_what_was_changed_in_the_cache_is_fetched_anew(web, fetcher):
    reference = refer(web.url("good", "raw/run%20487.h5"))
    folder, _ = fetcher.fetched(reference)
    (folder / NAME).chmod(0o644)
    (folder / NAME).write_bytes(b"x" + CONTENT[1:])
    assert fetcher.kept(reference) is None
    again, _ = fetcher.fetched(reference)
    assert (again / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"url": ""}, "names no address"),
        ({"sha256": None}, "no checksums"),
        ({"sha256": "../../../etc/cron.d/x"}, "no checksums"),
        ({"size": -1}, "impossible size"),
        ({"size": 1 << 60}, "are free in"),
        ({"url": "file:///etc/passwd"}, "no address of the web"),
        ({"url": "https://me:word@127.0.0.1/x"}, "has a name or password in it"),
        ({"url": "http://127.0.0.1:notaport/"}, "no address"),
    ],
)  # fmt: skip
def test_what_a_publication_must_say(fetcher, facts, said):
    with pytest.raises(DataError, match=said):
        fetcher.fetched(refer("http://127.0.0.1:9/x", **facts))
    assert left(fetcher) == []


def test_a_folder_that_refers_to_nothing_has_nothing_to_fetch(tmp_path):
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [], "nbformat": 4}))
    found = find_data(unsealed(tmp_path), None, fetch=True, reporter=Silent())
    assert (found.problem, found.notes) == ("", ("nothing to fetch: no data is referred to",))


@given(st.text() | st.from_regex(r"[a-z]{1,6}:(//)?[ -~]{0,20}", fullmatch=True))
def test_no_text_is_asked_for_but_addresses_of_the_web(text):
    if why_not_asked(text):
        with pytest.raises(DataError):
            ask(text)
    else:
        assert text.lower().startswith(("http://", "https://"))


class TestArchives:
    def test_zenodo_and_addresses_need_no_question(self):
        address = Archives(handles="http://127.0.0.1:9").address
        named = address(doi_address("10.5281/zenodo.77", NAME))
        assert named == "https://zenodo.org/records/77/files/run%20487.h5?download=1"
        assert address("https://example.org/a") == "https://example.org/a"

    def test_figshare(self, web):
        files = {"files": [{"name": "run 487.h5", "download_url": web.url("good", "x")}]}
        web.answers["/api/articles/12/versions/3"] = web.answers["/api/articles/12"] = files
        archives = Archives(figshare=f"{web.home}/api")
        for doi in ("10.6084/m9.figshare.12.v3", "10.6084/m9.figshare.12"):
            assert archives.address(doi_address(doi, NAME)) == web.url("good", "x")

    def test_dataverse(self, web, fetcher):
        landing = [{"type": "URL", "data": {"value": f"{web.home}/citation?x"}}]
        web.answers["/api/handles/10.7910/DVN/ABC?type=URL"] = {"values": landing}
        files = [
            {"directoryLabel": "raw", "dataFile": {"id": 5, "filename": "run 487.h5"}},
            {"directoryLabel": "proc", "dataFile": {"id": 6, "filename": "run 487.h5"}},
            {"dataFile": {"id": 7, "filename": "t.tab", "originalFileName": "t.csv"}},
        ]
        asked = "/api/datasets/:persistentId/?persistentId=doi:10.7910/DVN/ABC"
        web.answers[asked] = {"data": {"latestVersion": {"files": files}}}
        archives = Archives(handles=f"{web.home}/api/handles")

        def address(name):
            return archives.address(doi_address("10.7910/DVN/ABC", name))

        assert address(NAME) == f"{web.home}/api/access/datafile/5"
        assert address("t.csv") == f"{web.home}/api/access/datafile/7?format=original"
        with pytest.raises(DataError, match=r"several files 'run 487.h5'"):
            address("run 487.h5")
        with pytest.raises(DataError, match=r"no file 'y'"):
            address("y")

    @pytest.mark.parametrize(
        "answer",
        [None, [], {"values": [{"type": "URL"}]}, {"values": 5}],
        ids=["absent", "list", "halved", "number"],
    )
    def test_others_are_told(self, web, answer):
        if answer is not None:
            web.answers["/api/handles/10.22003/X-1?type=URL"] = answer
        with pytest.raises(DataError, match=r"of 10\.22003/X-1|says 404"):
            Archives(handles=f"{web.home}/api/handles").address(doi_address("10.22003/X-1", "a"))


class TestDeclared:
    @pytest.fixture
    def foils(self, tmp_path):
        folder = tmp_path / "foils"
        (folder / "deep").mkdir(parents=True)
        (folder / "a b.h5").write_bytes(b"a")
        (folder / "deep" / "c.h5").write_bytes(b"c")
        return folder

    @pytest.mark.parametrize(
        ("facts", "kind", "urls"),
        [
            ({"url": "https://x.org/d"}, "url", ["https://x.org/d/a%20b.h5", "https://x.org/d/deep/c.h5"]),
            ({"doi": "doi:10.5281/zenodo.7"}, "doi",
             ["doi:10.5281/zenodo.7/a%20b.h5", "doi:10.5281/zenodo.7/deep%2Fc.h5"]),
            ({"doi": "10.5281/zenodo.7", "files": {"a b.h5": "http://y/a"}}, "doi",
             ["http://y/a", "doi:10.5281/zenodo.7/deep%2Fc.h5"]),
        ],
        ids=["url", "doi", "files"],
    )  # fmt: skip
    def test_each_file_has_its_address(self, foils, tmp_path, facts, kind, urls):
        piece = as_piece({"folder": str(foils), **facts}, tmp_path / "paper")
        assert (piece.reference.kind, list(piece.urls.values())) == (kind, urls)

    def test_one_file_that_the_author_has_not_here(self, tmp_path):
        said = {"url": "https://x.org/raw/run%20487.h5?d=1", "size": 5, "sha256": "A" * 64}
        (file,) = as_piece(said, tmp_path).reference.files
        assert file == DataFile("run 487.h5", 5, "a" * 64, said["url"])
        placed = as_piece(said | {"target": "in/raw.h5"}, tmp_path).reference
        assert (placed.target, placed.files[0].path) == ("in", "raw.h5")
        named = as_piece({"doi": "10.5281/zenodo.7", "name": "x.h5", "size": 5, "sha256": "a" * 64}, tmp_path)  # fmt: skip # noqa: E501
        assert named.reference.files[0].url == "doi:10.5281/zenodo.7/x.h5"

    @pytest.mark.parametrize(
        ("facts", "said"),
        [
            ({"files": {"a-b.h5": "https://x.org"}}, "no file 'a-b.h5'. Did you mean a b.h5"),
            ({"files": ["a b.h5"]}, "files are names with addresses"),
            ({"carry": "never"}, "carry is 'never'"),
            ({"folder": None, "url": "https://x.org/a", "size": 5}, "said together"),
            ({"folder": None, "url": "https://x.org/a", "files": {"a": "b"}}, "none of its files"),
        ],
        ids=["misspelt", "list", "carry", "half", "nowhere"],
    )
    def test_what_is_said_wrongly(self, foils, tmp_path, facts, said):
        with pytest.raises(PublicationError, match=said):
            as_piece({"folder": str(foils), **facts}, tmp_path)

    def test_addresses_come_back_from_the_record(self):
        reference = refer("https://x.org/a")
        assert build(DataReference, [reference.document()], "data") == (reference,)
        assert "url" not in refer("").document()["files"][0]
        with pytest.raises(PublicationError, match="url is 5"):
            build(DataFile, [{"path": "a", "size": 1, "url": 5}], "files")
