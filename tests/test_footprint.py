"""What the package touches: no network, no file but those it is told to write, no warnings
(``python -W error -X dev``).

Every import, file, socket and process of an interpreter passes its audit hooks: they are what these
tests listen to.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from helpers import HANG

WATCH = """
import os, sys
touched = []
def hook(event, arguments):
    if "__pycache__" in str(arguments[:1]) or arguments[:1] == (":memory:",):
        return  # compiled code of Python and numba, where both keep it; no file
    if event.startswith("socket.") and event not in ("socket.gethostname", "socket.__new__"):
        touched.append((event, str(arguments[1:])))
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        touched.append((event, str(arguments[:1])))
    elif event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else 0
        if writes and not isinstance(path, int):
            touched.append((event, os.fspath(path)))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink",
                   "os.truncate", "shutil.move", "sqlite3.connect", "tempfile.mkstemp"):
        touched.append((event, str(arguments[0])))
sys.addaudithook(hook)
sys.dont_write_bytecode = True
"""

# What users do, none of it with a path of theirs but the first two.
USES = {
    "import": "import randprop",
    "every name": """
        import randprop
        for name in randprop.__all__:
            getattr(randprop, name)
    """,
    "networks and readouts": """
        import numpy as np, randprop
        X = np.arange(4000, dtype=np.uint32).astype(np.uint8).reshape(50, 80)
        bits = randprop.StepNetwork(80, 2).propagate(X)
        for readout in (randprop.Centroids(), randprop.HammingNeighbors(), randprop.RidgeReadout()):
            readout.fit(bits, np.arange(50) % 3).predict(bits)
    """,
    "evaluate": "import randprop; print(randprop.evaluate(0, dataset='digits', width=64).accuracy)",
    "mnist": "from randprop import datasets; datasets.load_mnist()",
    "sweep in memory": """
        import randprop
        randprop.sweep([0], dataset="digits", width=32, seeds=1, n_train=100, progress=False)
    """,
    "estimators": """
        import randprop
        X, y, _, _ = randprop.datasets.load_digits()
        randprop.StepClassifier(width=64).fit(X[:100], y[:100]).predict(X[:9])
    """,
    "theory": """
        from randprop import theory
        theory.fixed_point(), theory.noise_overlap(0.3)
    """,
}


def python(code: str, *options: str, arguments: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code, *arguments],
        capture_output=True, text=True, timeout=HANG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def touched(code: str, *arguments: str) -> list[list[str]]:
    # An editable installation rebuilds on import, by a process of its own: imported before.
    prelude = "import randprop._core\n" if _is_editable() else ""
    watched = prelude + WATCH + textwrap.dedent(code) + "\nprint(touched)"
    # Nothing deprecated, nothing left open, nothing on stderr.
    said = python(watched, "-W", "error", "-X", "dev", arguments=arguments)
    return [list(entry) for entry in eval(said.splitlines()[-1])]


def _is_editable() -> bool:
    import randprop

    return "site-packages" not in str(Path(randprop.__file__))


def test_nothing_is_touched() -> None:
    """No connection, no process, no file written, anywhere; of every use in turn."""
    code = "".join(
        f"{textwrap.dedent(use)}\nprint({name!r}, touched)\n" for name, use in USES.items()
    )
    assert touched(code) == [], code


def test_the_hook_sees(tmp_path: Path) -> None:
    """The test itself can fail."""
    code = """
    import socket, sys, urllib.request
    open(sys.argv[1], "w").close()
    try:
        urllib.request.urlopen("http://127.0.0.1:9/", timeout=1)
    except OSError:
        pass
    """
    events = {event for event, _ in touched(code, str(tmp_path / "file"))}
    assert {"open", "socket.connect"} <= events


def test_files_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    code = """
    import sys, randprop
    from pathlib import Path
    folder = Path(sys.argv[1])
    X, y, _, _ = randprop.datasets.load_digits()
    classifier = randprop.StepClassifier(width=64).fit(X[:200], y[:200])
    randprop.save(classifier, folder / "model")
    randprop.export_c(classifier, folder / "c")
    randprop.export_onnx(classifier, folder / "onnx")
    randprop.sweep([0], dataset="digits", width=32, seeds=1, n_train=100, progress=False,
                   store=folder / "store").to_csv(folder / "csv")
    """
    events = touched(code, str(tmp_path))
    assert events
    elsewhere = [entry for entry in events if not entry[1].startswith(str(tmp_path))]
    assert elsewhere == []


def test_downloads_go_to_the_cache_folder_alone(tmp_path: Path) -> None:
    code = """
    import hashlib, io, sys
    from randprop.datasets import fetch, sources, transfer
    transfer.open_url = lambda url, end: io.BytesIO(b"content")
    source = sources.Source("set", ("https://mirror/",),
                             {"file": hashlib.sha256(b"content").hexdigest()})
    assert fetch.locate(source, "file", sys.argv[1]).read_bytes() == b"content"
    """
    events = touched(code, str(tmp_path))
    assert {event for event, _ in events} >= {"open", "os.rename"}
    assert all(path.startswith(str(tmp_path)) for _, path in events)
