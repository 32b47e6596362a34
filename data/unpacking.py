"""A file's bytes, unpacked where it is compressed; what unpacks to far more than a table would is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import pyarrow as pa

from data.errors import DataFault
from data.table_form import first_line

if TYPE_CHECKING:
    from typing_extensions import Buffer

PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""How a file is compressed, by the end of its name."""
MOST_TIMES: Final = 200
"""Tables of text shrink to a twentieth or, full of zeros, to a hundredth; a file that was made to fill a memory
shrinks to a thousandth or less."""
ALWAYS: Final = 256 << 20
"""Bytes that any file may unpack to, however small it is."""


def kind_of(path: Path) -> str:
    """The end of a file's name that says what it is, without that of its compression: `.csv` of `a.csv.gz`."""
    name = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return name.suffix.lower()


def refuse_bomb(path: Path, unpacked: int) -> None:
    """Refuses a file that unpacks to so many bytes that it can be no table.

    Raises:
        DataFault: It does.
    """
    if unpacked > max(ALWAYS, MOST_TIMES * path.stat().st_size):
        raise DataFault(
            f"{path} unpacks to more than {MOST_TIMES} times its size, which no table does; unpack it yourself, and "
            "look at it before you import it."
        )


def unpacked(path: Path) -> BinaryIO:
    """A file's bytes as a stream.

    Reading from it raises DataFault where the file is damaged, or unpacks to more than a table would.
    """
    if path.suffix.lower() in PACKED:
        return cast(BinaryIO, io.BufferedReader(_Unpacked(path), 1 << 20))
    return path.open("rb", buffering=1 << 20)


class _Unpacked(io.RawIOBase):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._given = 0
        self._stream = pa.input_stream(str(path), compression=PACKED[path.suffix.lower()])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        room = memoryview(buffer)
        try:
            read = self._stream.read(len(room))
        except (OSError, pa.ArrowException) as error:
            raise DataFault(
                f"{self._path} cannot be unpacked ({first_line(error)}); it is damaged or cut off: compress it again."
            ) from None
        room[: len(read)] = read
        self._given += len(read)
        refuse_bomb(self._path, self._given)
        return len(read)

    def close(self) -> None:
        self._stream.close()
        super().close()
