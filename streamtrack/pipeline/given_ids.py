"""Which object ids were ever used: the next one that is given is none of them."""

from __future__ import annotations


class GivenIds:
    """The highest id so far. One that was taken back was never given."""

    def __init__(self) -> None:
        self.highest = 0
        """The highest id that was ever given or asked for."""
        self._before: dict[int, int] = {}

    def gave(self, object_id: int) -> None:
        """An object came."""
        self._before[object_id] = self.highest
        self.highest = max(self.highest, object_id)

    def removed(self, object_id: int) -> None:
        """An object went; its id stays used."""
        self._before.pop(object_id, None)

    def take_back(self, object_id: int) -> None:
        """An object was never there; its id is free again where no later one was given."""
        before = self._before.pop(object_id, None)
        if before is not None and self.highest == object_id:
            self.highest = before
