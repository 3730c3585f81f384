"""The command line that does what was picked on the page. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from streamtrack.offline import PromptSet
from streamtrack.pick.jobs import JobOptions
from streamtrack.prompt import Prompt

LINE_BREAK = " \\\n  "
"""Between two lines of one command."""
DIGITS = 2
"""Decimals of a pixel that a click keeps, on the page and in the command alike."""


def command_line(
    film: str,
    prompts: PromptSet,
    options: JobOptions,
    others: Sequence[str] = (),
) -> str:
    """A `streamtrack track` command, to be pasted into a shell.

    Args:
        others: options that the page knows nothing of, as they were given.
    """
    words: list[str] = []
    for prompt in prompts.prompts:
        words += _prompt_options(prompt, prompts)
    labels = {prompt.object_id: prompt.label for prompt in prompts.prompts}
    for object_id, label in labels.items():
        if label:
            words += ["--object", f"{object_id}={label}"]
    return _in_lines(["streamtrack", "track", film], [*words, *_job_options(options), *others])


def _in_lines(command: Sequence[str], options: Sequence[str]) -> str:
    """A line an option, as shells read on after a backslash."""
    lines = [list(command)]
    for word in options:
        if word.startswith("--"):
            lines.append([])
        lines[-1].append(word)
    return LINE_BREAK.join(shlex.join(line) for line in lines)


def _job_options(options: JobOptions) -> list[str]:
    """The options of a job that are not what `track` does by itself."""
    words: list[str] = []
    if options.direction != "forward":
        words += ["--direction", options.direction]
    for name, value in (("--start", options.start), ("--end", options.end)):
        if value is not None:
            words += [name, str(value)]
    if options.stride != 1:
        words += ["--stride", str(options.stride)]
    if options.exports:
        words += ["--only", "--export", ",".join(options.exports)]
    return [*words, "--overwrite"] if options.overwrite else words


def _prompt_options(prompt: Prompt, prompts: PromptSet) -> list[str]:
    frame_idx = prompt.at_frame or 0
    first, last = prompts.lifetimes.get(prompt.object_id, (None, None))
    where = f"@{frame_idx}"
    if first == frame_idx:
        where += f"..{'' if last is None else last}"

    def option(name: str, value: str) -> list[str]:
        """`[OBJECT:]VALUE[@FRAME[..LAST]]`, see `offline.prompts`."""
        return [name, f"{prompt.object_id}:{value}{where}"]

    if prompt.mask is not None:
        return option("--mask", str(prompts.mask_files[frame_idx, prompt.object_id]))
    words = [] if prompt.box is None else option("--box", _numbers(prompt.box.tolist()))
    for point, label in zip(prompt.points.tolist(), prompt.labels.tolist(), strict=True):
        words += option("--point" if label else "--not", _numbers(point))
    return words


def _numbers(values: Sequence[float]) -> str:
    return ",".join(f"{value:.{DIGITS}f}".rstrip("0").rstrip(".") for value in values)
