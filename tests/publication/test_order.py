"""In which order notebooks are executed."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from beambook.publication._declaration import Declaration
from beambook.publication._order.order import in_order, order_of, requirements_of
from beambook.publication._order.traffic import Traffic, traffic_of
from beambook.publication._verify.subject import unsealed


@pytest.fixture
def make(tmp_path):
    def make(**sources):
        paths = []
        for name, source in sources.items():
            path = tmp_path / f"{name.replace('__', '/')}.ipynb"
            path.parent.mkdir(exist_ok=True)
            nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
            paths.append(path)
        return tuple(in_order(tmp_path, paths).needs.items())

    return make


def test_a_reader_comes_after_its_writer_whatever_they_are_called(make):
    order = make(
        a_plot="pd.read_csv('fit.csv')", b_fit="np.load('x.npy'); t.to_csv('fit.csv')",
        c_load="np.save('x.npy', x)",
    )  # fmt: skip
    assert order == (
        ("c_load.ipynb", ()),
        ("b_fit.ipynb", ("c_load.ipynb",)),
        ("a_plot.ipynb", ("b_fit.ipynb",)),
    )


def test_an_unsealed_folder_is_verified_in_the_order_that_is_declared(make, tmp_path):
    make(a="1", b="2")
    (tmp_path / "publication.yml").write_text("order: [b.ipynb]\n")
    assert [item.path for item in unsealed(tmp_path).items] == ["b.ipynb", "a.ipynb"]
    (tmp_path / "publication.yml").write_text("order: [c.ipynb]\n")
    subject = unsealed(tmp_path)
    assert [item.path for item in subject.items] == ["a.ipynb", "b.ipynb"]
    assert "names no notebook 'c.ipynb'" in subject.notes[0]


@given(
    st.dictionaries(st.sampled_from("uvwxyz"), st.deferred(lambda: TRAFFIC)),
    st.permutations("uvwxyz"),
)
def test_all_come_after_what_they_need_whatever_is_declared(traffic, order):
    declared = Declaration(order=tuple(name for name in order[:3] if name in traffic))
    needs = order_of(traffic, declared).needs
    assert set(needs) == set(traffic)
    names = list(needs)
    for name, needed in needs.items():
        assert all(names.index(other) < names.index(name) for other in needed)
    assert [name for name in names if name in declared.order] == list(declared.order)


def test_numbers_in_names_count(make):
    assert [name for name, _ in make(n10="1", n9="1", n1="1")] == [
        "n1.ipynb", "n9.ipynb", "n10.ipynb",
    ]  # fmt: skip


def test_circles_do_not_hang(make):
    order = make(a="open('b.txt'); open('a.txt', 'w')", b="open('a.txt'); open('b.txt', 'w')")
    assert sorted(name for name, _ in order) == ["a.ipynb", "b.ipynb"]
    assert sum(len(needed) for _, needed in order) == 1


def test_folders_are_followed(make):
    order = dict(make(one__make="Path('../data/x.h5').write_bytes(b'')", plot="h5('data/x.h5')"))
    assert order["plot.ipynb"] == ("one/make.ipynb",)


def test_a_notebook_that_is_run_by_another_comes_first(make):
    assert dict(make(a="%run b.ipynb", b="x = 1"))["a.ipynb"] == ("b.ipynb",)


@pytest.mark.parametrize(
    ("source", "writes", "reads"),
    [
        ("open('x.txt')", (), ("x.txt",)),
        ("open('x.txt', 'r')", (), ("x.txt",)),
        ("open('x.txt', mode='wb')", ("x.txt",), ()),
        ("Path('x.txt').open('w')", ("x.txt",), ()),
        ("h5py.File('x.h5', 'w')", ("x.h5",), ()),
        ("plt.savefig('x.png', dpi=1)", ("x.png",), ()),
        ("df.to_parquet(path='x.parquet')", ("x.parquet",), ()),
        ("df.to_csv('x.csv'); pd.read_csv('x.csv')", ("x.csv",), ()),
        ("pd.read_csv('https://a.b/x.csv')", (), ()),
        ("open('/absolute/x.txt', 'w')", ("absolute/x.txt",), ()),
        ("this is no python 'x.txt'", (), ()),
        ("x = 'no file at all'", (), ()),
    ],
    ids=range(12),
)
def test_what_a_notebook_writes_and_reads(tmp_path, source, writes, reads):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
    assert traffic_of(path) == Traffic(frozenset(writes), frozenset(reads))


@pytest.mark.parametrize(
    ("source", "file", "found"),
    [
        ("glob.glob('parts/*.txt')", "parts/1.txt", "parts/*.txt"),
        ("sorted(Path('parts').glob('*.txt'))", "parts/1.txt", "**/*.txt"),
        ("from glob import glob\nglob('../parts/?.txt')", "parts/1.txt", "../parts/?.txt"),
        ("xr.open_mfdataset('parts/*.nc')", "parts/1.nc", "parts/*.nc"),
        ("glob.glob('*.txt')", "parts/1.txt", ""),
        ("glob.glob('parts/*.txt')", "parts/1.csv", ""),
        ("re.match('parts/*.txt', x)", "parts/1.txt", ""),
    ],
    ids=range(7),
)
def test_a_notebook_that_looks_for_what_is_written_later_is_said(tmp_path, source, file, found):
    for name, text in {"a": source, "z": f"open('../{file}', 'w')"}.items():
        (tmp_path / "n").mkdir(exist_ok=True)
        cells = [new_code_cell(text.replace("('parts", "('../parts"))]
        nbformat.write(new_notebook(cells=cells), tmp_path / "n" / f"{name}.ipynb")
    notes = in_order(tmp_path, sorted(tmp_path.rglob("*.ipynb"))).notes()
    told = f"n/a.ipynb looks for {found.removeprefix('../')}, and n/z.ipynb, which is executed"
    assert [note.startswith(told) for note in notes] == [True] * bool(found)


NAMES = st.sampled_from("abcdef")
TRAFFIC = st.builds(Traffic, st.frozensets(NAMES), st.frozensets(NAMES))


@given(st.dictionaries(st.sampled_from("uvwxyz"), TRAFFIC))
def test_requirements_can_always_be_met(traffic):
    needs, circles = requirements_of(traffic)
    done = set()
    for _ in needs:
        done |= {name for name, needed in needs.items() if set(needed) <= done}
    assert done == set(traffic)
    for name, needed in needs.items():
        assert all(traffic[other].writes & traffic[name].reads for other in needed)
    for first, second in circles:  # nothing is left out that could have been met
        assert traffic[second].writes & traffic[first].reads
        assert first in all_before(second, needs)


def all_before(name, needs):
    found = {name}
    for _ in needs:
        found |= {each for one in found for each in needs[one]}
    return found
