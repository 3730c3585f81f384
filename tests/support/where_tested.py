"""Where what is tested stands, as far as the names of files do not say it."""

from __future__ import annotations

SUITES = {
    # of the whole repository
    "architecture": "rules over all files",
    "bounded": "the promise of the whole: bounded memory",
    "conftest": "what the suite itself skips and requires",
    "end_to_end": "a camera, the product, a browser and a subscriber",
    "readme": "every command and figure that the README gives",
    # of a whole package
    "engine/cuda": "the engine on a CUDA device",
    "engine/fixed_shapes": "engine and network under fixed shapes",
    "http/page": "http/web in a browser: objects",
    "http/page_look": "http/web in a browser: looks and accessibility",
    "http/page_states": "http/web in a browser: troubles",
    "http/page_streams": "http/web in a browser: streams",
    "tracking/nano_follows": "the shipped model on scenes with truth",
    "tracking/not_finite": "spoilt numbers, from the network to the session's events",
    "tracking/parity": "the whole engine against SAM 2's own predictor",
    "webrtc/webrtcbin": "GStreamer's player against the whole of webrtc",
}
"""Test files that follow no single module, and what they follow."""

COVERED_BY = {
    "cli/test_main": ("cli/bench", "cli/compile", "cli/options"),
    "cli/test_track": ("cli/export_options",),
    "client/test_client": ("client/*",),
    "config/test_config": ("config/*",),
    "compat/transformers/test_processor": (
        "compat/transformers/outputs",
        "compat/transformers/post_processing",
    ),
    "control/test_zmq_control": ("control/status",),
    "detect/test_coco_detector": ("detect/centernet",),
    "engine/test_cuda": ("engine/staging",),
    "engine/test_fixed_shapes": ("engine/cuda_graph", "engine/places", "engine/runner"),
    "engine/test_follower": ("engine/history", "engine/locate"),
    "http/test_access_guard": ("http/answer_headers", "http/docs_page", "http/page_routes"),
    "http/test_api": ("http/command_route",),
    "http/test_connections": ("http/web_server",),
    "http/test_page_states": ("http/live",),
    "ingest/test_av_decoder": ("ingest/containers", "ingest/decoder", "ingest/open_decoder"),
    "ingest/test_h264": ("ingest/bits",),
    "ingest/test_picture_decoder": ("ingest/coded_pictures", "ingest/h264_check", "ingest/torn_pictures"),
    "ingest/test_still_decoders": ("ingest/picture_header",),
    "model/nano/test_build": ("model/nano/*",),
    "model/test_build": ("model/chosen", "model/hardware", "model/sam2/network"),
    "model/test_families": ("model/family", "model/interface", "model/just_in_time", "model/sam2/family"),
    "offline/exporters/test_exporters": (
        "offline/exporters/*",
        "offline/coco_masks",
        "offline/frame_pictures",
        "offline/object_rows",
        "offline/png_files",
    ),
    "offline/exporters/test_npz_masks": ("offline/npz_file",),
    "offline/exporters/test_parquet": ("offline/reserve",),
    "offline/exporters/test_yolo": ("offline/mask_polygons",),
    "offline/test_video_file": ("offline/sink", "offline/video_clock", "offline/video_format"),
    "pipeline/test_outlet": ("pipeline/consumer_thread",),
    "pipeline/test_pipeline": (
        "pipeline/inbox",
        "pipeline/parts",
        "pipeline/stream_session",
        "pipeline/report",
    ),
    "pipeline/test_pipeline_consumers": (
        "pipeline/event_fan_out",
        "pipeline/status",
        "pipeline/tracking_loop",
    ),
    "pipeline/test_source_watch": ("pipeline/source",),
    "publish/test_wire": ("publish/message",),
    "scenes/test_scene": ("scenes/*",),
    "test_server": ("stream_outputs",),
    "tracking/test_nano_follows": ("pipeline/scene_score",),
    "tracking/test_parity": ("model/sam2/masks", "model/sam2/memory"),
    "tracking/test_session": (
        "tracking/object_prompts",
        "tracking/object_tracks",
        "tracking/results",
        "frame",
    ),
    "tracking/test_stream_time": ("clock",),
    "cli/test_doctor": ("video/encoder_probe",),
    "video/test_draw": ("video/colour", "video/palette", "video/tags"),
    "video/test_stream": ("video/picture_encoder", "video/viewers"),
    "webrtc/test_whep": ("webrtc/internals", "webrtc/whep_session"),
    "weights/test_download": ("weights/part_file",),
}
"""Modules without a test file of their name, under the file that runs them; `*` is the rest of a package."""
