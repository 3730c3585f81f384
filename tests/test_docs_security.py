"""What docs/security.md gives: its configs are read, its commands run, its proxies pass what is served."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import websockets
import yaml
from aiortc import RTCPeerConnection
from pydantic import SecretStr
from websockets.typing import Origin

from streamtrack.config import HttpConfig, parse_config
from streamtrack.config.environment import expand_variables
from streamtrack.server import Server
from tests.support.certificates import Authority, Files
from tests.support.pipelines import stream_config, wait_until
from tests.support.process import started, streamtrack
from tests.support.servers import server_config, serving

PAGE = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
TOKEN = "a-long-random-word-for-tests"
NAME = "cams.example"
SOON_S = 60
ENVIRONMENT = {"STREAMTRACK_TOKEN": TOKEN, "STREAMTRACK_CURVE_SECRET": "s" * 40}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_configs_are_some(text: str) -> None:
    raw = yaml.safe_load(text.replace('"..."', f'"{"k" * 40}"'))
    streams = [{"name": "cam", "source": {"url": "synthetic:demo"}}]
    parse_config(expand_variables({"streams": streams, **raw}, ENVIRONMENT, "docs"), "docs/security.md")


@pytest.mark.process
@pytest.mark.needs_program("openssl", "curl")
def test_certificate_of_ones_own_making_is_served(tmp_path: Path) -> None:
    (script,) = blocks("sh")
    make, serve, ask = re.split(r"^(?=streamtrack|curl)", script, flags=re.MULTILINE)
    subprocess.run(["bash", "-ec", make], cwd=tmp_path, check=True, capture_output=True, timeout=SOON_S)
    arguments = serve.split("serve ")[1].replace("$PWD", str(tmp_path)).split()
    arguments[0] = str(Path(__file__).parents[1] / arguments[0])
    sockets = ("zmq.masks_address=tcp://127.0.0.1:*", "zmq.control_address=null")
    settings = [part for key in sockets for part in ("--set", key)]
    command = streamtrack("serve", *arguments, "--port", "0", *settings)
    with started(*command, errors=subprocess.STDOUT) as process:
        assert process.stdout is not None
        page = next(line for line in process.stdout if line.startswith("page ")).split()[1]
        assert page.startswith("https://127.0.0.1:")
        asked = ask.replace("https://localhost:8080", page.rstrip("/"))
        done = subprocess.run(
            ["bash", "-ec", asked], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=SOON_S
        )
    assert done.stdout == '{"alive":true}'


@contextmanager
def server_of(http: Mapping[str, object]) -> Iterator[Server]:
    stream = stream_config("synthetic:leave?width=320&height=180&fps=10", "cam", pace="newest")
    settings = HttpConfig.model_validate(
        {"port": 0, "token": SecretStr(TOKEN), "hosts": (NAME,), "trusted_proxies": ("127.0.0.1",), **http}
    )
    with serving(server_config(stream, http=settings)) as server:
        yield server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def caddy_config(port: int, server: str, files: Files, folder: Path) -> tuple[str, list[str]]:
    (block,) = blocks("caddy")
    site = block.replace(NAME, f"https://{NAME}:{port}", 1).replace("127.0.0.1:8080", server)
    site = site.replace("{\n", f"{{\n\ttls {files.certificate} {files.key}\n", 1)
    lines = (
        "admin off",
        "auto_https disable_redirects",
        f"storage file_system {folder}",
    )
    options = "{\n" + "".join(f"\t{line}\n" for line in lines) + "}\n"
    return options + site, ["caddy", "run", "--adapter", "caddyfile", "--config"]


def nginx_config(port: int, server: str, files: Files, folder: Path) -> tuple[str, list[str]]:
    (block,) = blocks("nginx")
    block = block.replace("listen 443", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8080", server)
    block = block.replace("$host;", "$http_host;", 1)  # as the page says of a port that is not 443
    block = block.replace(f"/etc/letsencrypt/live/{NAME}/fullchain.pem", str(files.certificate))
    block = block.replace(f"/etc/letsencrypt/live/{NAME}/privkey.pem", str(files.key))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    whole = (
        f"daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{\naccess_log off;\n{places}{block}\n}}\n"
    )
    return whole, ["nginx", "-p", str(folder), "-c"]


@contextmanager
def proxied(kind: str, folder: Path, authority: Authority) -> Iterator[int]:
    """The port at which everything is asked for over TLS: of a proxy, or of the server itself."""
    files = authority.write(folder, NAME)
    with ExitStack() as stack:
        if kind == "itself":
            tls = {"tls_certificate": files.certificate, "tls_key": files.key}
            server = stack.enter_context(server_of(tls))
            yield int(server.http_address.rpartition(":")[2])
            return
        server = stack.enter_context(server_of({}))
        port = free_port()
        make = caddy_config if kind == "caddy" else nginx_config
        text, command = make(port, server.http_address.removeprefix("http://"), files, folder)
        config = folder / "proxy.conf"
        config.write_text(text)
        env = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
        process = stack.enter_context(started(*command, config, env=env, errors=subprocess.STDOUT))

        def listens() -> bool:
            assert process.poll() is None, process.stdout and process.stdout.read()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, f"{kind} to listen")
        yield port


@pytest.mark.slow
@pytest.mark.needs_program("caddy", "nginx")
@pytest.mark.parametrize("kind", ["itself", "caddy", "nginx"])
async def test_everything_passes(kind: str, tmp_path: Path) -> None:
    authority = Authority()
    gone = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def serve() -> None:
        with proxied(kind, tmp_path, authority) as port:
            loop.call_soon_threadsafe(ready.set_result, port)
            asyncio.run_coroutine_threadsafe(gone.wait(), loop).result(SOON_S * 2)

    served = asyncio.create_task(asyncio.to_thread(serve))
    done, _ = await asyncio.wait((served, ready), timeout=SOON_S, return_when=asyncio.FIRST_COMPLETED)
    try:
        assert ready in done, served.exception() if served.done() else "nothing listens"
        await ask_for_everything(ready.result(), authority.client())
    finally:
        gone.set()
        await served


async def ask_for_everything(port: int, trusted: ssl.SSLContext) -> None:
    """A page's whole life: state, pictures, events, masks, commands, WebRTC."""
    host = f"{NAME}:{port}"
    headers = {"host": host, "authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{port}", headers=headers, verify=trusted, timeout=SOON_S
    ) as http:
        http.event_hooks["request"] = [named]
        page = await http.get("/")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"] == "max-age=15552000"  # it knows that TLS is spoken
        assert (await http.get("/streams")).json()[0]["name"] == "cam"
        assert b"event: state" in await first(http, "/streams/cam/live", b"\n\n", 2)
        pictures = await first(http, "/streams/cam/mjpeg", b"\xff\xd9", 3)
        assert pictures.count(b"Content-Type: image/jpeg") >= 2
        for origin, status in ((f"https://{host}", 200), ("https://evil.example", 403), ("null", 403)):
            answer = await http.post("/streams/cam/pause", headers={"origin": origin})
            assert answer.status_code == status, answer.text
        assert (await http.post("/streams/cam/resume")).status_code == 200
        assert '"cam"' not in (await http.get("/streams", headers={"host": "evil.example"})).text
        await watch(http)
    address = f"wss://{host}/streams/cam/wire?token={TOKEN}"
    async with asyncio.timeout(SOON_S):
        async with websockets.connect(
            address, ssl=trusted, host="127.0.0.1", port=port, origin=Origin(f"https://{host}")
        ) as wire:
            assert await wire.recv()


async def named(request: httpx.Request) -> None:
    """TLS names the host as the request does."""
    request.extensions["sni_hostname"] = NAME


async def first(http: httpx.AsyncClient, path: str, mark: bytes, times: int) -> bytes:
    """What comes first of an answer without end, as it comes."""
    received = b""
    async with asyncio.timeout(SOON_S), http.stream("GET", path) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_raw():
            received += part
            if received.count(mark) >= times:
                break
    return received


async def watch(http: httpx.AsyncClient) -> None:
    """An offer, its answer, a connection, and its end."""
    player = RTCPeerConnection()
    try:
        player.addTransceiver("video", direction="recvonly")
        await player.setLocalDescription(await player.createOffer())
        offer = player.localDescription.sdp
        answer = await http.post(
            "/streams/cam/whep", content=offer, headers={"content-type": "application/sdp"}
        )
        assert answer.status_code == 201, answer.text
        assert answer.text.startswith("v=0")
        ended = await http.delete(answer.headers["location"])
        assert ended.status_code == 200, ended.text
    finally:
        await player.close()
