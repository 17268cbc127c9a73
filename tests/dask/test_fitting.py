"""Fitting on many workers: the model of one machine, whatever the parts, and whoever dies meanwhile."""

import doctest
import gzip
import os
import pickle
import signal
import sys

import numpy as np
import pytest

import fastsoftmax as fs
from reference import MarkovChain as ReferenceChain
from tests.dask.arrays import da, dask, lazy
from tests.markov.chains import assert_same

db = pytest.importorskip("dask.bag", reason="dask.bag is not installed")

DOCUMENTS = [
    "The cat sat on the mat. The dog ran.",
    "",
    "A cat ran to the dog! It sat.",
    "Der Hund lief. Die Katze saß.\n\nThe end",
    "The naïve cat sat.",
    " \n ",
    "The cat sat on the dog. A mat.",
]
TEXT = "\n\n".join(DOCUMENTS)
WALKS = [["a", "b", "a"], ["b"], ["c", "a", "b", "b"], ["a", "c"], ["d", "a"]]


def same(found, expected):
    """Whether two models of text are one, bit for bit."""
    assert_same(found.chain, expected.chain)
    assert found.generate(5, seed=1) == expected.generate(5, seed=1)


@pytest.mark.parametrize("npartitions", [1, 2, 7])
@pytest.mark.parametrize("order", [1, 3])
def test_bags(npartitions, order):
    bag = db.from_sequence(DOCUMENTS, npartitions=npartitions)
    same(lazy.fit(fs.MarkovText(order), bag), fs.MarkovText(order).fit(DOCUMENTS))
    walks = db.from_sequence(WALKS, npartitions=npartitions)
    found = lazy.fit(fs.MarkovChain(order), walks.map(list).filter(lambda walk: "d" not in walk))
    assert_same(found, fs.MarkovChain(order).fit(WALKS[:-1]))
    plain = ReferenceChain(order).fit(WALKS[:-1])
    assert [*found.walk(9, 6, seed=3)] == plain.walk(9, 6, seed=3)


def test_many_parts():
    """More than are added up at once, and more than eight times eight."""
    generator = np.random.default_rng(1)
    sequences = [generator.integers(0, 30, generator.integers(1, 9)).tolist() for _ in range(150)]
    bag = db.from_sequence(sequences, npartitions=75)
    assert_same(lazy.fit(fs.MarkovChain(2), bag), fs.MarkovChain(2).fit(sequences))


