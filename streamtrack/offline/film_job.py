"""A film's job: its prompts, its frames, its direction; every update in the film's own order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from streamtrack.config import StreamConfig, TrackingConfig
from streamtrack.consumer import Consumer
from streamtrack.errors import ConfigError, PublishError, SourceError
from streamtrack.frame import Update
from streamtrack.ingest import FilmReader, FrameReader, StreamInfo
from streamtrack.offline.journal import holds_journal
from streamtrack.offline.known_objects import KnownObject
from streamtrack.offline.prompts import PromptSet
from streamtrack.offline.result_folder import LIST
from streamtrack.offline.track import (
    TrackSummary,
    check_prompts,
    consume,
    damage_events,
    follow,
    with_capacity,
)
from streamtrack.tracking import Tracker
from streamtrack.tracking.film_run import FilmRun
from streamtrack.tracking.film_seen import SeenStore, TemporarySeen
from streamtrack.tracking.film_source import goes_through_session
from streamtrack.tracking.film_span import Direction, FilmSpan
from streamtrack.tracking.films import start_run


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A job whose prompts are applied."""

    updates: Iterator[Update | None]
    """By frame; None for each frame that is followed backward first."""
    num_steps: int | None
    """Updates that will come; None where nobody counted the film's frames."""
    num_objects: int
    dropped: Callable[[], Counter[str]]
    """Pictures that could not be decoded so far, by reason."""

    def run(
        self,
        consumers: Sequence[Consumer],
        *,
        should_stop: Callable[[], bool] = lambda: False,
        stepped: Callable[[], None] = lambda: None,
    ) -> TrackSummary:
        """Give every update to every consumer; arguments and errors as of `consume`."""
        return consume(
            self.updates,
            consumers,
            self.num_objects,
            self.dropped,
            should_stop=should_stop,
            stepped=stepped,
        )


