"""Notebooks made of a text for their parameters cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beambook.parameters import Parameters


def notebook_of(cell: str, *, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": metadata or {},
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Title"},
            {
                "cell_type": "code",
                "id": "b",
                "metadata": {"tags": ["parameters"]},
                "execution_count": 3,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "x = 1"}],
                "source": cell,
            },
            {
                "cell_type": "code",
                "id": "c",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": "run = 1",
            },
        ],
    }


@pytest.fixture
def make_notebook() -> Callable[..., dict[str, Any]]:
    return notebook_of


@pytest.fixture
def read() -> Callable[[str], Parameters]:
    """Parameters of a cell's text."""
    return lambda cell: Parameters.of(notebook_of(cell))


@pytest.fixture
def rewritten() -> Callable[..., str]:
    """A cell's text after values were written into it."""

    def write(cell: str, **values: Any) -> str:
        notebook = notebook_of(cell)
        return str(Parameters.of(notebook).write(notebook, values)["cells"][1]["source"])

    return write
