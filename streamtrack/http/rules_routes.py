"""The HTTP API's zones and lines: seen, made, changed and removed while the stream runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel

from streamtrack.config import AnyRule
from streamtrack.errors import UnknownStreamError
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.paths import StreamName
from streamtrack.rules.desk import Rule, RulesDesk
from streamtrack.rules.state import RuleState

RuleName = Annotated[str, Path(description="The rule's name", max_length=64)]


class RuleAnswer(BaseModel):
    """A rule, where it comes from, and what it counted."""

    rule: AnyRule
    origin: Literal["config", "file", "memory"]
    """config: the config file's, changed there only. file: kept in `rules.file`. memory: gone with the
    process."""
    state: RuleState
    """Who is inside, and the counts since it was made."""


class RulesAnswer(BaseModel):
    """Every rule of a stream."""

    stream: str
    stored: bool
    """Whether what is made here outlives the process: `rules.file` is set."""
    frame_size: tuple[int, int] | None
    """H, W of the picture in pixels; null before the first frame."""
    rules: tuple[RuleAnswer, ...]


def rules_router(desks: Mapping[str, RulesDesk]) -> APIRouter:
    """The routes, over the rules of each stream."""
    router = APIRouter(prefix="/streams/{name}/rules", tags=["rules"], route_class=CommandRoute)

    def desk_of(name: str) -> RulesDesk:
        try:
            return desks[name]
        except KeyError:
            raise UnknownStreamError(name, tuple(desks)) from None

    @router.get("")
    async def list_rules(name: StreamName) -> RulesAnswer:
        """Zones and lines, those of the config file first."""
        desk = desk_of(name)
        rules = tuple(map(_answer, desk.rules()))
        return RulesAnswer(stream=name, stored=desk.stored, frame_size=desk.frame_size, rules=rules)

    @router.post("", status_code=HTTPStatus.CREATED)
    async def add_rule(name: StreamName, body: Annotated[AnyRule, Body()]) -> RuleAnswer:
        """A new zone (`kind: zone`) or line (`kind: line`), in force from the next frame on."""
        # Off the loop: it is written to the disk.
        return _answer(await asyncio.to_thread(desk_of(name).add, body))

    @router.get("/{rule}")
    async def show_rule(name: StreamName, rule: RuleName) -> RuleAnswer:
        """One rule."""
        return _answer(desk_of(name).rule(rule))

    @router.put("/{rule}")
    async def change_rule(name: StreamName, rule: RuleName, body: Annotated[AnyRule, Body()]) -> RuleAnswer:
        """Another rule in its place, also of another name; its counts begin anew, unless nothing changed."""
        return _answer(await asyncio.to_thread(desk_of(name).put, rule, body))

    @router.delete("/{rule}", status_code=HTTPStatus.NO_CONTENT)
    async def remove_rule(name: StreamName, rule: RuleName) -> Response:
        """A rule less."""
        await asyncio.to_thread(desk_of(name).remove, rule)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _answer(rule: Rule) -> RuleAnswer:
    return RuleAnswer(rule=rule.rule, origin=rule.origin, state=rule.state)
