"""`--devices`: the slots of which each running case holds one.

0,1       a slot each            2x0,2x1   two slots each            auto   every device there is
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from expt.ground.errors import UsageError

_SHARED: Final = re.compile(r"(\d{1,4})x(.+)")
_PATIENCE: Final = 10.0  # seconds for a driver's tool
_TOOL: Final = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")


def read_devices(text: str | None) -> tuple[str, ...]:
    """The slots that `--devices TEXT` means, the devices by turns. Raises `UsageError`."""
    if text is None:
        return ()
    at = f"--devices {text}"
    shares: list[tuple[int, str]] = []
    for word in text.split(","):
        shared = _SHARED.fullmatch(word.strip())
        count, device = (int(shared[1]), shared[2]) if shared else (1, word.strip())
        if not device or not count:
            raise UsageError("a device has no name, or no slot", at, "as in 0,1 or 2x0,2x1")
        names = find_devices(at) if device == "auto" else [device]
        shares += [(count, name) for name in names]
    most = max(count for count, _ in shares)
    return tuple(name for turn in range(most) for count, name in shares if turn < count)


def find_devices(at: str) -> list[str]:
    """Every device that this process may use. Raises `UsageError` where nothing tells of any."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = None if visible is None else [name for name in visible.split(",") if name]
    found = _ask_driver() if named is None else named
    if not found:
        raise UsageError("no device is found", at, "name them: --devices 0,1")
    return found


def _ask_driver() -> list[str]:
    import subprocess  # slow, and few ask for devices

    try:
        told = subprocess.run(
            _TOOL, capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        known = Path("/proc/driver/nvidia/gpus")
        return [str(i) for i, _ in enumerate(known.iterdir())] if known.is_dir() else []
    return told.split()
