"""Data that do not fit memory: read a chunk at a time, by the workers, whatever they come from."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import sources
from randprop import StepNetwork, evaluate_parallel, fit_parallel, save
from randprop.features import computed
from randprop.measure.chunks import Data
from randprop.measure.travel import packed
from sources import X_TEST, Y_TEST, X, Y

NETWORK = StepNetwork(64, 1, width=[70, 130], seed=4)


def file_of(model, folder):
    save(model, folder / "model")
    return (folder / "model").read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return file_of(fit_parallel(NETWORK, X, Y), tmp_path_factory.mktemp("expected"))


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("make", sources.ALL, ids=lambda make: make.__name__)
def test_every_source_gives_the_same_model(tmp_path, expected, processes, make):
    data, labels = make(tmp_path)
    here = fit_parallel(NETWORK, data, labels, chunk_size=100)
    there = fit_parallel(NETWORK, data, labels, chunk_size=100, executor=processes)
    found = evaluate_parallel(there, data, labels, executor=processes)
    if make is sources.parquet:
        names = tuple(f"pixel {i}" for i in range(64))
        assert here.feature_names == there.feature_names == names
        np.testing.assert_array_equal(here.readout.counts_, there.readout.counts_)
        there = type(here)(NETWORK, there.readout)
    elif labels is None and make in (sources.tar, sources.tar_of_images):
        expected = file_of(fit_parallel(NETWORK, X, Y.tolist()), tmp_path)  # labels of 64 bits
    assert make is sources.parquet or file_of(here, tmp_path) == expected
    assert file_of(there, tmp_path) == expected
    assert found.n_samples == len(X)


@pytest.mark.parametrize("make", sources.DESCRIBED, ids=lambda make: make.__name__)
def test_a_chunk_travels_as_a_description(tmp_path, make):
    chunks = list(Data(*make(tmp_path), 64, 700))
    sizes = [len(pickle.dumps(chunk)) for chunk in chunks]
    assert max(sizes) < 10_000
    assert sum(sizes) < X.nbytes / 2  # there is something to save


def test_a_block_of_dask_takes_its_own_rows_along_alone(tmp_path):
    """dask copies a memmap into memory, and has all of it in the graph of every block."""
    chunks = list(Data(*sources.dask_over_copied_memmap(tmp_path), 64, 700))
    assert len(chunks) == 16
    assert max(len(pickle.dumps(chunk)) for chunk in chunks) < X.nbytes / 8


def test_large_chunks_of_a_memmap_travel_as_descriptions(tmp_path):
    """4,096 images of 784 with a label of 8 bytes each: 3.2 MB, of which 10 KB are sent."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, (9000, 784))
    images[:] = rng.integers(0, 256, images.shape, dtype=np.uint8)
    for y in (rng.integers(0, 10, 9000), rng.integers(0, 10, 9000).astype(str).tolist()):
        chunks = [pickle.dumps(chunk) for chunk in Data(images, y, 784, 4096)]
        assert [len(chunk) < 10_000 for chunk in chunks] == [True] * 3
        blocks = [block for chunk in chunks for block in pickle.loads(chunk).blocks()]
        np.testing.assert_array_equal(np.concatenate([X for X, _ in blocks]), images)
        np.testing.assert_array_equal(np.concatenate([y for _, y in blocks]), y)


@pytest.mark.parametrize("n_workers", [1, 3])
def test_at_most_one_chunk_a_worker_is_in_memory(n_workers):
    source = sources.Counting()
    with ThreadPoolExecutor(n_workers) as executor:
        fit_parallel(NETWORK, source, Y, chunk_size=50, executor=executor)
    assert sorted(source.read_from) == list(range(0, len(X), 50))  # each once
    assert 1 <= source.most <= n_workers
    assert source.alive == 0
    source = sources.Counting()
    fit_parallel(NETWORK, source, Y, chunk_size=50)
    assert source.most == 1


