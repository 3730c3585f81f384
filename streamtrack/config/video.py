"""`streams.N.video`: the annotated picture, its encoder and its viewers."""

from __future__ import annotations

from pydantic import Field

from streamtrack.config.section import Section


class AnnotateConfig(Section):
    """The picture that people watch."""

    max_width_px: int = Field(1280, ge=64)
    """Wider frames are scaled down before drawing: cheaper to draw and encode, masks stay exact on ZeroMQ."""
    mask_opacity: float = Field(0.45, ge=0, le=1)
    """0 shows outlines only, 1 hides what is under the mask."""
    outline_px: int = Field(2, ge=0, le=16)
    """0 draws none."""
    labels: bool = True
    """Draw id, label and state at each object."""
    rules: bool = True
    """Draw zones and lines with their names and counts."""


class VideoConfig(Section):
    """The shared encoder and its viewers."""

    max_fps: float = Field(30, gt=0, le=240)
    """Annotated pictures a second. Fewer leave more of the processor to the tracker."""
    bitrate_kbps: int = Field(2_500, ge=50)
    """At most, of the one encoder that all viewers of a view share. More is sharper and needs a better
    network. It falls to what most viewers report to carry, and rises again."""
    min_bitrate_kbps: int = Field(300, ge=50)
    """How far it may fall. A viewer whose network carries less, or less than half of what the others' carry,
    is sent keyframes only and costs the others nothing."""
    keyframe_interval_s: float = Field(4, gt=0)
    """A new viewer asks for a keyframe anyway; a short interval repairs a lossy network sooner and costs
    bits."""
    max_viewers: int = Field(16, ge=1)
    """WebRTC and MJPEG viewers. The encode is shared, the sending is not."""
    max_encodes: int = Field(6, ge=1)
    """Views and codecs that may be encoded at the same time: overlay and clean in H264 and VP8 are four. Each
    takes a part of a core, however many watch it."""
    jpeg_quality: int = Field(80, ge=1, le=100)
    """Of MJPEG and snapshots."""
    ice_addresses: tuple[str, ...] = ()
    """Host addresses that WebRTC offers to browsers; empty: those of this machine. Name one where several
    confuse."""
    annotate: AnnotateConfig = AnnotateConfig()
    """The picture that people watch."""
