"""The shared encode, sent on to other servers: RTSP, RTMP, SRT, WHIP."""
