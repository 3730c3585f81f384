"""Who commands by a CURVE key, and until when."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from streamtrack.access.curve_file import CurveClient, CurveFile
from streamtrack.access.roles import Role
from streamtrack.client import ClientKeys, Control
from streamtrack.config import CurveConfig
from streamtrack.errors import PublishError
from streamtrack.publish import zmq_security
from tests.support.control_server import OneStream, serving
from tests.support.masks import TIMEOUT_MS, keypair, make_curve


def curve_of_roles() -> tuple[CurveConfig, dict[str, ClientKeys]]:
    """A server's keys, and those of a client in each role."""
    curve, (listed,) = make_curve()
    roles = ("viewers", "controllers", "admins")
    clients = {role: ClientKeys(listed.server_public_key, *keypair()) for role in roles}
    update = {role: {role[:-1]: keys.public_key} for role, keys in clients.items()}
    return curve.model_copy(update=update), {"listed": listed, **clients}


async def test_those_who_may_command_come_in_and_those_who_may_watch_do_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    curve, clients = curve_of_roles()

    def commands(address: str, keys: ClientKeys, timeout_ms: int = TIMEOUT_MS) -> int:
        with Control(address, "cam1", keys=keys, timeout_ms=timeout_ms) as control:
            return len(control.list())

    async with serving(curve=curve) as server:
        for role in ("listed", "controllers", "admins"):
            assert await asyncio.to_thread(commands, server.address, clients[role]) == 0
        with pytest.raises(PublishError):
            await asyncio.to_thread(commands, server.address, clients["viewers"], 300)
    assert "viewer has the role view, expected control" in caplog.text


async def test_controller_whose_key_is_revoked_commands_no_more_and_others_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zmq_security, "LOOK_PERIOD_MS", 20)
    file, executor = CurveFile(tmp_path / "curve.json"), OneStream()
    curve, clients = curve_of_roles()
    goes = ClientKeys(clients["listed"].server_public_key, *keypair())
    file.add(CurveClient("robot", Role.CONTROL, goes.public_key))
    curve = curve.model_copy(update={"clients_file": file.path})

    def until_refused(control: Control) -> None:
        deadline = time.monotonic() + TIMEOUT_MS / 1e3
        while time.monotonic() < deadline:
            try:
                control.list()
            except PublishError:
                return
        raise AssertionError("the revoked client still commands")

    async with serving(executor, curve) as server:
        with (
            Control(server.address, "cam1", keys=goes, timeout_ms=500) as robot,
            Control(server.address, "cam1", keys=clients["controllers"], timeout_ms=TIMEOUT_MS) as other,
        ):
            assert await asyncio.to_thread(robot.list) == ()
            assert await asyncio.to_thread(other.list) == ()
            file.revoke("robot")
            await asyncio.to_thread(until_refused, robot)
            with pytest.raises(PublishError):
                await asyncio.to_thread(robot.list)
            assert await asyncio.to_thread(other.list) == ()