@pytest.mark.parametrize("chunks", [(2, 3), (7, 20), (3, -1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_arrays(chunks, dtype):
    array = np.random.default_rng(2).integers(0, 9, (7, 20)).astype(dtype)
    rows = da.from_array(array, chunks=chunks)
    assert_same(lazy.fit(fs.MarkovChain(2), rows), fs.MarkovChain(2).fit(array))
    line = da.from_array(array.reshape(-1), chunks=11)
    assert_same(lazy.fit(fs.MarkovChain(1), line), fs.MarkovChain(1).fit(array.reshape(-1)))


def test_what_delayed_made():
    parts = [dask.delayed(lambda text: [text])(text) for text in DOCUMENTS]
    same(lazy.fit(fs.MarkovText(1), parts), fs.MarkovText(1).fit(DOCUMENTS))
    same(lazy.fit(fs.MarkovText(1), parts[0]), fs.MarkovText(1).fit(DOCUMENTS[0]))


def test_a_column_of_a_data_frame():
    pytest.importorskip("pandas", reason="needs pandas")
    dd = pytest.importorskip("dask.dataframe", reason="needs dask.dataframe")
    import pandas as pd

    frame = dd.from_pandas(pd.DataFrame({"text": DOCUMENTS}), npartitions=3)
    same(lazy.fit(fs.MarkovText(1), frame["text"]), fs.MarkovText(1).fit(DOCUMENTS))
    with pytest.raises(TypeError, match="source is a data frame, expected one of its columns"):
        lazy.fit(fs.MarkovText(1), frame)


@pytest.mark.slow
@pytest.mark.parametrize("sequences", ["sentences", "lines"])
@pytest.mark.parametrize("blocksize", [1, 17, 10**6])
def test_files(tmp_path, blocksize, sequences):
    """Cut into blocks of any size, between letters of two bytes too; packed ones whole."""
    names = [tmp_path / f"{i}.txt" for i in range(3)]
    for i, name in enumerate(names):
        name.write_bytes(b"\xef\xbb\xbf" * (i == 1) + (TEXT[i:] + "\n" * i).encode())
    with gzip.open(tmp_path / "3.txt.gz", "wb") as packed:
        packed.write(TEXT.encode())
    made = {"order": 2, "sequences": sequences}
    expected = fs.MarkovText(**made).fit([*names, tmp_path / "3.txt.gz"])
    for source in (f"{tmp_path}/*.txt*", [*names, str(tmp_path / "3.txt.gz")], f"file://{tmp_path}/*.txt*"):
        same(lazy.fit(fs.MarkovText(**made), source, blocksize=blocksize), expected)


def test_blocks_that_begin_as_files_do(tmp_path, monkeypatch):
    """With the mark of UTF-8, which stands amid a file that others were put together to, or with the name of a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "name").write_text("A file.")
    (tmp_path / "both.txt").write_text("\ufeffThe cat.\n\n\ufeffThe dog.\n\nname\n\nIt ran.")
    expected = fs.MarkovText(1).fit(tmp_path / "both.txt")
    assert "\ufeffThe" in expected.chain.vocabulary
    for blocksize in (1, 12, 16, 10**6):
        same(lazy.fit(fs.MarkovText(1), tmp_path / "both.txt", blocksize=blocksize), expected)


def test_other_protocols_and_encodings(tmp_path):
    import fsspec

    with fsspec.open("memory://corpus/a.txt", "wb") as file:
        file.write("Über uns. Naïve Katzen!\n\nÜber alles.".encode("latin-1"))
    with fsspec.open("memory://corpus/b.txt.bz2", "wb", compression="bz2") as file:
        file.write("Über uns alle.".encode("latin-1"))
    expected = fs.MarkovText(1).fit(["Über uns. Naïve Katzen!\n\nÜber alles.", "Über uns alle."])
    found = lazy.fit(fs.MarkovText(1, encoding="latin-1"), "memory://corpus/*", blocksize=9)
    same(found, expected)
    wide = tmp_path / "wide.txt"
    wide.write_bytes(TEXT.encode("utf-16"))
    same(lazy.fit(fs.MarkovText(1, encoding="utf-16"), wide, blocksize=9), fs.MarkovText(1).fit(TEXT))


def test_a_text_is_kept():
    bag = db.from_sequence(DOCUMENTS, npartitions=3)
    found = lazy.fit(fs.MarkovText(1, keep_text=True), bag)
    expected = fs.MarkovText(1, keep_text=True).fit(DOCUMENTS)
    assert found.generate(9, max_copied=3, seed=2) == expected.generate(9, max_copied=3, seed=2)


def words_of(text):
    return text.lower().split()


def test_a_function_that_makes_tokens():
    bag = db.from_sequence(DOCUMENTS, npartitions=3)
    same(lazy.fit(fs.MarkovText(1, tokens=words_of), bag), fs.MarkovText(1, tokens=words_of).fit(DOCUMENTS))


def test_parts_stay_as_they_are():
    """A task may run again, with the parts that a sum was made of."""
    parts = [fs.MarkovText(1).fit(text) for text in ("A b.", "B c.", "C d.")]
    before = pickle.dumps(parts)
    from fastsoftmax.dask.fitting import _summed

    for _ in range(2):
        same(_summed([None, *parts]), fs.MarkovText(1).fit(["A b.", "B c.", "C d."]))
    assert pickle.dumps(parts) == before


def test_refusals(tmp_path):
    empty = fs.MarkovText(1)
    bag = db.from_sequence(DOCUMENTS, npartitions=2)
    with pytest.raises(TypeError, match="model is 3, expected a MarkovChain or a MarkovText"):
        lazy.fit(3, bag)
    with pytest.raises(ValueError, match=r"model is MarkovText\(order=1\), .* expected an empty one"):
        lazy.fit(fs.MarkovText(1).fit("A b."), bag)
    with pytest.raises(ValueError, match="blocksize is 0"):
        lazy.fit(empty, bag, blocksize=0)
    with pytest.raises(TypeError, match=r"source is .*, expected paths, a dask collection"):
        lazy.fit(empty, 3)
    with pytest.raises(TypeError, match=r"source is .*, expected a dask collection"):
        lazy.fit(fs.MarkovChain(1), ["a.txt"])
    for name in (tmp_path / "none.txt", f"{tmp_path}/*.txt"):
        with pytest.raises(FileNotFoundError, match=r"there is no file .*txt"):
            lazy.fit(empty, name)
    with pytest.raises(ValueError, match="source has no sequences"):
        lazy.fit(empty, [])
    with pytest.raises(ValueError, match="source has no sequences"):
        lazy.fit(empty, db.from_sequence(["", " "], npartitions=2))
    with pytest.raises(TypeError, match="source"):
        lazy.fit(empty, db.from_sequence([1, 2], npartitions=2))
    damaged = tmp_path / "damaged.txt"
    damaged.write_bytes(b"A b.\n\nC d.\n\n\xff e.")
    for blocksize in (5, 100):
        with pytest.raises(ValueError, match=r"damaged\.txt.* is not (UTF|utf)-8"):
            lazy.fit(fs.MarkovText(1), damaged, blocksize=blocksize)
    assert repr(empty) == "MarkovText(order=1), empty"


def test_a_progress_bar(capsys):
    bag = db.from_sequence(DOCUMENTS, npartitions=2)
    same(lazy.fit(fs.MarkovText(1), bag, progress=True), fs.MarkovText(1).fit(DOCUMENTS))
    assert "100%" in capsys.readouterr().err


def killed_once(text, folder):
    """Kill the process that reads the second document, the first two times."""
    if text == DOCUMENTS[2]:
        for name in ("first", "second"):
            path = os.path.join(folder, name)
            if not os.path.exists(path):
                with open(path, "w"):
                    os.kill(os.getpid(), signal.SIGKILL)
    return text


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the cluster's own
def test_workers_that_are_killed(tmp_path):
    """Twice amid a fit: the model is the same, bit for bit. A part that kills every worker is refused by name."""
    distributed = pytest.importorskip("distributed", reason="needs distributed: the extra dask")
    expected = fs.MarkovText(2).fit(DOCUMENTS)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        bag = db.from_sequence(DOCUMENTS, npartitions=len(DOCUMENTS))
        same(lazy.fit(fs.MarkovText(2), bag), expected)
        same(lazy.fit(fs.MarkovText(2), bag.map(killed_once, folder=str(tmp_path))), expected)
        assert len(os.listdir(tmp_path)) == 2
        empty = fs.MarkovText(2)
        with pytest.raises(distributed.KilledWorker):
            lazy.fit(empty, bag.map(lambda text: os.kill(os.getpid(), signal.SIGKILL)))
        assert repr(empty) == "MarkovText(order=2), empty"
        same(lazy.fit(fs.MarkovText(2), bag), expected)


@pytest.mark.parametrize("name", ["fitting", "walking"])
def test_the_docstrings(name):
    assert doctest.testmod(sys.modules[f"fastsoftmax.dask.{name}"]).failed == 0
