"""What comes from outside: hostile zips and folders are refused, nothing lands elsewhere."""

import json
import os
import stat
import struct
import zipfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from beambook.errors import PublicationError, RunNotFound
from beambook.publication import Publication, seal
from beambook.publication._archive import unpack, write_zip
from beambook.publication._manifest import MANIFEST, files_below
from beambook.publication._names import twins, why_unsafe

HOSTILE = [
    "../escaped.txt", "work/../../escaped.txt", "/etc/escaped", "//server/share", "C:/escaped",
    "work\\..\\..\\escaped", "work/a\x00b", "work/a\nb", "work/a\x1b[2Jb", "work/\u202etxt.exe",
    "work/CON", "work/nul.txt", "work/com1.csv", "work/a.", "work/a ", "work/ a", "work//a",
    "work/./a", "", "work/a:stream", "work/what?", "work/" + "a" * 256, "a/" * 70 + "a",
    "work/\u2028", "..", "work/aux", "work/LPT9.ipynb",
]  # fmt: skip


@pytest.fixture
def sealed(tmp_path):
    source = tmp_path / "paper"
    source.mkdir()
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="a")]), source / "a.ipynb")
    (source / "µ data.csv").write_text("1,2\n")
    return seal(source, tmp_path / "sealed", environment="none", date="2026-11-23")


@pytest.fixture
def box(tmp_path):
    """An empty folder in another empty one, so that what climbs out is seen."""
    folder = tmp_path / "outer" / "box"
    folder.mkdir(parents=True)
    yield folder
    assert [p.name for p in folder.parent.iterdir()] == ["box"]


