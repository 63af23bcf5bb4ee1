"""The batch script of docs/scaling.md, run on the loopback interface."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"
# Smaller than on the page, and on this machine.
CHANGES = {
    "$(hostname):8786": "127.0.0.1:{port}",
    "--port 8786": "--host 127.0.0.1 --port {port} --no-dashboard",
    "--nworkers 64": "--nworkers 2 --host 127.0.0.1",
    "--dataset mnist --seeds 1000": "--dataset digits --width 20 --layers 0,1 --seeds 3",
    "randprop sweep": "{python} -m randprop sweep",
    "dask scheduler": "{python} -m distributed.cli.dask_scheduler",
    "dask worker": "{python} -m distributed.cli.dask_worker",
    "srun ": "",
}


@pytest.mark.slow
def test_the_batch_script(tmp_path):
    (script,) = re.findall(r"^    #!/bin/bash\n(?:    .*\n)+", PAGE.read_text(), re.MULTILINE)
    script = re.sub("^    ", "", script, flags=re.MULTILINE)
    for there, here in CHANGES.items():
        assert there in script
        script = script.replace(there, here.format(port=20_000 + os.getpid() % 10_000,
                                                   python=sys.executable))  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(
            ["bash", "-e", "-c", script], cwd=tmp_path, start_new_session=True, stdout=log,
            stderr=log,
        )  # fmt: skip
        try:
            status = running.wait(120)
        finally:
            os.killpg(running.pid, signal.SIGKILL)  # as Slurm ends what a job has left behind
            running.wait()
    said = (tmp_path / "log").read_text()
    assert status == 0, said
    assert "layers" in said
    assert (tmp_path / "cells.sqlite").exists()
