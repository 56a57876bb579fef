"""YAML of other tools: plain values alone. No tag makes an object, no alias makes a flood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.exchange.bounded import read_bytes
from expt.exchange.extras import need
from expt.ground.errors import DamagedArchive

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST: Final = 1 << 22  # bytes


def read_yaml(folder: Path, name: str) -> dict[str, Any]:
    """The table in a file; empty where there is no file.

    Raises `DamagedArchive` for what is no YAML, has tags or aliases, or no table on top, and
    `UsageError` where PyYAML lacks.
    """
    value = _read(folder, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DamagedArchive(f"{name} has no table on top", str(folder))
    return {str(key): item for key, item in value.items()}


def read_yaml_list(folder: Path, name: str) -> list[Any]:
    """As `read_yaml`, of a list; what is none is empty."""
    value = _read(folder, name)
    return value if isinstance(value, list) else []


def _read(folder: Path, name: str) -> Any:
    yaml = need("yaml", "yaml")
    content = read_bytes(folder, name, _LARGEST)
    try:
        for event in yaml.parse(content, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise DamagedArchive(f"{name} has aliases, which are not followed", str(folder))
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise DamagedArchive(f"{name} is no plain YAML: {told}", str(folder)) from None
