"""Signs of life: to a pipe, and to systemd's socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamtrack.heartbeat import NOTIFY, PIPES, Heartbeat, notify


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        receiver.bind(str(tmp_path / "notify"))
        yield str(tmp_path / "notify"), receiver


def test_systemd_is_told_of_the_start_of_life_and_of_the_end(systemd: tuple[str, socket.socket]) -> None:
    address, receiver = systemd
    environment = {NOTIFY: address}
    heart = Heartbeat.of_environment(environment)
    assert environment == {}, "what the server starts is not watched as if it were the server"
    assert heart.is_wanted
    heart.ready()
    heart.beat()
    heart.stuck("stream cam:\n4 steps hang")
    heart.stuck("stream cam:\n4 steps hang")
    heart.stopping()
    told = [receiver.recv(200) for _ in range(4)]
    assert told == [b"READY=1", b"WATCHDOG=1", b"STATUS=stream cam: 4 steps hang", b"STOPPING=1"]


def test_supervisor_reads_a_line_a_sign(tmp_path: Path) -> None:
    read, write = os.pipe()
    alive, hold = os.pipe()
    heart = Heartbeat.of_environment({PIPES: f"{write},{alive}"})
    heart.ready()
    heart.beat()
    heart.stuck("a\nb")
    assert os.read(read, 200) == b"ready\nbeat\nstuck a b\n"
    os.close(read)
    heart.beat()  # nobody reads any more
    os.set_inheritable(hold, False)  # stays open: its end would end this process
    os.close(write)


def test_nobody_watches_a_process_that_was_started_by_hand(tmp_path: Path) -> None:
    assert not Heartbeat.of_environment({}).is_wanted
    notify("", "READY=1")
    notify(str(tmp_path / "gone"), "READY=1")
