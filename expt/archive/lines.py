"""Files of lines, each a strict JSON object: appended by the recorder, read beside it.

A last line without its newline was torn by a kill and is no damage. Any other line that is not
what it should be is left out and told of.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import encode_plain, parse_strict
from expt.ground.files import open_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LONGEST_LINE: Final = 1 << 26  # bytes: what no writer wrote, and no reader takes into memory


def make_line(content: Mapping[str, Any]) -> bytes:
    """The line of an object that is strict JSON already.

    Raises `ValueError` where it is longer than readers take.
    """
    line = encode_plain(content).encode("ascii") + b"\n"
    if len(line) > LONGEST_LINE:
        raise ValueError(
            f"it takes {len(line):,} bytes of JSON, and a line may have {LONGEST_LINE:,}; "
            "archive.save keeps it as a file"
        )
    return line


def read_lines(
    folder: Path, name: str, damage: list[str], content: bytes | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of the file `name` in a folder of an archive, with their line numbers.

    One line at a time is in memory, unless the `content` is there already. What cannot be read is
    told in `damage`.
    """
    try:
        outer, inner = os.path.split(folder)
        with (
            open_inside(outer, f"{inner}/{name}") if content is None else io.BytesIO(content)
        ) as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    damage.append(
                        f"{name}:{number}: a line that never ends, left out with the rest"
                    )
                    return
                if not line.endswith(b"\n"):
                    return
                found = parse_line(line)
                if found is None:
                    damage.append(f"{name}:{number}: not a JSON object, left out")
                else:
                    yield number, found
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        damage.append(f"{name}: {getattr(error, 'strerror', None) or error}")


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The strict JSON object of a line, or None."""
    try:
        content = parse_strict(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
