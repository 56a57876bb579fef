"""The code that an archive keeps: which files of what was imported, as they stand in `code/`."""

from __future__ import annotations

import fnmatch
import functools
import re
from typing import TYPE_CHECKING, Final

from expt.archive.manifest import Content
from expt.ground import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE_CAP: Final = 1024 * 1024  # bytes of one file of code

_NOT_CODE: Final = re.compile("|".join(map(fnmatch.translate, layout.NOT_CODE)), re.IGNORECASE)


def keep_code(
    sources: Mapping[str, bytes],
    prepare: Callable[[str, bytes], Content] = lambda _, content: Content.of(content),
) -> dict[str, Content]:
    """The files of `code/` by their paths there.

    `prepare` takes secrets out of a file; what has none is kept as it was imported. Files of
    secrets, keys, data and archives are not kept, nor a path that leads out, a file past
    `FILE_CAP` or what would make the code of the archive larger than `layout.CODE_CAP`.
    """
    kept, size = {}, 0
    for path, content in sources.items():
        larger = size + len(content)
        if not (_is_left_out(path) or len(content) > FILE_CAP or larger > layout.CODE_CAP):
            size = larger
            kept[path] = prepare(path, content)
    return kept


@functools.lru_cache(maxsize=1024)  # all runs of a session have the same files
def _is_left_out(path: str) -> bool:
    parts = path.split("/")
    leads_out = path.startswith("/") or ".." in parts or "\0" in path or path[1:2] == ":"
    return leads_out or _NOT_CODE.match(parts[-1]) is not None
