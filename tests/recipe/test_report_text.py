"""Texts in reports: what is cut is said, and what an execution said before stays."""

from beambook.recipe import Report, execute
from beambook.recipe._report_text import shorten


def test_long_text_says_how_many_lines_it_lost():
    text, left = shorten("\n".join(map(str, range(100))), first=10, last=5)
    assert left == 85
    assert text.split("\n")[9:12] == ["9", "… 85 lines are left out here …", "95"]


def test_text_that_went_to_a_file_keeps_the_word_of_it(make_notebook, tmp_path):
    path = make_notebook("for i in range(300_000): print('line', i)")
    execution = execute(path, into=tmp_path)
    page = Report(execution).html(tmp_path / "report.html").read_text()
    assert "bytes in all" in page
    assert "outputs/cell-" in page
    assert "lines are left out here" not in page
    assert "most of a text is in a file of the execution" in page
