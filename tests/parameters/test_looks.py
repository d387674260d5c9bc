"""A file that is called a notebook and is none: what it looks like is said in a few words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.errors import NotebookError
from beambook.parameters import Parameters
from beambook.parameters._looks import looks_of
from beambook.recipe import Recipe
from beambook.recipe._notebook import read_notebook

LOOKS = {
    "empty": (b" \n", "it is empty"),
    "page": (
        b"\xef\xbb\xbf\n<!doctype HTML>\n<Title >Log\x1b in</title>",
        r"an HTML page \('Log in'\)",
    ),
    "comments": (b"<?xml version='1.0'?><!-- a --><!-- b --><html>", "it is an HTML page, perhaps"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "picture": (b"\x89PNG\r\n\x1a\n", "it is a PNG picture"),
    "zip": (b"PK\x03\x04\0\0", "it is a zip"),
    "binary": (b"\x01\0\x02", "it is a binary file"),
    "conflict": (b'{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> b\n}', "merge conflict"),
    "cut": (b'{"cells": [\n{"cell', "cut short or damaged in line 2"),
    "list": (b"[1, 2]", "it is JSON, but a list"),
    "object": (b'{"a": 1}', "it is JSON, but without cells"),
    "deep": (b"[" * 100_000, "nested deeper"),
    "text": (b"import numpy", "it is text, not JSON"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_it_looks_like_is_said_by_all_who_read_notebooks(tmp_path, name):
    content, said = LOOKS[name]
    path = tmp_path / "fit.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match=rf"fit\.ipynb' is not a Jupyter notebook: .*{said}"):
        Recipe.find(path)
    with pytest.raises(NotebookError, match=said):
        read_notebook(path)
    if name not in ("list", "object"):
        with pytest.raises(NotebookError, match=said):
            Parameters.of(path)


def test_what_looks_like_a_notebook_is_not_judged(tmp_path):
    (tmp_path / "fit.ipynb").write_text('{"cells": 5}')
    assert looks_of(tmp_path / "fit.ipynb") == ""
    with pytest.raises(NotebookError, match=r"is not a Jupyter notebook: .+"):
        read_notebook(tmp_path / "fit.ipynb")


@given(st.text(st.sampled_from("<>!-=? \n{[\"'htmleadi\x1b\x07"), max_size=200))
def test_it_is_always_one_printable_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    path.write_text(text)
    assert looks_of(path).isprintable()
