"""What would leave by accident is found and told shortened; what is harmless is not."""

import html
import json
import string

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from beambook.errors import PublicationError
from beambook.publication import find_secrets, seal

# Put together here, so that no scanner takes this file for a leak.
GITHUB = "gh" + "p_" + "a1B2" * 9
AMAZON = "AK" + "IA" + "Z7Q2M4K9T1XW8RB3"
JWT = ".".join(
    ["ey" + "JhbGciOiJIUzI1NiJ9", "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmN"]
)
PRIVATE = "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk="
HARMFUL = [
    ("token", f"client = GitHub('{GITHUB}')"),
    ("token", f"aws configure set key {AMAZON}"),
    ("token", f"Authorization: Bearer {JWT}"),
    ("token", "http://localhost:8888/lab?token=3f9c1b7e5a2d8064c1b7e5a2d8064c1b"),
    ("token", "hf_" + "AbCdEfGhIj" * 3 + "Klmn"),
    ("key", PRIVATE),
    ("password", "engine = create_engine('postgresql://beamline:s3cr3tW0rd@db.desy.de/x')"),
    ("password", "password = 'hunter2hunter2'"),
    ("password", 'os.environ["API_KEY"] = "d41d8cd98f00b204"'),
    ("password", '{"client_secret": "Zx81-Spectrum-48k"}'),
    ("password", "connect(user='x', passwd='correct horse battery')"),
    ("home", "/home/schmidt/analysis/run.ipynb"),
    ("home", "File /Users/jane.q/Documents/x.py:3"),
    ("home", r"C:\Users\Schmidt\Desktop\data.csv"),
    ("home", r"C:\\Users\\Schmidt\\Desktop"),
    ("home", "/gpfs/exfel/data/user/home/schmidt/x"),
    ("home", "file:///home/schmidt/x.html"),
    ("home", "/afs/desy.de/user/s/schmidt/x"),
    ("home", "/gpfs/exfel/data/user/schmidt/notes"),
    ("token", "github" + "_pat_" + "11ABCDEFG0" * 5),
    ("token", "gl" + "dt-" + "abcdEFGH1234ijklMNOP"),
    ("key", "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----"),
    ("token", "https://" + "a1b2c3d4E5" * 4 + "@github.com/x/y.git"),
    ("token", "Cookie: sessionid=38afes7a8FJdkfjdk3k4j5k6"),
    ("token", "AccountKey=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4=="),
    ("password", "%env ZENODO_TOKEN=hunter22xyzAB"),
    ("password", "export PGPASSWORD=hunter22xyz"),
    ("password", "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz"),
    ("password", "token = 'abcdefghijklmnopqrstuvwxyz0123'"),
    ("password", "machine git.desy.de login schmidt password hunter22x"),
    ("password", "curl -u schmidt:hunter22xyz https://desy.de"),
    ("password", r"'{\"api_key\": \"hunter22xyz\"}'"),
    ("e-mail", "Slurm will mail to anna.schmidt@desy.de"),
]
HARMLESS = [
    "password = getpass.getpass()",
    "password = os.environ['PASSWORD']",
    "token = '<your token here>'",
    "api_key = 'YOUR_API_KEY'",
    "secret = '***'",
    "passwords = ['a']",
    "token = next_token, max_tokens=4096, tokens: 128k",
    "the password: eightteen or more",
    "https://www.esrf.fr/home/UsersAndScience.html",
    "https://indico.desy.de/event/home/schmidt",
    "curl -u user:$PASSWORD",
    "key = 'image.data'",
    "access_key='{key}'",
    "https://github.com/european-xfel/extra-data/blob/master/home/index.html",
    "the /home page and /Users are places",
    "/home/user/data, /home/jovyan/work",
    "result = A@B.T + c@d.real",
    "data@x.com_port",
    "git@github.com:lab/paper.git",
    "someone@example.org",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "/entry/instrument/detector/data",
    "/INSTRUMENT/SA1_DET/image/data",
    "a/b/c and 1/2/3 and km/h",
    "/usr/lib/python3.11/site-packages/numpy/core.py:12: RuntimeWarning",
    "/tmp/ipykernel_123/456.py:1: DeprecationWarning",
    "eyJhbGciOi is how they begin",
    "AKIAK is a town",
    "sk-learn is written scikit-learn, sk-image too",
    "tokenize.Token = 'abc'",
    "bearer of bad news that are long enough to be one",
]  # fmt: skip


