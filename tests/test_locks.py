"""The lock files: every library that the project asks for, in one version, with the digests of its files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[1]
PRODUCT, DEVELOPMENT, ALONE = "requirements.lock", "requirements-dev.lock", "requirements-alone.lock"
PRODUCT_EXTRAS = ("detect", "parquet", "ptz", "mqtt", "supervision")
LOCKS = (PRODUCT, DEVELOPMENT, ALONE)
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of digests of each library in a lock file."""
    text = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, tuple[str, int]] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            pinned = Requirement(HASH.sub("", line).partition(" #")[0].strip())
            (version,) = pinned.specifier
            assert version.operator == "==", line
            found[canonicalize_name(pinned.name)] = version.version, len(HASH.findall(line))
    return found


def asked_for(extras: tuple[str, ...]) -> Iterator[Requirement]:
    for text in (
        *PROJECT["dependencies"],
        *(one for name in extras for one in PROJECT["optional-dependencies"][name]),
    ):
        yield Requirement(text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_has_a_digest_and_no_place(name: str) -> None:
    found = entries(name)
    assert found
    assert [library for library, (_, digests) in found.items() if digests == 0] == []
    lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if not line.lstrip().startswith("#")]
    assert not [line for line in said if re.search(r"://| @ |--(?!hash=sha256:)|file:", line)]


@pytest.mark.parametrize(
    ("name", "extras"),
    [(PRODUCT, PRODUCT_EXTRAS), (DEVELOPMENT, tuple(PROJECT["optional-dependencies"]))],
)
def test_versions_are_in_the_ranges_of_the_project(name: str, extras: tuple[str, ...]) -> None:
    found = entries(name)
    for wanted in asked_for(extras):
        library = canonicalize_name(wanted.name)
        assert library in found, f"{name} lacks {wanted}: make lock"
        assert wanted.specifier.contains(found[library][0]), f"{wanted} and {found[library][0]}: make lock"


def test_development_has_the_same_versions_as_the_product() -> None:
    product, development = entries(PRODUCT), entries(DEVELOPMENT)
    assert {library: development[library][0] for library in product} == {
        library: version for library, (version, _) in product.items()
    }


def test_torch_is_the_one_that_the_makefile_installs() -> None:
    made = re.search(r"^TORCH \?= (.+)$", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert made is not None
    for pinned in map(Requirement, made[1].split()):
        assert str(pinned.specifier) == f"=={entries(PRODUCT)[pinned.name][0]}"
