"""Whom a ZeroMQ request is from, and whether he may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import zmq

from streamtrack.access.audit import Outcome
from streamtrack.access.curve import read_user_id
from streamtrack.access.door import Door
from streamtrack.access.principal import ANYONE, Principal
from streamtrack.access.refusals import UnauthorizedError
from streamtrack.access.roles import Role
from streamtrack.control.envelope import Request
from streamtrack.control.needs import OF_MACHINES, need_of, op_of
from streamtrack.errors import StreamTrackError

NO_TOKEN = "token is missing, expected that of a key in the request"


@dataclass(frozen=True, slots=True)
class Sender:
    """What the socket says of whom a request is from."""

    address: str
    """Empty where the transport has none."""
    curve: Principal | None
    """By his CURVE key."""

    @classmethod
    def of(cls, frame: zmq.Frame, *, by_curve: bool) -> Sender:
        """Read off a frame.

        Args:
            by_curve: the socket asks for CURVE keys. Without, whoever sends may call himself what he likes.
        """
        user = read_user_id(_property(frame, "User-Id")) if by_curve else None
        return cls(_property(frame, "Peer-Address"), user)


class Judge:
    """Decides who may command, and writes down what was done."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def admit(self, request: Request, sender: Sender) -> Principal:
        """Who sends a request, once he may.

        A token in the request says more than a CURVE key: who shows one is who it says.

        Raises:
            UnauthorizedError: nobody that is known. ForbiddenError: his role is too small.
            BusyError: too many tokens are being looked at.
        """
        principal = await self._principal(request, sender)
        try:
            principal.require(need_of(request.command), _what(request))
        except StreamTrackError as error:
            self.tell(request, sender, principal, "refused", str(error))
            raise
        return principal

    async def _principal(self, request: Request, sender: Sender) -> Principal:
        if request.token is not None:
            peer = sender.address or "zmq"
            return (await self._door.admit(request.token, peer, sender.address, "zmq")).principal
        if sender.curve is not None:
            return sender.curve
        if self._door.asks_for_keys:
            raise UnauthorizedError(NO_TOKEN)
        return ANYONE

    def tell(
        self,
        request: Request,
        sender: Sender,
        who: Principal,
        outcome: Outcome,
        detail: str = "",
        object_id: int | None = None,
    ) -> None:
        """Write down how a request ended, where it would change something."""
        if need_of(request.command) is Role.VIEW and outcome != "refused":
            return
        command: dict[str, Any] = request.command
        self._door.audit.note(
            _what(request),
            outcome,
            principal=who,
            address=sender.address,
            via="zmq",
            stream=_text(command.get("stream")),
            object_id=_text(object_id if object_id is not None else command.get("object_id")),
            detail=detail,
            often=outcome == "refused" or op_of(command) in OF_MACHINES,
        )


def _what(request: Request) -> str:
    op = op_of(request.command)
    return f"zmq {op[:40]}" if op.isidentifier() else "zmq"


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _property(frame: zmq.Frame, name: str) -> str:
    try:
        return str(frame.get(name))
    except (zmq.ZMQError, KeyError, UnicodeDecodeError):
        return ""