def make_zip(path, entries, *, change=None):
    """A zip of (name, content); `change` may spoil each entry before it is written."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = entry.orig_filename = name
            entry.compress_type = zipfile.ZIP_DEFLATED
            if change:
                change(entry)
            archive.writestr(entry, content)
    return path


class TestNames:
    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_is_refused(self, name):
        assert why_unsafe(name)

    @pytest.mark.parametrize(
        "name", ["work/a.ipynb", "work/µ data.csv", "work/.binder/x", "a/console.txt", "работа/ü",
                 "work/-rf", "work/a..b", "work/図.png", "a/COM10.txt"],
    )  # fmt: skip
    def test_honest_is_let_pass(self, name):
        assert why_unsafe(name) == ""

    @given(st.text(min_size=1, max_size=60))
    @example("a/../b")
    def test_what_is_let_pass_stays_below_its_folder(self, name):
        if not why_unsafe(name):
            path = os.path.normpath(os.path.join("/top/box", name))
            assert path.startswith("/top/box/")
            assert path == f"/top/box/{name}"

    def test_twins_are_found_whatever_their_form(self):
        assert twins(["a/b", "A/c"]) == [("a", "A")]
        assert twins(["\u00e9.txt", "e\u0301.txt"])
        assert twins(["stra\u00dfe", "STRASSE"])
        assert twins(["a/b", "a/c", "b/a"]) == []


class TestZip:
    def test_is_the_folder(self, sealed, tmp_path):
        opened = Publication.open(sealed.zip(tmp_path / "p.zip"))
        assert opened.checksum == sealed.checksum
        assert opened.check() == ()
        files = {n: (opened.path / n).read_bytes() for n in files_below(opened.path)}
        assert files == {n: (sealed.path / n).read_bytes() for n in files_below(sealed.path)}

    def test_unpacked_folder_goes_with_the_object(self, sealed, tmp_path):
        opened = Publication.open(sealed.zip(tmp_path / "p.zip"))
        folder = opened.path
        assert folder.is_dir()
        del opened
        assert not folder.exists()

    def test_one_folder_around_everything_is_looked_into(self, sealed, tmp_path):
        entries = [
            (f"edge/{name}", (sealed.path / name).read_bytes()) for name in files_below(sealed.path)
        ]
        opened = Publication.open(make_zip(tmp_path / "p.zip", entries))
        assert opened.checksum == sealed.checksum

    def test_dates_and_modes_of_files_do_not_matter(self, sealed, tmp_path):
        first = sealed.zip(tmp_path / "a.zip").read_bytes()
        for name in files_below(sealed.path):
            os.utime(sealed.path / name, (1, 1))
            (sealed.path / name).chmod(0o600)
        assert sealed.zip(tmp_path / "b.zip").read_bytes() == first

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
    @given(
        files=st.dictionaries(
            st.text("abc/.µ ", min_size=1, max_size=9).filter(lambda name: not why_unsafe(name)),
            st.binary(max_size=200),
            max_size=5,
        )
    )
    def test_writing_and_unpacking_are_inverse(self, files, tmp_path_factory):
        home = tmp_path_factory.mktemp("zip")
        (home / "in").mkdir()
        (home / "out").mkdir()
        kept = {}
        for name, content in files.items():
            path = home / "in" / name
            if not any(p.is_file() for p in path.parents) and not path.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                kept[name] = content
        write_zip(home / "in", home / "a.zip")
        unpack(home / "a.zip", home / "out")
        found = {n: (home / "out" / n).read_bytes() for n in files_below(home / "out")}
        assert found == kept


class TestHostileZip:
    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    def test_name(self, name, box, tmp_path):
        with pytest.raises(PublicationError):
            unpack(make_zip(tmp_path / "p.zip", [("a", b""), (name, b"x")]), box)
        assert list(box.iterdir()) == []

    @pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK])
    def test_links_and_devices(self, kind, box, tmp_path):
        def change(entry):
            entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16

        with pytest.raises(PublicationError, match="only files and folders"):
            unpack(make_zip(tmp_path / "p.zip", [("work", b"/etc")], change=change), box)

    @pytest.mark.parametrize(
        "names", [["a", "A"], ["a", "a"], ["\u00e9", "e\u0301"], ["a", "a/b"], ["a/b", "A/c"]],
        ids=["case", "double", "form", "file-and-folder", "folder-case"],
    )  # fmt: skip
    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_names_of_one_file(self, names, box, tmp_path):
        with pytest.raises(PublicationError):
            unpack(make_zip(tmp_path / "p.zip", [(name, b"x") for name in names]), box)

    def test_bomb_by_its_ratio(self, box, tmp_path):
        entries = [(f"{n}", bytes(1 << 20)) for n in range(201)]
        with pytest.raises(PublicationError, match="as bombs do"):
            unpack(make_zip(tmp_path / "p.zip", entries), box)
        assert list(box.iterdir()) == []

    def test_more_than_is_wanted(self, box, tmp_path):
        path = make_zip(tmp_path / "p.zip", [("a", os.urandom(1000))])
        with pytest.raises(PublicationError, match="at most 999"):
            unpack(path, box, most_bytes=999)
        assert unpack(path, box, most_bytes=1000)

    def test_table_of_contents_that_lies_about_the_size(self, box, tmp_path):
        path = make_zip(tmp_path / "p.zip", [("a", bytes(100_000))])
        content = bytearray(path.read_bytes())
        place = content.index(b"PK\x01\x02") + 24
        assert struct.unpack_from("<I", content, place) == (100_000,)
        struct.pack_into("<I", content, place, 10)
        path.write_bytes(content)
        with pytest.raises(PublicationError):
            unpack(path, box)
        assert sum(p.stat().st_size for p in box.rglob("*")) <= 10

    def test_entries_that_overlap(self, box, tmp_path):
        """Many names for one compressed stream: how small files become petabytes."""
        path = make_zip(tmp_path / "p.zip", [("a", os.urandom(10_000)), ("b", b"x")])
        content = path.read_bytes()
        start = content.index(b"PK\x01\x02")
        first_end = content.index(b"PK\x01\x02", start + 4)
        end = content.index(b"PK\x05\x06")
        entry = content[start:first_end]
        copies = [bytearray(entry) for _ in range(3)]
        for letter, copy in zip(b"acd", copies, strict=True):
            copy[46] = letter
        directory = b"".join(bytes(copy) for copy in copies)
        tail = bytearray(content[end:])
        struct.pack_into("<HH", tail, 8, 3, 3)
        struct.pack_into("<I", tail, 12, len(directory))
        path.write_bytes(content[:start] + directory + tail)
        with pytest.raises(PublicationError):
            unpack(path, box)

    def test_table_of_contents_that_fills_the_memory(self, box, tmp_path):
        path = make_zip(tmp_path / "p.zip", [("a", b"x")])
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, content.rindex(b"PK\x05\x06") + 12, (64 << 20) + 1)
        path.write_bytes(content)
        with pytest.raises(PublicationError, match="table of contents"):
            unpack(path, box)

    def test_encrypted(self, box, tmp_path):
        path = make_zip(tmp_path / "p.zip", [("a", b"x")])
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)
        with pytest.raises(PublicationError, match="encrypted"):
            unpack(path, box)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(data=st.data())
    def test_damaged_anywhere_is_refused_or_seen(self, data, intact_zip, tmp_path_factory):
        content = bytearray(intact_zip)
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path = tmp_path_factory.mktemp("damaged") / "p.zip"
        path.write_bytes(bytes(content))
        try:
            opened = Publication.open(path)
        except PublicationError:
            return
        names = {p.relative_to(opened.path).parts[0] for p in opened.path.rglob("*")}
        assert ".." not in names

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06", b"not a zip" * 9])
    def test_no_zip(self, content, tmp_path):
        path = tmp_path / "p.zip"
        path.write_bytes(content)
        with pytest.raises(PublicationError):
            Publication.open(path)


@pytest.fixture(scope="module")
def intact_zip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact")
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="a")]), folder / "a.ipynb")
    made = seal(folder / "a.ipynb", folder / "p.zip", environment="none", date="2026-11-23")
    return made.origin.read_bytes()


class TestHostileFolder:
    def test_link(self, sealed):
        (sealed.work / "passwords").symlink_to("/etc/passwd")
        with pytest.raises(PublicationError, match="is a link"):
            Publication.open(sealed.path)

    def test_linked_folder(self, sealed):
        (sealed.work / "etc").symlink_to("/etc")
        with pytest.raises(PublicationError, match="is a link"):
            Publication.open(sealed.path)

    def test_link_that_came_later_is_named(self, sealed):
        (sealed.work / "a.ipynb").unlink()
        (sealed.work / "a.ipynb").symlink_to("/etc/passwd")
        (problem,) = sealed.check()
        assert (problem.path, problem.what[:9]) == ("work/a.ipynb", "is a link")

    def test_pipe(self, sealed):
        os.mkfifo(sealed.work / "pipe")
        with pytest.raises(PublicationError, match="a device, pipe"):
            Publication.open(sealed.path)

    def test_name_that_is_no_text(self, sealed):
        Path(os.fsdecode(bytes(sealed.work) + b"/\xff\xfe")).write_text("x")
        with pytest.raises(PublicationError, match="Refused"):
            Publication.open(sealed.path)

    def test_case(self, sealed):
        (sealed.work / "A.IPYNB").write_text("{}")
        with pytest.raises(PublicationError, match="case does not count"):
            Publication.open(sealed.path)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("notebooks", [{"path": "../../x.ipynb"}]),
            ("notebooks", [{"path": "a.ipynb", "reference": "/etc/passwd"}]),
            ("notebooks", [{"path": "a.ipynb", "outputs": ["../x"]}]),
            ("notebooks", [{"path": 7}]),
            ("notebooks", [{"path": "a.ipynb", "values": []}]),
            ("notebooks", {"path": "a.ipynb"}),
            ("notebooks", [{}]),
            ("data", [{"name": "x", "kind": "carried", "where": "../.."}]),
            ("data", [{"name": "x", "kind": "folder", "target": "../../home"}]),
            ("data", [{"name": "x", "kind": "run", "files": [{"path": "../x", "size": 1}]}]),
            ("data", [{"name": "x", "kind": "run", "files": [{"path": "x", "size": "1"}]}]),
            ("format", "beambook publication 99"),
            ("format", None),
        ],
    )
    def test_record(self, sealed, key, value):
        record = {**sealed.record, key: value}
        (sealed.path / "publication.json").write_text(json.dumps(record))
        with pytest.raises(PublicationError):
            Publication.open(sealed.path)

    @pytest.mark.parametrize("text", ["[]", "{", "7", "[" * 100_000])
    def test_record_that_is_none(self, sealed, text):
        (sealed.path / "publication.json").write_text(text)
        with pytest.raises(PublicationError):
            Publication.open(sealed.path)

    @pytest.mark.parametrize(
        "line", ["nonsense", "0" * 64 + "  ../../x", "0" * 64 + " x", "0" * 64 + "  /etc/passwd"]
    )
    def test_manifest(self, sealed, line):
        manifest = sealed.path / MANIFEST
        manifest.write_text(manifest.read_text() + line + "\n")
        (problem,) = sealed.check()
        assert problem.path == MANIFEST

    def test_manifest_with_one_file_twice(self, sealed):
        manifest = sealed.path / MANIFEST
        first = manifest.read_text().splitlines()[0]
        manifest.write_text(manifest.read_text() + first + "\n")
        assert "twice" in str(sealed.check()[0])

    def test_huge_manifest_is_not_read(self, sealed):
        with (sealed.path / MANIFEST).open("r+b") as file:
            file.truncate((64 << 20) + 1)  # sparse: takes no space
        assert "larger than" in str(sealed.check()[0])

    def test_no_publication_at_all(self, tmp_path):
        with pytest.raises(RunNotFound, match="nowhere"):
            Publication.open(tmp_path / "nowhere")
        with pytest.raises(PublicationError, match="is no publication"):
            Publication.open(tmp_path)


@pytest.mark.parametrize("authors", [5, ["x"], {"name": 1}, [{"name": 7}], None])
def test_card_of_a_strange_record(sealed, authors):
    record = {**sealed.record, "authors": authors, "environment": 5, "notes": 5, "title": 5}
    (sealed.path / "publication.json").write_text(json.dumps(record))
    assert "Publication" in Publication.open(sealed.path).card().text()


def test_card_and_open_do_not_write(sealed):
    before = {p: p.stat().st_mtime_ns for p in sealed.path.rglob("*")}
    again = Publication.open(sealed.path)
    assert "a.ipynb" in again.card().text()
    assert "a.ipynb" in again._repr_html_()
    assert json.loads(again.card().json())["kind"] == "Publication"
    again.check()
    assert {p: p.stat().st_mtime_ns for p in sealed.path.rglob("*")} == before
