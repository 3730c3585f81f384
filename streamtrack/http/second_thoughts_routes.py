"""The HTTP API's second thoughts: what was said of an object before is taken back, cleared or said anew."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from streamtrack.control.commands import (
    Answer,
    CandidatesCommand,
    ChooseCommand,
    ClearCommand,
    Executor,
    MergeCommand,
    StartOverCommand,
    UndoCommand,
)
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.paths import Hidden, ObjectIdPath, StreamName, for_stream
from streamtrack.object_record import CandidateInfo


class StartOverBody(StartOverCommand):
    """A prompt that the object begins with anew; stream and object are those in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["start_over"]] = "start_over"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


class ChooseBody(ChooseCommand):
    """Which candidate; stream and object are those in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["choose"]] = "choose"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


class MergeBody(MergeCommand):
    """The object that goes into the one in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["merge"]] = "merge"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


def second_thoughts_routes(executor: Executor) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/streams/{name}", tags=["second thoughts"], route_class=CommandRoute)

    @router.post("/undo")
    async def undo_last(name: StreamName) -> Answer:
        """Take the stream's last prompt back, whoever gave it: everything is as if it had never been given.
        `object_id` says whose it was, `undone` what it was; after `start` the object is gone."""
        return await executor.execute(UndoCommand(stream=name))

    @router.post("/objects/{object_id}/undo")
    async def undo_of_object(name: StreamName, object_id: ObjectIdPath) -> Answer:
        """Take the object's last prompt back."""
        return await executor.execute(UndoCommand(stream=name, object_id=object_id))

    @router.delete("/objects/{object_id}/prompts")
    async def clear_prompts(
        name: StreamName, object_id: ObjectIdPath, at_frame: Annotated[int | None, Query(ge=0)] = None
    ) -> Answer:
        """Take all of the object's prompts on one kept frame back; by default on that of its newest."""
        return await executor.execute(ClearCommand(stream=name, object_id=object_id, at_frame=at_frame))

    @router.get("/objects/{object_id}/candidates")
    async def list_candidates(name: StreamName, object_id: ObjectIdPath) -> list[CandidateInfo]:
        """The masks that the object's newest click may mean, the largest first."""
        answer = await executor.execute(CandidatesCommand(stream=name, object_id=object_id))
        return list(answer.candidates)

    @router.post("/objects/{object_id}/choose")
    async def choose_candidate(name: StreamName, object_id: ObjectIdPath, body: ChooseBody) -> Answer:
        """Give the object another of its candidates, from the frame of the click on."""
        return await executor.execute(for_stream(body, name, object_id))

    @router.post("/objects/{object_id}/start-over")
    async def start_over(name: StreamName, object_id: ObjectIdPath, body: StartOverBody) -> Answer:
        """Forget all of the object but its id and its label, and follow what the prompt shows."""
        return await executor.execute(for_stream(body, name, object_id))

    @router.post("/objects/{object_id}/merge")
    async def merge(name: StreamName, object_id: ObjectIdPath, body: MergeBody) -> Answer:
        """Make one object of two: this one lives on, `other_id` is removed; the union of their masks on the
        newest frame is what is remembered."""
        return await executor.execute(for_stream(body, name, object_id))

    return router
