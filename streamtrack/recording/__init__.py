"""Films of the streams: fragmented MP4 with the masks beside it, kept for a while, cut and handed out."""
