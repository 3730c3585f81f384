"""streamtrack without a compiled network: what runs where there is no C++ compiler."""

from __future__ import annotations

from bench.peers.ours import Ours


class OursEager(Ours):
    """The same session, operation by operation."""

    compile = False


CONTENDER = OursEager
