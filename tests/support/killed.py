"""Recordings whose process was killed with -9 at random moments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.waiting import SOON_S

TIMES = 5
_KILLED_IN_TURN = """
import os, random, signal, sys, time
from pathlib import Path
from streamtrack.config import RecordingConfig
from tests.support.films import record_source

chance = random.Random(17)
config = RecordingConfig(mode="continuous", segment_s=4, overlay=True)
for number in range(int(sys.argv[3])):
    folder, enough = Path(sys.argv[1]) / str(number), chance.randrange(30_000, 200_000)
    child = os.fork()
    if child == 0:
        while True:
            record_source(folder, sys.argv[2], config)
    while sum(path.stat().st_size for path in folder.rglob("*.mp4")) < enough:
        time.sleep(chance.random() / 100)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def killed_recordings(folder: Path, clip: Path) -> list[Path]:
    """Folders with what each killed process left of recording a clip again and again, with its overlay."""
    # One process that imports, and is forked before it has a thread.
    command = [sys.executable, "-c", _KILLED_IN_TURN, str(folder), str(clip), str(TIMES)]
    subprocess.run(command, timeout=4 * SOON_S, check=True)
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    assert len(folders) == TIMES
    return folders
