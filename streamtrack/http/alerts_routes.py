"""The HTTP API's alerts: who receives them, what became of them, and what is silenced for a while."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from streamtrack.alerts.hub import AlertsHub
from streamtrack.alerts.receiver import ReceiverStatus
from streamtrack.alerts.snoozes import MAX_SNOOZE_S, Snooze
from streamtrack.http.command_route import CommandRoute


class SnoozeBody(BaseModel):
    """What is silenced; what is null or left out is any. All three: everything."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    alert: str | None = Field(None, max_length=64)
    """A webhook's name, `mqtt`, or `browser` for the page's own notifications."""
    stream: str | None = Field(None, max_length=64)
    rule: str | None = Field(None, max_length=64)
    """A zone or line."""
    seconds: float = Field(gt=0, le=MAX_SNOOZE_S, strict=True)
    """For how long."""


class AlertsAnswer(BaseModel):
    """Who receives events, and what is silenced."""

    receivers: tuple[ReceiverStatus, ...]
    snoozes: tuple[Snooze, ...]


def alerts_router(hub: AlertsHub) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/alerts", tags=["alerts"], route_class=CommandRoute)

    @router.get("")
    async def show_alerts() -> AlertsAnswer:
        """Each receiver with what waits and what became of the rest, and the snoozes in force."""
        return AlertsAnswer(receivers=hub.statuses(), snoozes=tuple(hub.snoozes.in_force()))

    @router.post("/snoozes", status_code=HTTPStatus.CREATED)
    async def snooze(body: SnoozeBody) -> Snooze:
        """Silence a receiver, a stream, a rule or any two or three of them for a time; again: anew. What
        happens meanwhile is not told later."""
        hub.check_name(body.alert)
        return hub.snoozes.add(body.alert, body.stream, body.rule, body.seconds)

    @router.delete("/snoozes/{snooze_id}", status_code=HTTPStatus.NO_CONTENT)
    async def end_snooze(snooze_id: Annotated[int, Path(ge=0, le=2**53)]) -> Response:
        """Let it be heard again."""
        hub.snoozes.remove(snooze_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router
