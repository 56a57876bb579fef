"""Files that an experiment was given and that its archive keeps: `expt.Kept[Path]`.

inputs/PARAMETER/NAME     a copy of the file, or of the regular files of the folder
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.files import list_inside, open_regular
from expt.ground.layout import INPUTS_DIR
from expt.ground.text import human_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEPT_CAP: Final = 256 * 1024 * 1024
"""Bytes of one input that are kept; of a larger one there is its hash or its size alone."""

_PIECE: Final = 1024 * 1024


def keep_inputs(
    archive: Path, inputs: Mapping[str, Mapping[str, Any]], names: Iterable[str]
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """Copy those of the `inputs` that `names` says, and tell where: `kept` in what is said of each.

    What is too large, or refuses to be read, is not kept, with a notice. Raises `OSError` where
    the archive cannot be written.
    """
    told, notices = dict(inputs), []
    for name in names:
        source = Path(inputs[name]["path"])
        place = f"{INPUTS_DIR}/{name}/{source.name or 'root'}"
        size = inputs[name]["size"]
        if size > KEPT_CAP:
            notices.append(
                f"'{name}' is not kept: it is {human_size(size)}, and {human_size(KEPT_CAP)} is "
                "the most"
            )
            continue
        _copy(source, archive / place)
        told[name] = {**inputs[name], "kept": place}
    return told, notices


def _copy(source: Path, target: Path) -> None:
    files = list(list_inside(source)) if source.is_dir() else [""]
    target.parent.mkdir(parents=True, exist_ok=True)
    for name in files:
        place = target / name if name else target
        place.parent.mkdir(parents=True, exist_ok=True)
        original = source / name if name else source
        with open_regular(original, follow=True) as content, place.open("xb") as copy:
            shutil.copyfileobj(content, copy, _PIECE)