def test_zarr_and_hdf5_are_read_by_whole_stored_chunks(tmp_path):
    for make, stored in ((sources.zarr, 130), (sources.hdf5_in_chunks, 30)):
        (tmp_path / make.__name__).mkdir()
        data, labels = make(tmp_path / make.__name__)
        for asked, rows in (
            (50, max(stored, 50 // stored * stored)),
            (400, 400 // stored * stored),
        ):
            assert {c.n_samples for c in Data(data, labels, 64, asked)} <= {rows, len(X) % rows}


def test_parquet_is_read_by_whole_row_groups(tmp_path):
    chunks = list(Data(*sources.parquet(tmp_path), 64, 130))
    assert [chunk.n_samples for chunk in chunks[:-1]] == [120] * (len(X) // 120)


def test_a_mapping_sees_what_is_written_to_it(tmp_path):
    array = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, (200, 64))
    array[:] = X[:200]
    (chunk,) = Data(array, Y[:200], 64, 4096)
    read = pickle.loads(pickle.dumps(chunk))
    array[7] = 200
    np.testing.assert_array_equal(next(read.blocks())[0], array)


def test_a_mapping_that_copies_on_write_is_sent_as_it_is(tmp_path, processes):
    sources.mapped(tmp_path, np.zeros_like(X))
    private = np.load(tmp_path / "X.npy", mmap_mode="c")
    private[:] = X
    model = fit_parallel(NETWORK, private, Y, executor=processes)
    np.testing.assert_array_equal(
        model.readout.counts_, fit_parallel(NETWORK, X, Y).readout.counts_
    )


def test_a_file_that_was_replaced_is_not_read_in_place_of_the_mapped_one(tmp_path, processes):
    array = sources.mapped(tmp_path)
    np.save(tmp_path / "new.npy", np.zeros_like(X))
    (tmp_path / "new.npy").replace(tmp_path / "X.npy")
    model = fit_parallel(NETWORK, array, Y, executor=processes)
    np.testing.assert_array_equal(
        model.readout.counts_, fit_parallel(NETWORK, X, Y).readout.counts_
    )
    with pytest.raises(ValueError, match="X.npy has changed since it was mapped"):
        packed([array])
    (tmp_path / "X.npy").unlink()
    with pytest.raises(ValueError, match="X.npy, which is mapped into memory, cannot be opened"):
        packed([array])


UNTOUCHED = """
import sys, numpy as np, randprop
X = np.lib.format.open_memmap(sys.argv[1], "w+", np.uint8, (20, 5))
randprop.fit_parallel(randprop.StepNetwork(5), X, np.arange(20) % 2)
some = {"zarr", "h5py", "pyarrow", "dask", "distributed", "PIL", "tarfile", "IPython"}
print(sorted(some & set(sys.modules)))
"""


def test_nothing_is_imported_that_was_not_given(tmp_path):
    command = [sys.executable, "-c", UNTOUCHED, str(tmp_path / "X.npy")]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def refuse(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_refuses(tmp_path):
    def fit(data, labels=None, **options):
        return lambda: fit_parallel(NETWORK, data, labels, **options)

    source = sources.Counting()
    refuse(fit(source), ValueError, "y must be given, because X has no labels")
    refuse(fit(source, Y[1:]), ValueError, "y has 1436 labels for 1437 samples of X")
    with_labels = sources.own_class_with_labels(tmp_path)[0]
    refuse(fit(with_labels, Y), ValueError, "y must not be given, because X has labels too")
    source.n_features = 63
    refuse(fit(source, Y), ValueError, "X has 63 features, the network expects 64")
    source.n_features, source.n_samples = 64, 2.5
    refuse(fit(source, Y), TypeError, "n_samples of X must be an integer, got")
    source.n_samples = len(X) + 10
    longer = np.append(Y, np.zeros(10, int))
    refuse(
        fit(source, longer),
        ValueError,
        "X must return 1447 samples for read\\(0, 1447\\), got 1437",
    )

    refuse(fit(tmp_path / "no.npy", Y), FileNotFoundError, "no.npy")
    refuse(fit(str(tmp_path / "X.txt"), Y), ValueError, r"X must name files that all end in one of")
    refuse(fit([tmp_path / "X.npy", tmp_path / "y.tar"]), ValueError, "all end in one of .npy")
    refuse(fit(tmp_path / "y.npy", Y), ValueError, r"y.npy must have shape \(n_samples, 64\), got")
    refuse(fit(tmp_path / "X.npy", "digit"), ValueError, "y is the column name 'digit', but")

    table, _ = sources.parquet(tmp_path)
    refuse(fit(table), TypeError, "y must be given: the name of the column of labels")
    refuse(
        fit(table, "number"),
        ValueError,
        "y must name a column of X, such as .*'digit', got 'number'",
    )
    refuse(fit(table, Y), ValueError, "X has 65 features in 65 columns, the network expects 64")


def test_refuses_what_a_tar_file_should_not_hold(tmp_path):
    def fit(name, *arguments, **options):
        path = sources.shard(tmp_path / name, *arguments, **options)
        return lambda: fit_parallel(NETWORK, path)

    refuse(
        fit("a.tar", [X[0]], ["seven"]), ValueError,
        r"train/00000.cls of .*a.tar cannot be read: invalid literal",
    )  # fmt: skip
    refuse(
        fit("b.tar", [X[0]], ["7"], label="number"), ValueError,
        "sample 'train/00000' of .*b.tar must have one of .cls, .txt",
    )  # fmt: skip
    refuse(
        fit("c.tar", [X[0], X[1][:9]], [1, 2]), ValueError,
        r"sample 'train/00001' of .*c.tar has shape \(9,\), those before it \(64,\)",
    )  # fmt: skip
    (tmp_path / "d.tar").write_bytes(b"no tar" * 200)
    refuse(
        lambda: fit_parallel(NETWORK, tmp_path / "d.tar"), ValueError,
        "d.tar is not a tar file, or is damaged",
    )  # fmt: skip
    refuse(
        lambda: fit_parallel(NETWORK, tmp_path / "d.tar", Y), ValueError,
        "y must not be given where X names tar files",
    )  # fmt: skip
    words = sources.shard(tmp_path / "e.tar", X[:3], ["one", "two", "one"], label="txt")
    assert fit_parallel(NETWORK, str(words)).classes_.tolist() == ["one", "two"]


def test_evaluates_what_is_read_elsewhere(tmp_path, processes):
    model = fit_parallel(NETWORK, X, Y)
    array = sources.mapped(tmp_path, X_TEST)
    found = evaluate_parallel(model, array, Y_TEST, chunk_size=50, executor=processes)
    assert found.accuracy == model.score(X_TEST, Y_TEST)


@pytest.mark.filterwarnings("ignore")  # of dask and pandas
def test_blocks_of_a_dask_frame_are_each_its_own():
    import dask.dataframe as dask_frame
    import pandas

    frame = pandas.DataFrame(X).add_prefix("pixel ")
    parts = dask_frame.from_pandas(frame, npartitions=3)
    labels = dask_frame.from_pandas(pandas.Series(Y), npartitions=3)
    blocks = [block for chunk in Data(parts, labels, 64, 500) for block in chunk.blocks()]
    assert len(blocks) == 3
    for found, right in zip(zip(*blocks, strict=True), (X, Y), strict=True):
        np.testing.assert_array_equal(np.concatenate([computed(part) for part in found]), right)
