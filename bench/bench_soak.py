"""A server for hours, with objects, viewers, cameras, commands and faults coming and going at random.

    streamtrack bench soak --duration 7200 --seed 1

Real parts throughout: the server is a process of its own, cameras are RTSP (GStreamer) and motion JPEG over
HTTP. Every five seconds its memory, threads and descriptors are sampled; of every published frame the age is
measured in steps of its stream (bench/soak_ages.py says what a step is). What there is so far is written each
minute, so that a run may be cut at any moment.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from bench.environment import MEBIBYTE
from bench.report import make_parser, progress, refuse, save_result, write_result
from bench.soak_acts import Act, Acts
from bench.soak_ages import AgeWatch
from bench.soak_cameras import MjpegCamera, RtspCamera, has_rtsp
from bench.soak_record import Record, draw, render

SAMPLE_S, WRITE_S = 5.0, 60.0
WARM_UP_S = 900.0
"""Before growth is counted; a quarter of a shorter run."""
START_S, STOP_S = 120.0, 20.0
QUICK_S, QUICK_PAUSE_S = 10.0, 0.25
CAMERA_FPS = 1.5
ADDRESSES = ("page", "masks", "control")


class SoakServer:
    """The server's process."""

    def __init__(self, config: dict[str, Any], folder: Path, threads: int) -> None:
        path = folder / "soak.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.log_path = folder / "server.log"
        self._log = self.log_path.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.soak_server", "serve", str(path)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(threads)},
        )
        self.addresses = self._read_addresses()
        self._drained = threading.Thread(target=self._drain, daemon=True)
        self._drained.start()
        self.usage = psutil.Process(self._process.pid)
        self.usage.cpu_percent()

    def _read_addresses(self) -> dict[str, str]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(START_S, self._process.kill)
        watchdog.start()
        found: dict[str, str] = {}
        for line in self._process.stdout:
            name, _, address = line.partition(" ")
            if name in ADDRESSES:
                found[name] = address.strip().rstrip("/")
            if len(found) == len(ADDRESSES):
                break
        watchdog.cancel()
        if len(found) < len(ADDRESSES):
            refuse(f"the server did not start, see {self.log_path}")
        return found

    def _drain(self) -> None:
        assert self._process.stdout is not None
        for _ in self._process.stdout:
            pass

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def spoil(self, stream: str, kind: str, seconds: float) -> None:
        """Let the steps of a stream go wrong."""
        assert self._process.stdin is not None
        print(stream, kind, f"{seconds:.2f}", file=self._process.stdin, flush=True)

    def stop(self) -> int:
        """Ask it to end; -9 where it had to be killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._drained.join(STOP_S)
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):  # what was not read yet
                    if pipe is not None:
                        pipe.close()
            self._log.close()


def server_config(mjpeg: MjpegCamera, rtsp: RtspCamera | None, work: Path) -> dict[str, Any]:
    """Three cameras of low rates, short timeouts, recordings that take a few megabytes at most."""
    quick = {"read_timeout_ms": 3000, "open_timeout_ms": 3000}
    scene = f"synthetic:demo?width=640&height=360&fps={CAMERA_FPS}"
    sources = {
        "gate": {"url": scene},
        "hall": {"url": mjpeg.url, **quick},
        "yard": {"url": scene if rtsp is None else rtsp.url, **quick},
    }
    return {
        "streams": [
            {
                "name": name,
                "source": source,
                "video": {"ice_addresses": ["127.0.0.1"]},
                "supervision": {"step_timeout_ms": 2000},
                "recording": {"mode": "continuous", "segment_s": 30, "bitrate_kbps": 300},
            }
            for name, source in sources.items()
        ],
        "model": {"name": "nano", "device": "cpu", "threads": 1, "compile": "off"},
        "archive": {"folder": str(work / "kept"), "max_gb": 0.02, "min_free_gb": 0.0},
        "http": {"port": 0},
        "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": "tcp://127.0.0.1:*"},
    }


async def act_for(acts: Acts, record: Record, rng: random.Random, pause_s: float) -> None:
    """Let things happen, for ever."""
    weights, names, functions = zip(*acts.weighted(), strict=True)
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            await asyncio.sleep(rng.expovariate(1 / pause_s))
            (number,) = rng.choices(range(len(names)), weights)
            own = random.Random(rng.random())
            task = asyncio.create_task(_act(names[number], functions[number], own, record))
            running.add(task)
            task.add_done_callback(running.discard)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _act(name: str, act: Act, rng: random.Random, record: Record) -> None:
    try:
        how = await act(rng)
    except httpx.HTTPStatusError as error:
        how = str(error.response.status_code)
    except TimeoutError:
        how = "no picture in time"
    except (httpx.HTTPError, OSError) as error:
        how = type(error).__name__
        record.errors[f"{name}: {how}"] += 1
    except Exception as error:  # a hole in the bench itself is told, and ends nothing
        how = type(error).__name__
        record.errors[f"{name}: {error!r}"[:200]] += 1
    record.outcomes[f"{name}: {how}"] += 1


class Sampler:
    """Looks at the server each SAMPLE_S, and writes what there is each WRITE_S."""

    def __init__(self, server: SoakServer, acts: Acts, http: httpx.AsyncClient, record: Record) -> None:
        self._server, self._acts, self._http, self._record = server, acts, http, record
        self._own = psutil.Process()
        self._own.cpu_percent()

    async def sample(self) -> None:
        """Once."""
        usage = self._server.usage
        streams = (await self._http.get("/streams")).json()
        with usage.oneshot():
            sample = {
                "at_s": round(self._record.now_s, 1),
                "rss_mib": round(usage.memory_info().rss / MEBIBYTE, 2),
                "threads": usage.num_threads(),
                "descriptors": usage.num_fds(),
                "server_cpu": usage.cpu_percent() / 100,
                "own_cpu": self._own.cpu_percent() / 100,
                "own_rss_mib": round(self._own.memory_info().rss / MEBIBYTE, 1),
                "load": os.getloadavg()[0],
                "objects": sum(len(stream["objects"]) for stream in streams),
                "streams": len(streams),
                "online": sum(stream["state"] == "online" for stream in streams),
                "watchers": self._acts.watchers,
            }
        self._record.samples.append(sample)
        self._record.read_log(self._server.log_path)


async def soak(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """The whole run."""
    with _cameras(work) as (mjpeg, rtsp):
        server = SoakServer(server_config(mjpeg, rtsp, work), work, options.threads)
        record = Record()
        ages = AgeWatch(server.addresses["masks"], record.aged)
        known = {"seed": options.seed, "warm_up_s": min(WARM_UP_S, options.duration / 4), "rtsp": bool(rtsp)}

        def result(exit_code: int | None) -> dict[str, Any]:
            counts = {"revisions": ages.revisions, "empty": ages.empty, "missed": ages.missed}
            return {**known, **record.result(), "watch": counts, "exit_code": exit_code}

        try:
            async with httpx.AsyncClient(base_url=server.addresses["page"], timeout=60) as http:
                acts = Acts(
                    http,
                    server.addresses["masks"],
                    server.addresses["control"],
                    server.spoil,
                    mjpeg,
                    rtsp,
                    record,
                )
                await _until_tracking(http, acts, server)
                for stream in acts.streams:
                    await acts.add(random.Random(options.seed), stream)
                acting = asyncio.create_task(
                    act_for(acts, record, random.Random(options.seed), options.pause)
                )
                try:
                    await _look_on(Sampler(server, acts, http, record), options, record, server, result)
                finally:
                    acting.cancel()
                    await asyncio.gather(acting, return_exceptions=True)
        finally:
            exit_code = await asyncio.to_thread(server.stop)
            ages.close()
            record.read_log(server.log_path)
        return result(exit_code)


async def _look_on(
    sampler: Sampler, options: argparse.Namespace, record: Record, server: SoakServer, result: Any
) -> None:
    begun_s, written_s = record.now_s, record.now_s
    while (now_s := record.now_s) - begun_s < options.duration:
        if server.exit_code is not None:
            record.errors[f"the server ended with code {server.exit_code}"] += 1
            return
        try:
            await sampler.sample()
        except (httpx.HTTPError, psutil.Error) as error:
            record.errors[f"looking at the server: {type(error).__name__}"] += 1
        if now_s - written_s >= WRITE_S:
            written_s = now_s
            await asyncio.to_thread(_save, result(None), options.out)
            progress(f"{now_s / 60:.0f} min: {record.samples[-1]}")
        await asyncio.sleep(min(SAMPLE_S, options.duration / 20))


def _save(result: dict[str, Any], out: Path) -> None:
    save_result("soak", result, render, out)
    draw(result, out / "soak.png")


async def _until_tracking(http: httpx.AsyncClient, acts: Acts, server: SoakServer) -> None:
    async with asyncio.timeout(START_S):
        while True:
            if server.exit_code is not None:
                refuse(f"the server ended with code {server.exit_code}, see {server.log_path}")
            streams = (await http.get("/streams")).json()
            if all(stream["newest_frame_idx"] >= 0 for stream in streams):
                acts.streams = [stream["name"] for stream in streams]
                return
            await asyncio.sleep(0.2)


@contextlib.contextmanager
def _cameras(work: Path) -> Iterator[tuple[MjpegCamera, RtspCamera | None]]:
    with contextlib.ExitStack() as cameras:
        mjpeg = MjpegCamera(CAMERA_FPS)
        cameras.callback(mjpeg.close)
        rtsp = None
        if has_rtsp():
            rtsp = RtspCamera(work, CAMERA_FPS)
            cameras.callback(rtsp.close)
        else:
            progress("no GStreamer RTSP server here: the RTSP camera is a synthetic one")
        yield mjpeg, rtsp


def main() -> None:
    """Soak, write soak.{json,md,png}, print the table."""
    parser = make_parser(__doc__)
    parser.set_defaults(threads=1)
    parser.add_argument("--duration", type=float, default=7200, metavar="SECONDS", help="how long")
    parser.add_argument("--seed", type=int, default=1, help="of everything that happens")
    parser.add_argument("--pause", type=float, default=1.5, metavar="SECONDS", help="between two acts, mean")
    options = parser.parse_args()
    if options.quick:
        options.duration, options.pause = QUICK_S, QUICK_PAUSE_S
    options.out.mkdir(parents=True, exist_ok=True)
    work = options.out / "soak-work"
    work.mkdir(exist_ok=True)
    shutil.rmtree(work / "kept", ignore_errors=True)
    result = asyncio.run(soak(options, work))
    full = write_result("soak", result, render, options.out)
    draw(full, options.out / "soak.png")


if __name__ == "__main__":
    main()
