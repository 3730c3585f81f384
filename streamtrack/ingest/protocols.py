"""Which network protocols this FFmpeg was built with; PyAV has no list of them."""

from __future__ import annotations

from functools import cache

import av
import av.error


@cache
def has_protocol(scheme: str) -> bool:
    """Whether addresses of a scheme can be opened; found out by an address that none can connect to."""
    try:
        av.open(f"{scheme}://").close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError, ValueError):
        pass  # it knows the scheme, and that this is no address
    return True
