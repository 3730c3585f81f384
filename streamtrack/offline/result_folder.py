"""The folder that `track` writes to: which files are ours, and what may be removed.

A list in the folder names every file that a run wrote, each before it is made, so that it holds after a
crash, too. `--overwrite` removes what the list names and nothing else. What the list does not name belongs to
somebody, is never removed or written over, and stops a run that would have to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from streamtrack.errors import PublishError
from streamtrack.ingest.source import IMAGE_SUFFIXES
from streamtrack.offline.whole_writes import LineFile, part_of

LIST = "streamtrack-files.txt"
HEADER = "# streamtrack track wrote the files below; --overwrite removes them, and no others\n"
MAX_LIST_BYTES = 1 << 28
"""About ten million names."""


class ResultFolder:
    """Where a run's files go: `check` changes nothing, `claim` makes room, `new_file` gives paths."""

    def __init__(
        self, path: Path, *, overwrite: bool, inputs: Sequence[Path] = (), resume: bool = False
    ) -> None:
        """Say what the run may do; nothing is touched.

        Args:
            inputs: what the run reads. It is never removed, even where an earlier run wrote it.
            resume: the run goes on where an earlier one was broken off. That one's files stay until each is
                written anew or, where nothing in it would change, kept.
        """
        self.path = path
        self._overwrite = overwrite
        self._resume = resume
        self._earlier: set[str] = set()
        self._inputs = inputs
        self._made: list[Path] = []
        self._list: LineFile | None = None
        self._new_list: LineFile | None = None
        """Of a resumed run: its own files, for when it ends. Until then the list has both runs'."""

    def check(self, outputs: Iterable[str]) -> None:
        """Refuse what `claim` would refuse, before anything expensive is done.

        Args:
            outputs: files and folders that the run will write, relative to this one.
        Raises:
            PublishError: not a folder, not writable, or it holds what may not be removed.
        """
        self._check_place()
        earlier = self._read_list()
        left = sorted(path for path in earlier if os.path.lexists(path))
        if left and not (self._overwrite or self._resume):
            raise self._error(f"holds {self._name(left[0])} of an earlier run, expected --overwrite")
        for path in left:
            self._refuse_removal(path)
        for name in outputs:
            for path in _files_in(self.path / name):
                if path not in earlier:
                    raise self._error(
                        f"holds {self._name(path)}, which no run listed in {LIST} and which is kept; "
                        "expected another folder"
                    )

    def claim(self, outputs: Iterable[str]) -> None:
        """Make the folder, remove an earlier run's files (one that is resumed keeps them), and start a list.

        Raises:
            PublishError: as `check`, or the disk refuses.
        """
        self.check(outputs)
        earlier = sorted(path for path in self._read_list() if os.path.lexists(path))
        try:
            self._make_folder(self.path)
            part_of(self.path / LIST).unlink(missing_ok=True)
            if self._resume and (self.path / LIST).exists():
                self._earlier = {self._name(path) for path in earlier}
                self._list = LineFile(self.path / LIST, goes_on=True)
                self._new_list = LineFile(part_of(self.path / LIST))
                self._new_list.append(HEADER)
                return
            for path in earlier:
                path.unlink()
            for folder in sorted({path.parent for path in earlier} - {self.path}, reverse=True):
                _remove_empty(folder, self.path)
            (self.path / LIST).unlink(missing_ok=True)
            self._list = LineFile(self.path / LIST)
            self._list.append(HEADER)
        except OSError as error:
            raise self._error(f"cannot be written: {error.strerror}") from error

    def new_file(self, name: str) -> Path:
        """A path that this run may write: listed, its folder made.

        Args:
            name: relative, with forward slashes.
        Raises:
            PublishError: somebody else's file or link stands there, or the disk refuses.
        """
        assert self._list is not None, "claimed first"
        path = self.path / name
        try:
            if path.parent != self.path:
                self._make_folder(path.parent)
            if self._new_list is not None:
                self._new_list.append(f"{name}\n")
            if name in self._earlier:
                self._earlier.discard(name)
                path.unlink(missing_ok=True)
                return path
            if os.path.lexists(path):
                raise self._error(f"holds {name}, which appeared since the run began; it is kept")
            self._list.append(f"{name}\n")
        except OSError as error:
            raise self._error(f"{name} cannot be written: {error.strerror}") from error
        return path

    def keep(self, name: str) -> bool:
        """Whether the run that is resumed has written this file, whole, and it stays.

        For files that are whole or not there at all, and whose contents follow from the frame alone.

        Raises:
            PublishError: the disk refuses.
        """
        if name not in self._earlier:
            return False
        self._earlier.discard(name)
        if self._new_list is not None:
            try:
                self._new_list.append(f"{name}\n")
            except OSError as error:
                raise self._error(f"{LIST} cannot be written: {error.strerror}") from error
        return True

    def finish(self) -> None:
        """The run came to its end: what the one before it wrote and this one did not is removed.

        Raises:
            PublishError: the disk refuses.
        """
        try:
            name = LIST
            for name in sorted(self._earlier):
                (self.path / name).unlink(missing_ok=True)
                _remove_empty((self.path / name).parent, self.path)
            if self._new_list is not None:
                self._new_list.close()
                self._new_list.path.replace(self.path / LIST)
                self._new_list = None
        except OSError as error:
            raise self._error(f"{name} cannot be removed: {error.strerror}") from error
        self._earlier = set()

    def close(self) -> None:
        """Close the list. May be called again."""
        if self._list is not None:
            self._list.close()
        if self._new_list is not None:
            self._new_list.close()
            self._new_list.path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Take back everything, where a run ended before its first frame was written; not what is resumed."""
        self.close()
        if self._list is not None and not self._resume:
            for path in (*self._read_list(), self.path / LIST):
                path.unlink(missing_ok=True)
        for folder in reversed(self._made):
            _remove_empty(folder, folder)

    def _check_place(self) -> None:
        try:
            parent = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        except OSError as error:  # a name that is too long, say
            raise self._error(f"cannot be made: {error.strerror}") from error
        if not parent.is_dir():
            raise self._error(f"{parent} is a file, expected a folder")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise self._error(f"cannot be written: no permission in {parent}")

    def _read_list(self) -> frozenset[Path]:
        """The files that the list names and that lie in this folder, whether they exist or not."""
        path = self.path / LIST
        try:
            if path.stat().st_size > MAX_LIST_BYTES:
                raise self._error(f"{LIST} is larger than {MAX_LIST_BYTES} bytes, expected a list of files")
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return frozenset()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise self._error(f"{LIST} cannot be read: {reason}") from error
        if lines[:1] != [HEADER.strip()]:
            raise self._error(f"holds {LIST} that streamtrack did not write; expected another folder")
        names = [PurePosixPath(line) for line in lines[1:] if line]
        inside = [name for name in names if not name.is_absolute() and ".." not in name.parts]
        paths = [self.path / name for name in inside]
        return frozenset((*paths, *map(part_of, paths)))

    def _refuse_removal(self, path: Path) -> None:
        for folder in path.parents:
            if folder == self.path:
                break
            if folder.is_symlink():
                raise self._error(f"{self._name(folder)} is a link, expected the folder of an earlier run")
        if path.is_dir() and not path.is_symlink():
            raise self._error(f"{self._name(path)} is a folder, expected the file of an earlier run")
        for source in self._inputs:
            if path.exists() and _reads(source, path):
                raise self._error(f"{self._name(path)} is read by this run, expected another folder")

    def _make_folder(self, folder: Path) -> None:
        """As mkdir with parents; what is new is remembered. Never through a link inside this folder."""
        for part in reversed((folder, *folder.parents)):
            if not part.is_dir():
                part.mkdir()
                self._made.append(part)
            elif part.is_symlink() and self.path in part.parents:
                raise self._error(f"{self._name(part)} is a link, expected a folder")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()

    def _error(self, text: str) -> PublishError:
        return PublishError(f"--out {self.path}: {text}")


def _reads(source: Path, path: Path) -> bool:
    """Whether a file is an input, or a picture in a folder that is one."""
    if source.is_dir():
        return path.suffix.lower() in IMAGE_SUFFIXES and path.parent.resolve() == source.resolve()
    return source.exists() and source.samefile(path)


def _files_in(path: Path) -> Iterator[Path]:
    """The path itself where it is a file or a link; everything below it where it is a folder."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for child in sorted(path.iterdir()):
        yield from _files_in(child)


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder and its parents up to `top`, as far as they are empty."""
    while True:
        try:
            folder.rmdir()
        except OSError:
            return
        if folder == top:
            return
        folder = folder.parent
