"""Video files that `track` writes: container, codecs, and what each can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GROWING = {"movflags": "hybrid_fragmented+frag_every_frame"}
"""While it grows, each picture is whole in the file once it is encoded: after a crash it plays to the last
one. When it is closed it becomes an ordinary file, whose length every player knows."""
GROWING_WITH_SOUND = {"movflags": "hybrid_fragmented+delay_moov", "frag_duration": "500000"}
"""The same by half seconds: by pictures FFmpeg tells wrong times of the sound between them. The head is
written with the first of them, so that sound may begin before the picture, as AAC's first packet does."""
INTERLEAVE = {"max_interleave_delta": "1000000"}
"""Microseconds: how long FFmpeg holds pictures back to wait for sound, which may end before them."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """A container with one codec for pictures and some for sound."""

    container: str
    """FFmpeg's name."""
    codec: str
    """FFmpeg's encoder of pictures."""
    codec_options: Mapping[str, str]
    container_options: Mapping[str, str]
    sound_options: Mapping[str, str]
    """More of the container's options, where there is sound."""
    pixel_format: str
    """What the encoder is given."""
    has_alpha: bool
    """Pictures are (H, W, 4) with transparency, else (H, W, 3)."""
    sound_codecs: frozenset[str]
    """What players expect in this container: such sound is copied, other is encoded anew."""
    sound_encoder: str
    max_ticks_per_second: int
    """A finer clock is rounded to this one."""


MP4 = VideoFormat(
    "mp4",
    "libx264",
    {
        "crf": "20",  # visually close to the source; 23 is x264's default
        "preset": "veryfast",
        # Pictures are stored in the order in which they are shown, so each fragment's time is its own.
        "bf": "0",
    },
    GROWING,
    GROWING_WITH_SOUND | INTERLEAVE,
    "yuv420p",
    False,
    frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}),
    "aac",
    90_000,  # a finer clock would only shorten the longest gap
)
"""H.264, which plays everywhere."""

WEBM_ALPHA = VideoFormat(
    "webm",
    "libvpx-vp9",
    {
        "crf": "24",
        "b:v": "0",
        "deadline": "realtime",
        "cpu-used": "6",
        "row-mt": "1",
        # A frame that is never shown has no alpha of its own.
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
    },
    {
        "cluster_time_limit": "2000",
        # The same file for the same pictures: else Matroska numbers its tracks at random.
        "fflags": "bitexact",
    },
    INTERLEAVE,
    "yuva420p",
    True,
    frozenset({"opus", "vorbis"}),
    "libopus",
    1_000,  # Matroska counts milliseconds
)
"""VP9 with alpha: browsers show it over a page."""

MOV_ALPHA = VideoFormat(
    "mov",
    "prores_ks",
    {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"},
    GROWING,
    GROWING_WITH_SOUND | INTERLEAVE,
    "yuva444p10le",
    True,
    frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_s16be"}),
    "aac",
    90_000,
)
"""ProRes 4444: cutting programs take it, ten times as large."""
