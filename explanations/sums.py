"""The digests of an explanation's files, as `sha256sum --check SHA256SUMS` reads them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from data.book import sha256
from data.errors import DataFault

SUMS = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Writes the digest of each file below a folder, in the order of their names."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    lines = [f"{sha256(files[name])}  {name}\n" for name in sorted(files) if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def require_unchanged(folder: Path, names: Iterable[str]) -> None:
    """Holds files against the digests of their folder.

    Args:
        folder: A folder that holds `SHA256SUMS`.
        names: The files in it that are to be read; others may come and go.

    Raises:
        DataFault: One of them has been changed, removed or added since.
    """
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    noted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in names:
        path = folder / name
        if not path.is_file():
            what = "is gone" if name in noted else None
        elif name not in noted:
            what = "has been added"
        else:
            what = None if sha256(path) == noted[name] else "has been changed"
        if what:
            raise DataFault(
                f"{folder} is not as it was written: {name} {what}; make it again with `releasegap explain`."
            )
