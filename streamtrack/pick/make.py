"""Puts the parts of the page together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from streamtrack.offline import PromptSet
from streamtrack.pick.desk import Choices, Desk, FilmFacts
from streamtrack.pick.jobs import Jobs, RunJob
from streamtrack.pick.picked import Picked
from streamtrack.pick.pictures import Pictures
from streamtrack.pick.previews import Finder, Previews
from streamtrack.pick.seeking import SeekingFilm
from streamtrack.prompt import Prompt
from streamtrack.tracking.prompts import check_prompt


def make_desk(
    name: str,
    film: SeekingFilm,
    finder: Finder,
    run_job: RunJob,
    thread: ThreadPoolExecutor,
    choices: Choices,
    write_prompts: Callable[[PromptSet], str],
) -> Desk:
    """The page's other side for one film.

    Args:
        name: of the film, as it was given.
        thread: the one that `finder` and `run_job` are called from.
        write_prompts: a prompts.yaml of prompts.
    Raises:
        PromptError, ShapeError: a prompt that was given does not fit the film.
    """
    height, width = film.frame_size

    def check(prompt: Prompt, only: bool) -> None:
        check_prompt(prompt, (height, width), starts_object=only)

    return Desk(
        FilmFacts(name, film.num_frames, width, height, film.fps),
        choices,
        Picked(choices.given.prompts, check),
        Pictures(film),
        Previews(finder, thread),
        Jobs(run_job, thread),
        write_prompts,
    )
