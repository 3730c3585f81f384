from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from tests.support.masks import disc, make_publisher, make_result
from tests.support.process import started

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_subscriber_in_ten_lines_prints_what_is_published() -> None:
    stop = threading.Event()
    with make_publisher() as publisher:

        def publish() -> None:
            while not stop.wait(0.02):
                publisher.publish("cam1", make_result(7), "nano")

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            argv = (sys.executable, "-u", EXAMPLES / "subscribe_masks.py", publisher.address)
            with started(*argv) as child:
                assert child.stdout is not None
                line = child.stdout.readline()
                child.send_signal(signal.SIGINT)
                errors = child.communicate(timeout=30)[1]
        finally:
            stop.set()
            thread.join(30)
    assert (errors, child.returncode) == ("", 0)
    start, _, told = line.partition(" ms: ")
    assert start.startswith("cam1 #7 ")
    assert told == f"1 tracking {disc(7).sum()} px\n"


def test_it_is_ten_lines() -> None:
    source = (EXAMPLES / "subscribe_masks.py").read_text(encoding="utf-8")
    code = [line for line in source.splitlines()[1:] if line.strip() and not line.startswith(("import", "#"))]
    assert len(code) <= 10
