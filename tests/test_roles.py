"""Who may what, tried: every route and every command, by nobody, each role, and keys that ended.

The table of what came out is in docs/roles.md, which is compared; `make roles` writes it.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from streamtrack.access.roles import Role
from streamtrack.client import Control
from streamtrack.config import CamerasConfig, HttpConfig
from streamtrack.control.commands import AnyCommand
from streamtrack.control.envelope import encode_request
from streamtrack.control.needs import COMMAND_NEEDS
from streamtrack.errors import StreamTrackError
from streamtrack.http.needs import NEEDS, PICK, flat_routes, name_of
from streamtrack.pick.routes import pick_router
from streamtrack.server import Server
from tests.support.doors import make_keys
from tests.support.pipelines import stream_config
from tests.support.servers import server_config, serving

PAGE = Path(__file__).parents[1] / "docs" / "roles.md"
BLOCK = re.compile(r"(<!-- roles -->\n).*?(<!-- /roles -->)", re.DOTALL)
WHO = ("nobody", "view", "control", "admin", "revoked", "expired")
ALLOWED, UNKNOWN, TOO_SMALL = "yes", "401", "403"
Table = dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("state")
    return {**make_keys(folder / "keys.json"), "folder": str(folder)}


@pytest.fixture(scope="module")
def server(tokens: dict[str, str]) -> Iterator[Server]:
    cameras = CamerasConfig(state_dir=Path(tokens["folder"]))
    with serving(server_config(stream_config(), cameras=cameras)) as running:
        yield running


@cache
def routes_of(server: Server) -> Sequence[str]:
    """Every route that the server has, as the table names it."""
    app = server._web._server.config.app
    found = []
    for route in flat_routes(app.routes):  # type: ignore[union-attr]
        methods = getattr(route, "methods", None) or ("WEBSOCKET",)
        found += [name_of(method, route.path) for method in methods]
    return sorted(set(found))


def filled(path: str) -> str:
    """An address of the route that names nothing that there is."""
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: "1" if "id" in found[1] else "nowhere", path)


def outcome(status: int, kind: str) -> str:
    """Whether a right was missing; whatever else was wrong with the request is not looked at."""
    if status == 401 or kind == "unauthorized":
        return UNKNOWN
    return TOO_SMALL if kind == "forbidden" else ALLOWED


def try_route(http: httpx.Client, what: str) -> str:
    method, _, path = what.partition(" ")
    if method == "WEBSOCKET":
        try:
            shown = {key: value for key, value in http.headers.items() if key == "authorization"}
            with connect(f"ws{str(http.base_url).rstrip('/')[4:]}{filled(path)}", additional_headers=shown):
                return ALLOWED
        except InvalidStatus as error:
            return outcome(error.response.status_code, "forbidden")
    answer = http.request(method, filled(path))
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    kind = answer.json().get("kind", "") if is_json and answer.is_error else ""
    return outcome(answer.status_code, kind)


@pytest.fixture(scope="module")
def tried_routes(server: Server, tokens: dict[str, str]) -> Table:
    """What came of each route for each of WHO."""
    columns = []
    for who in WHO:
        headers = {} if who == "nobody" else {"authorization": f"Bearer {tokens[who]}"}
        with httpx.Client(base_url=server.http_address, headers=headers, timeout=20) as http:
            columns.append([try_route(http, what) for what in routes_of(server)])
    return dict(zip(routes_of(server), zip(*columns, strict=True), strict=True))


def operations() -> Sequence[str]:
    """Every command that there is."""
    union = get_args(AnyCommand)[0]
    return sorted(get_args(one.model_fields["op"].annotation)[0] for one in get_args(union))


@pytest.fixture(scope="module")
def tried_commands(server: Server, tokens: dict[str, str]) -> Table:
    """What came of each command over ZeroMQ."""
    assert server.control_address is not None
    table: Table = {}
    for op in (*operations(), "invented"):
        row = []
        for who in WHO:
            token = None if who == "nobody" else tokens[who]
            with Control(server.control_address, "nowhere", token=token) as control:
                try:
                    control._ask(op)
                    row.append(ALLOWED)
                except StreamTrackError as error:
                    row.append(outcome(0, error.kind))
        table[f"ZeroMQ {op}"] = tuple(row)
    return table


def expected(need: Role | None) -> tuple[str, ...]:
    """A row of the table by what is asked for."""
    if need is None:
        return (ALLOWED,) * len(WHO)
    of_roles = tuple(ALLOWED if role.allows(need) else TOO_SMALL for role in Role)
    return (UNKNOWN, *of_roles, UNKNOWN, UNKNOWN)


def test_every_route_is_in_the_table_and_the_table_has_no_others(server: Server) -> None:
    pick: Any = None
    of_pick = [
        name_of(method, route.path)
        for route in flat_routes(pick_router(pick, pick, pick).routes)
        for method in route.methods
    ]
    assert sorted(of_pick) == sorted(PICK)
    assert sorted({*routes_of(server), *of_pick}) == sorted(NEEDS)


def test_each_role_may_do_what_it_may_on_every_route_and_nothing_else(tried_routes: Table) -> None:
    assert tried_routes == {what: expected(NEEDS[what]) for what in tried_routes}
    assert len(tried_routes) > 80


def test_each_role_may_do_what_it_may_by_every_command_and_nothing_else(tried_commands: Table) -> None:
    assert sorted(COMMAND_NEEDS) == operations()
    needs = {f"ZeroMQ {op}": COMMAND_NEEDS.get(op, Role.ADMIN) for op in (*operations(), "invented")}
    assert tried_commands == {what: expected(need) for what, need in needs.items()}


def test_page_of_the_docs_says_what_came_out(tried_routes: Table, tried_commands: Table) -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = BLOCK.sub(
        lambda found: found[1] + as_table({**tried_routes, **tried_commands}) + found[2], text
    )
    if os.environ.get("STREAMTRACK_WRITE_ROLES"):
        PAGE.write_text(written, encoding="utf-8")
        text = written
    assert BLOCK.search(text) is not None
    assert text == written, "make roles writes it"


def as_table(tried: Table) -> str:
    """Markdown: those who need least first."""
    head = ("what", *WHO)
    rows = sorted(
        tried.items(), key=lambda item: (-item[1].count(ALLOWED), item[0].partition(" ")[2], item[0])
    )
    lines = [head, ("---",) * len(head), *((f"`{what}`", *row) for what, row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_refusal_over_zeromq_says_which_role_was_there_and_which_is_needed(
    server: Server, tokens: dict[str, str]
) -> None:
    assert server.control_address is not None
    with Control(server.control_address, "cam", token=tokens["view"]) as control:
        with pytest.raises(StreamTrackError, match=r"^zmq pause needs the role control, yours is view$"):
            control.pause()
        control.list()
    with (
        Control(server.control_address, "cam") as control,
        pytest.raises(StreamTrackError, match=r"^token is missing, expected that of a key in the request$"),
    ):
        control.list()
    entries = server._door.audit.page(50, who="view")[0]
    refused = next(entry for entry in entries if entry.what == "zmq pause")
    assert (refused.via, refused.stream, refused.address) == ("zmq", "cam", "127.0.0.1")


def test_states_of_streams_are_told_to_those_who_may_see_them(server: Server, tokens: dict[str, str]) -> None:
    headers = {"authorization": f"Bearer {tokens['view']}"}
    assert httpx.get(f"{server.http_address}/readyz").json()["streams"] == {}
    assert httpx.get(f"{server.http_address}/readyz", headers=headers).json()["streams"] != {}


def handshake(**properties: str) -> bytes:
    """What a ZMTP 3.0 client without a mechanism says first, with properties that libzmq would not send."""
    named = {"Socket-Type": "DEALER", **properties}
    told = b"".join(
        bytes([len(name)]) + name.encode() + len(value).to_bytes(4, "big") + value.encode()
        for name, value in named.items()
    )
    ready = b"\x05READY" + told
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
    return greeting + b"\x04" + bytes([len(ready)]) + ready


def hear(peer: socket.socket, awaited: bytes) -> bytes:
    """What a peer says until this is in it."""
    heard = b""
    while awaited not in heard:
        part = peer.recv(4096)
        assert part, heard
        heard += part
    return heard


def test_clients_own_claim_of_who_he_is_counts_for_nothing_without_curve(server: Server) -> None:
    assert server.control_address is not None
    host, _, port = server.control_address.removeprefix("tcp://").rpartition(":")
    body = encode_request({"op": "list", "stream": "cam"}, 1)
    with socket.create_connection((host, int(port)), timeout=20) as peer:
        peer.sendall(handshake(**{"User-Id": "admin mallory"}))
        hear(peer, b"READY")
        peer.sendall(b"\x00" + bytes([len(body)]) + body)
        heard = hear(peer, b"kind")
    assert b"unauthorized" in heard


def test_one_token_of_the_config_leaves_commands_on_this_machine_open_as_they_were() -> None:
    http = HttpConfig(port=0, token=SecretStr("hunter2-hunter2-hunter2"))
    with serving(server_config(stream_config(), http=http)) as running:
        assert running.control_address is not None
        with Control(running.control_address, "cam") as control:
            assert control.pause().op == "pause"
        with (
            Control(running.control_address, "cam", token="hunter3-hunter3") as control,
            pytest.raises(StreamTrackError, match="wrong"),
        ):
            control.list()
