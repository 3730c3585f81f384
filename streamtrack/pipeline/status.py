"""How a stream is at this moment, as endpoints show it. Nothing stale passes for live."""

from __future__ import annotations

from streamtrack.config import TrackingConfig
from streamtrack.control.status import CarriedStatus, LatencyMs, StreamStatus
from streamtrack.frame import FrameResult
from streamtrack.object_record import ObjectInfo
from streamtrack.pipeline.parts import StreamParts
from streamtrack.pipeline.report import PipelineReport, RunTotals
from streamtrack.pipeline.session_commands import SessionCommands, list_objects
from streamtrack.pipeline.unseen import with_unseen


def describe(
    parts: StreamParts,
    commands: SessionCommands | None,
    report: PipelineReport | None,
    totals: RunTotals,
    tracking: TrackingConfig,
) -> StreamStatus:
    """The stream with its objects; rates and latencies are 0 while nobody looks."""
    state, newest = parts.state, parts.state.newest
    live = not parts.away
    p50, p95 = report.latency_ms if live and report else (0.0, 0.0)
    return StreamStatus(
        name=parts.name,
        state=state_of(parts),
        detail=detail_of(parts),
        next_try_in_s=parts.source.next_try_in_s,
        source=parts.source.redacted_url,
        width_px=newest.frame.width_px if newest else 0,
        height_px=newest.frame.height_px if newest else 0,
        fps=parts.telemetry.fps() if live else 0.0,
        latency_ms=LatencyMs(p50=p50, p95=p95),
        dropped=dict(totals.dropped),
        model=state.model,
        paused=state.paused,
        newest_frame_idx=state.newest_frame_idx,
        mean_iou=report.mean_iou if live and report else None,
        objects=followed_objects(parts, commands),
        carried=carried_objects(newest, tracking),
    )


def state_of(parts: StreamParts) -> str:
    """`loading` before start, `failed` or `stalled` where it does not track, else what the source does."""
    if parts.state.failure is not None or parts.outlet.failure is not None:
        return "failed"
    if parts.state.stall is not None:
        return "stalled"
    return parts.source.state.value if parts.state.model else "loading"


def detail_of(parts: StreamParts) -> str:
    """Why it is not as it should be, in one line; empty where it is."""
    reasons = (parts.state.failure, parts.state.stall, parts.outlet.failure, parts.source.last_error)
    return next((reason for reason in reasons if reason), "")


def carried_objects(newest: FrameResult | None, tracking: TrackingConfig) -> CarriedStatus:
    """How many objects the network did not look at on a frame, and for how long."""
    frames = [] if newest is None else [one.carried_frames for one in newest.objects.values()]
    limited = tracking.objects_per_step != "all"
    # Between key frames everybody is carried, whoever's turn it was.
    most = tracking.max_carried_frames + tracking.keyframe_interval - 1
    return CarriedStatus(
        objects=sum(count > 0 for count in frames),
        longest_frames=max(frames, default=0),
        overdue=sum(count > most for count in frames) if limited else 0,
    )


def followed_objects(parts: StreamParts, commands: SessionCommands | None) -> tuple[ObjectInfo, ...]:
    """Every followed object as of the newest tracked frame; `unseen` while nobody looks."""
    newest = parts.state.newest
    if newest is None or commands is None:
        return ()
    return list_objects(with_unseen(newest) if parts.away else newest, commands.added_at)
