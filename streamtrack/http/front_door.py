"""The door of a whole config: its token, its key file, and where the audit log lies."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter

from streamtrack.access.audit import AuditLog
from streamtrack.access.audit_file import FILE as AUDIT_FILE
from streamtrack.access.door import Door
from streamtrack.access.keyring import Keyring
from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import Config
from streamtrack.http.auth import door_of

_log = logging.getLogger(__name__)


def front_door(
    config: Config, clock: Clock = SYSTEM_CLOCK, registry: CollectorRegistry | None = None
) -> Door:
    """The door, its keys read.

    Args:
        registry: of metrics.
    Raises:
        ConfigError: the token cannot be used.
    """
    state_dir = config.cameras.state_dir
    lost = Counter(
        "streamtrack_audit_lost",
        "Entries of the audit log that found no place: the disk is full or gone",
        registry=registry,
    )
    audit = AuditLog(None if state_dir is None else state_dir / AUDIT_FILE, clock, lost.inc)
    path = config.keys_path
    keyring = None
    if path is not None:
        keyring = Keyring(path, expected=config.http.keys_file is not None, clock=clock)
        keyring.refresh()
        if keyring.in_force and not path.exists():
            _log.warning("http.keys_file %s is not there: nobody comes in by a key until one is made", path)
    return door_of(config.http, keyring, audit)