@dataclass(frozen=True, slots=True)
class FilmJob:
    """What is asked of a film.

    It goes through the film engine. With key frames (presets `balanced` and `fast`) or a stride of memory it
    goes through a session, as a live stream does: forward, every frame once.
    """

    prompts: PromptSet
    direction: Direction = "forward"
    span: FilmSpan = field(default_factory=FilmSpan)
    known: tuple[KnownObject, ...] = ()
    """Objects of which a memory is there: looked for from the first frame on, as on a stream."""

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Those that are known, then those that are prompted, in the order in which they come."""
        return tuple(dict.fromkeys((*(one.object_id for one in self.known), *self.prompts.object_ids)))

    def goes_through_session(self, tracking: TrackingConfig) -> bool:
        """Whether it is followed as a live stream is."""
        return bool(self.known) or goes_through_session(tracking)

    @property
    def goes_to_the_end(self) -> bool:
        """Whether the film's last frame is told."""
        return self.direction != "backward" and self.span.end is None

    def check(self, stream: StreamConfig, info: StreamInfo) -> None:
        """Refuse what can be seen to be wrong before a model is loaded.

        Raises:
            PromptError: as of `check_prompts`. ConfigError: it wants what a session cannot do.
        """
        if self.goes_through_session(stream.tracking):
            self._require_live_order(stream.tracking)
            check_prompts(self.prompts.prompts, stream.source, info)
        else:
            check_prompts(self.prompts.prompts, stream.source, info, decode=False)

    def can_go_on(self, out: Path, tracking: TrackingConfig, *, overwrite: bool) -> bool:
        """Whether a run was broken off in a folder; where it is empty, one may start.

        Raises:
            PublishError: the run there came to its end, and may not be overwritten.
            ConfigError: the film goes through a session, which keeps nothing to go on with.
        """
        if self.goes_through_session(tracking):
            raise ConfigError(self._not_with("--resume", tracking))
        if holds_journal(out):
            return True
        if (out / LIST).exists() and not overwrite:
            raise PublishError(
                f"--resume: no run was broken off in {out}, expected --overwrite or another --out"
            )
        return False

    def start(
        self,
        tracker: Tracker,
        reader: FrameReader,
        stream: StreamConfig,
        *,
        new_store: Callable[[], SeenStore] = TemporarySeen,
        keep_logits: bool = False,
    ) -> StartedJob:
        """Apply the prompts.

        Args:
            reader: the recording, which a session reads; the film engine opens it anew.
            new_store: makes what keeps the passes, once the prompts are applied; a `Journal`, say.
            keep_logits: results carry the masks' logits as well.
        Raises:
            StreamTrackError: as of `start_run`.
        """
        num_objects = len(self.object_ids)
        num_frames = reader.info.num_frames
        if self.goes_through_session(stream.tracking):
            config = with_capacity(stream.tracking, self.prompts.prompts, len(self.known))
            session = tracker.new_session(config)
            for one in self.known:
                one.add_to(session)
            updates = follow(session, reader, self.prompts.prompts)
            return StartedJob(updates, num_frames, num_objects, lambda: Counter(reader.dropped))
        film = FilmReader(stream.source)
        run = start_run(
            tracker.model,
            film,
            self.prompts.prompts,
            stream.tracking,
            direction=self.direction,
            span=self.span,
            lifetimes=self.prompts.lifetimes,
            new_store=new_store,
            keep_logits=keep_logits,
        )
        steps = self._num_steps(run, num_frames)
        return StartedJob(follow_film(run, film), steps, num_objects, lambda: Counter(film.dropped))

    def _num_steps(self, run: FilmRun, num_frames: int | None) -> int | None:
        """Frames that a run follows backward and tells."""
        told = run.passes.told
        if num_frames is not None:
            told = range(told.start, min(told.stop, self.span.num_positions(num_frames)))
        elif self.direction != "backward":
            return None
        return len(told) + len(run.passes.backward or ())

    def _require_live_order(self, tracking: TrackingConfig) -> None:
        """Refuse what a session, which sees each frame once and in order, cannot do."""
        for option in self._beyond_live_order():
            raise ConfigError(self._not_with(option, tracking))

    def _not_with(self, option: str, tracking: TrackingConfig) -> str:
        """Why an option cannot be had of a session."""
        if goes_through_session(tracking):
            return f"{option} wants every frame in the network, and tracking.{_not_exact(tracking)}"
        return (
            f"{option} is given with --memory, expected one of them: it is followed as a stream is, forward"
        )

    def _beyond_live_order(self) -> list[str]:
        """What is asked for that wants frames in another order than a stream's."""
        asked = {
            f"--direction {self.direction}": self.direction != "forward",
            f"--start {self.span.start}": self.span.start is not None,
            f"--end {self.span.end}": self.span.end is not None,
            f"--stride {self.span.stride}": self.span.stride > 1,
            "an object with a range of frames": bool(self.prompts.lifetimes),
        }
        return [option for option, is_asked in asked.items() if is_asked]


def _not_exact(tracking: TrackingConfig) -> str:
    """The key for which a film goes through a session, its value, and the one that would not."""
    if tracking.objects_per_step != "all":
        return f"objects_per_step is {tracking.objects_per_step}, expected all"
    name = "keyframe_interval" if tracking.keyframe_interval > 1 else "memory_stride"
    return f"{name} is {getattr(tracking, name)}, expected 1 (--preset quality)"


def follow_film(run: FilmRun, reader: FilmReader, *, name: str = "recording") -> Iterator[Update | None]:
    """Each frame's result with its events, by frame; None for each frame that is followed backward first.

    Args:
        name: the stream of the updates.
    Raises:
        SourceError: the recording breaks off, or holds no frame that is looked at.
    """
    newest = -1
    dropped: Counter[str] = Counter()
    for result in run.results():
        if result is None:
            yield None
            continue
        newest = result.frame_idx
        new, dropped = reader.dropped - dropped, Counter(reader.dropped)
        events = (*damage_events(newest, new, shown=result.frame.damaged), *result.events)
        yield Update(name, replace(result, events=events), events=events)
    if newest < 0:
        raise SourceError(f"source {reader.spec.redacted_url}: holds no frame of those asked for")
    if rest := reader.dropped - dropped:
        yield Update(name, None, events=damage_events(newest + 1, rest, shown=False))
