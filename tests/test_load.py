"""Many calls from many threads, forks in mid-use, interrupts between calls, other interpreters.

tests/slow/soak.py does the first of these for minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from helpers import HANG, needs, random_bytes
from randprop import Centroids, Model, StepNetwork

STATUS = Path("/proc/self/status")


def resident() -> int:
    """Bytes of this process that are in memory."""
    found = re.search(r"VmRSS:\s*(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=HANG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "n_threads", [4, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 32))]
)
def test_single_images_from_many_threads(n_threads: int) -> None:
    """60,000 calls: the same labels every time, and memory that does not grow."""
    needs(STATUS.is_file(), "/proc, where memory is read from", "MEMORY")
    X = random_bytes(0, 40, 200)
    network = StepNetwork(200, 2, width=64)
    model = Model(network, Centroids().fit(network.propagate(X), np.arange(40) % 7))
    expected = model.predict(X)
    wrong: list[int] = []

    def work(n_calls: int) -> None:
        wrong.extend(
            i
            for i in range(n_calls)
            if model.predict(X[i % 40 : i % 40 + 1])[0] != expected[i % 40]
        )

    def run(n_calls: int) -> None:
        threads = [threading.Thread(target=work, args=(n_calls,)) for _ in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run(2000 // n_threads)
    before = resident()
    run(20_000 // n_threads)
    assert not wrong
    assert resident() - before < 4 << 20


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_forks_while_other_threads_compute() -> None:
    """A child that is made while threads are inside the core computes the same, and ends."""
    code = """
    import os, threading, warnings
    import numpy as np, randprop
    warnings.simplefilter("ignore", DeprecationWarning)
    X = np.arange(3000 * 300, dtype=np.uint32).astype(np.uint8).reshape(3000, 300)
    network = randprop.StepNetwork(300, 2)
    expected = network.propagate(X)
    stop = threading.Event()
    wrong = []
    def work():
        while not stop.is_set():
            # A network of its own now and then: children are made while weights are prepared.
            mine = randprop.StepNetwork(300, 2)
            for _ in range(5):
                if mine.propagate(X, n_threads=2) != expected:
                    wrong.append(1)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        child = os.fork()
        if child == 0:
            same = network.propagate(X, n_threads=2) == expected
            fresh = randprop.StepNetwork(300, 2).propagate(X, n_threads=2) == expected
            os._exit(0 if same and fresh else 1)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    print("good", wrong)
    """
    assert python(code) == "good []\n"


def test_other_interpreters() -> None:
    """NumPy loads once in a process: another interpreter is told so, and nothing else happens."""
    code = """
    import sys
    import numpy as np, randprop
    network = randprop.StepNetwork(20)
    X = np.ones((3, 20), dtype=np.uint8)
    expected = network.propagate(X)
    attempt = '''
    try:
        import randprop
    except (ImportError, RuntimeError) as error:  # the second: of an editable installation
        print("refused", str(error) != "")
    else:
        print("imported")
    '''
    attempt = __import__("textwrap").dedent(attempt)
    try:
        import _interpreters as interpreters
        made = interpreters.create()
        interpreters.exec(made, attempt)
    except ImportError:
        import _xxsubinterpreters as interpreters
        made = interpreters.create()
        interpreters.run_string(made, attempt)
    interpreters.destroy(made)
    print(network.propagate(X) == expected)
    """
    assert python(code).endswith("refused True\nTrue\n")


def test_interrupts_between_calls_are_not_lost() -> None:
    """A signal during a short call is raised when it returns."""
    code = """
    import os, signal, threading
    import numpy as np, randprop
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started this ignores it
    network = randprop.StepNetwork(20)
    X = np.ones((3, 20), dtype=np.uint8)
    begun = threading.Event()
    def interrupt():
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt).start()
    try:
        while True:
            network.propagate(X)
            begun.set()
    except KeyboardInterrupt:
        print("raised")
    """
    assert python(code) == "raised\n"


def test_more_threads_than_cpus_end() -> None:
    """More threads than CPUs, each starting threads of its own, end."""
    X = random_bytes(1, 500, 300)
    network = StepNetwork(300, 2)
    expected = network.propagate(X)
    found: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: found.extend(
                network.propagate(X, n_threads=16) == expected for _ in range(5)
            )
        )
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=HANG)
    assert found == [True] * 80


FITTING = """
import threading, time
import numpy as np, randprop
bits = randprop.BitMatrix.from_array(np.random.default_rng(0).integers(0, 2, (500, 64)))
y = np.arange(500) % 5
def fit():
    while True:
        randprop.Centroids().fit(bits, y).predict(bits)
for _ in range(4):
    threading.Thread(target=fit, daemon=True).start()
time.sleep(0.15)
"""


def test_daemon_threads_that_fit_at_exit() -> None:
    for _ in range(4):
        done = subprocess.run([sys.executable, "-c", FITTING], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