def output(text):
    return [new_output("stream", text=text)]


def notebook(path, *cells, metadata=None):
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata or {}), path)
    return path


@pytest.mark.parametrize(("kind", "text"), HARMFUL, ids=range(len(HARMFUL)))
@pytest.mark.parametrize("place", ["code", "output", "metadata", "line 2"])
def test_is_found_wherever_it_is(kind, text, place, tmp_path):
    if place == "line 2":
        path = tmp_path / "x.py"
        path.write_text(f"first\n{text}\n")
    else:
        cell = new_code_cell(text if place == "code" else "1")
        cell.outputs = output(text) if place == "output" else []
        cell.metadata["note"] = text if place == "metadata" else ""
        path = notebook(tmp_path / "x.ipynb", new_markdown_cell("# A"), cell)
    found = find_secrets({"x": path})
    assert [(leak.kind, leak.place) for leak in found] == [(kind, place)]
    assert found[0].cell == (2 if path.suffix == ".ipynb" else None)


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_harmless_is_let_pass(text, tmp_path):
    cell = new_code_cell(text, outputs=output(text))
    path = notebook(tmp_path / "x.ipynb", new_markdown_cell(text), cell)
    (tmp_path / "x.py").write_text(text)
    found = find_secrets([path, tmp_path / "x.py"])
    assert [str(leak) for leak in found] == []


def test_names_of_variables_are_no_secrets(tmp_path):
    code = "token = next_token2\nsecret = secret_v2_of_all_of_us\nkey(access_key=numbers[17])"
    (tmp_path / "x.py").write_text(code)
    book = notebook(tmp_path / "x.ipynb", new_code_cell(code))
    assert find_secrets([book, tmp_path / "x.py"]) == ()


@pytest.mark.parametrize(
    "secret", [GITHUB, "hunter2hunter2", "s3cr3tW0rd", JWT], ids=["token", "word", "address", "jwt"]
)
def test_what_is_told_is_no_leak_itself(secret, tmp_path):
    path = tmp_path / "x.py"
    path.write_text(f"password = '{secret}'\nurl = 'https://me:{secret}@host.org'\n")
    found = find_secrets([path])
    assert found
    assert not any(secret in str(leak) for leak in found)


def test_widgets_and_rich_outputs_are_searched_and_pictures_are_not(tmp_path):
    rich = {"text/html": "<b>/home/schmidt/a</b>", "image/png": "/home/schmidt/b" + "A" * 60}
    state = {
        "application/vnd.jupyter.widget-state+json": {"state": {"m": {"value": "/home/max/c"}}}
    }
    html = f'<img src="data:image/png;base64,{"QUJD" * 60}">'
    cell = new_code_cell(
        "1",
        outputs=[new_output("display_data", rich), new_output("display_data", {"text/html": html})],
    )
    path = notebook(tmp_path / "x.ipynb", cell, metadata={"widgets": state})
    assert [(leak.cell, leak.shown) for leak in find_secrets([path])] == [
        (None, "'/home/max/c'"),
        (1, "'/home/schmidt/a'"),
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("token", GITHUB), ("home", "/home/schmidt/fit.py"), ("password", "password='hunter22x'")],
)
def test_colours_and_escapes_hide_nothing(kind, text, tmp_path):
    half = len(text) // 2
    coloured = f"\x1b[0;32m{text[:half]}\x1b[39m\x1b[49m{text[half:]}\x1b[0m"
    outputs = [
        new_output("error", ename="E", evalue="", traceback=["File", coloured]),
        new_output("display_data", {"text/html": f"<td>{html.escape(text)}</td>"}),
        new_output("stream", text=json.dumps(coloured)),
    ]
    cells = [new_code_cell("1", outputs=[output]) for output in outputs]
    found = find_secrets([notebook(tmp_path / "x.ipynb", *cells)])
    assert [(leak.cell, leak.kind) for leak in found] == [(1, kind), (2, kind), (3, kind)]


