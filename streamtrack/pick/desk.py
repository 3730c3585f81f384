"""Everything that the page works on: the film, what was picked, previews and the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from streamtrack.errors import PromptError, PublishError
from streamtrack.offline import PromptSet
from streamtrack.pick.jobs import Job, JobOptions, Jobs
from streamtrack.pick.overlay import overlay_address
from streamtrack.pick.picked import Picked
from streamtrack.pick.pictures import Pictures
from streamtrack.pick.previews import Previews
from streamtrack.pick.repeat import command_line
from streamtrack.prompt import Prompt


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What is told of the film."""

    name: str
    """As it was given."""
    num_frames: int
    width_px: int
    height_px: int
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen for a job, and what is chosen before anyone did."""

    exporters: Mapping[str, str]
    """Name and one line on what it writes."""
    options: JobOptions
    folder: Path
    """Where results go."""
    others: tuple[str, ...] = ()
    """Options that were given and that the page leaves alone, for the command line."""
    given: PromptSet = field(default_factory=PromptSet)
    """Prompts that were given beforehand."""


class Desk:
    """The page's other side. Lives on the event loop."""

    def __init__(
        self,
        film: FilmFacts,
        choices: Choices,
        picked: Picked,
        pictures: Pictures,
        previews: Previews,
        jobs: Jobs,
        write_prompts: Callable[[PromptSet], str],
    ) -> None:
        """`write_prompts`: a prompts.yaml of prompts."""
        self.film = film
        self.choices = choices
        self.picked = picked
        self.pictures = pictures
        self.previews = previews
        self.jobs = jobs
        self.options = choices.options
        self._write_prompts = write_prompts

    def told(self) -> dict[str, Any]:
        """All that the page shows."""
        picks = self.picked.now
        return {
            "revision": self.picked.revision,
            "film": {
                "name": self.film.name,
                "num_frames": self.film.num_frames,
                "width_px": self.film.width_px,
                "height_px": self.film.height_px,
                "fps": self.film.fps,
            },
            "objects": [{"object_id": key, "label": label} for key, label in picks.labels.items()],
            "prompts": [_told_prompt(prompt) for _, prompt in sorted(picks.prompts.items())],
            "can_undo": self.picked.can_undo,
            "options": _told_options(self.options),
            "exporters": [{"name": name, "about": about} for name, about in self.choices.exporters.items()],
            "folder": str(self.choices.folder),
            "command": self.command(),
            "job": self.told_job(),
        }

    def told_job(self) -> dict[str, Any] | None:
        """How the last job stands."""
        return None if self.jobs.newest is None else self.jobs.newest.told()

    @property
    def prompts(self) -> PromptSet:
        """What is picked, as a job takes it."""
        picked = self.picked.now
        return replace(self.choices.given, prompts=picked.in_order())

    def command(self) -> str:
        """The command line that does the same."""
        return command_line(self.film.name, self.prompts, self.options, self.choices.others)

    def prompts_file(self) -> str:
        """The picks as prompts.yaml."""
        return self._write_prompts(self.prompts)

    async def masks(self, frame_idx: int) -> dict[str, Any]:
        """What the prompts of a frame find there: areas by object and a picture of all masks."""
        self.check_frame(frame_idx)
        self.jobs.refuse_while_running()  # it has the model
        masks = await self.previews.masks(frame_idx, self.picked.now)
        return {
            "areas": {str(mask.object_id): mask.area_px for mask in masks},
            "picture": overlay_address(masks),
        }

    def check_frame(self, frame_idx: int) -> None:
        """Refuse a frame that the film does not have.

        Raises:
            PromptError: it has none of that number.
        """
        if not 0 <= frame_idx < self.film.num_frames:
            raise PromptError(f"frame is {frame_idx}, expected 0 to {self.film.num_frames - 1}")

    def choose(self, options: JobOptions) -> None:
        """Take options for the next job.

        Raises:
            PromptError: a frame that the film does not have, or an order that cannot be.
            PublishError: an exporter that does not exist.
        """
        for frame_idx in (options.start, options.end):
            if frame_idx is not None:
                self.check_frame(frame_idx)
        if options.start is not None and options.end is not None and options.end < options.start:
            raise PromptError(f"end is {options.end}, expected {options.start} (the start) or later")
        for name in options.exports:
            if name not in self.choices.exporters:
                raise PublishError(
                    f"exporter is {name!r}, expected one of: {', '.join(self.choices.exporters)}"
                )
        self.options = options

    def start_job(self) -> Job:
        """Begin the job with the prompts and options of now.

        Raises:
            PromptError: there is no prompt.
            BusyError: one is under way.
        """
        prompts: Sequence[Prompt] = self.picked.now.in_order()
        if not prompts:
            raise PromptError("nothing is picked, expected at least one object")
        return self.jobs.start(self.options, prompts)


def _told_prompt(prompt: Prompt) -> dict[str, Any]:
    return {
        "object_id": prompt.object_id,
        "frame_idx": prompt.at_frame or 0,
        "points": prompt.points.tolist(),
        "labels": prompt.labels.tolist(),
        "box": None if prompt.box is None else prompt.box.tolist(),
        "mask": prompt.mask is not None,
    }


def _told_options(options: JobOptions) -> dict[str, Any]:
    return {
        "direction": options.direction,
        "start": options.start,
        "end": options.end,
        "stride": options.stride,
        "exports": list(options.exports),
        "overwrite": options.overwrite,
    }