def test_names_of_users_count_where_programs_write_them(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        new_markdown_cell("Measured by A. Mustermann"),
        new_code_cell("1", outputs=output("job of mustermann on node 7")),
        metadata={"authors": [{"name": "A. Mustermann"}]},
    )
    found = find_secrets([path], users=["mustermann"])
    assert [(leak.kind, leak.cell) for leak in found] == [("user", 2)]


def test_paths_of_storage_count_in_outputs(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        new_code_cell(
            "open('/gpfs/exfel/exp/x.h5')",
            outputs=output(f"read /gpfs/exfel/exp/x.h5, {tmp_path}/x"),
        ),
    )
    found = find_secrets([path])
    assert [(leak.kind, leak.place) for leak in found] == [("path", "output")]


@given(st.text(string.printable, max_size=300), st.integers(0, 300))
def test_noise_around_hides_no_home_folder(tmp_path_factory, noise, place):
    path = tmp_path_factory.mktemp("noise") / "x.txt"
    path.write_text(f"{noise[:place]}\n /home/schmidt/x \n{noise[place:]}")
    assert any("/home/schmidt/x" in leak.shown for leak in find_secrets([path]))


def test_broken_notebook_is_searched_as_text(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text('{"cells": [ "/home/schmidt/x"')
    assert [leak.kind for leak in find_secrets([path])] == ["home"]


class TestSealing:
    def test_refuses_with_a_list_and_writes_nothing(self, tmp_path):
        source = tmp_path / "paper"
        source.mkdir()
        leaky = new_code_cell("1", outputs=output("wrote /home/schmidt/out.csv"))
        notebook(source / "a.ipynb", new_markdown_cell("# A"), leaky)
        (source / "fit.py").write_text(f"key = '{GITHUB}'\n")
        with pytest.raises(PublicationError) as refused:
            seal(source, tmp_path / "out", environment="none", date="2026-11-23")
        text = str(refused.value)
        assert "work/a.ipynb, cell 2 (output): home '/home/schmidt/out.csv'" in text
        assert "work/fit.py (line 1): token" in text
        assert "--allow home --allow token" in text
        assert GITHUB not in text
        assert not (tmp_path / "out").exists()
        assert [p.name for p in tmp_path.iterdir()] == ["paper"]

    def test_lets_pass_what_is_allowed_and_nothing_else(self, tmp_path):
        leaky = new_code_cell("1", outputs=output("wrote /home/schmidt/out.csv"))
        path = notebook(tmp_path / "a.ipynb", leaky)
        options = {"environment": "none", "date": "2026-11-23"}
        with pytest.raises(PublicationError, match="home"):
            seal(path, tmp_path / "out", allow=["token"], **options)
        assert seal(path, tmp_path / "out", allow=["home"], **options).check() == ()
        with pytest.raises(PublicationError, match="Did you mean home"):
            seal(path, tmp_path / "out2", allow=["hoem"], **options)

    def test_own_metadata_name_neither_the_machine_nor_the_place(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LOGNAME", "mustermann")
        source = tmp_path / "home" / "mustermann" / "paper"
        source.mkdir(parents=True)
        notebook(source / "a.ipynb", new_code_cell("1", outputs=output("1")))
        made = seal(source, tmp_path / "out", environment="none", date="2026-11-23")
        text = "".join(p.read_text() for p in made.path.iterdir() if p.is_file())
        assert "mustermann" not in text
        assert str(tmp_path) not in text
        assert json.loads((made.path / "publication.json").read_text())["title"] == "a"
