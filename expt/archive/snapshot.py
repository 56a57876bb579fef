"""What surrounds the runs of a session: machine, packages, git, and what a file imports.

Nothing here writes, and but for `git` everything is read from files.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import platform
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from expt.archive.git import Git, take_patch, take_repository
from expt.archive.json_files import read_environment
from expt.archive.variables import take_variables
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside
from expt.ground.imports import ImportTree, ModuleImport, read_imports
from expt.ground.layout import CODE_CAP, CODE_DIR, PATCH_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def take_surroundings(root: Path, code_of: Path | None = None) -> tuple[dict[str, Any], bytes]:
    """What `take_environment` and `take_patch` give, with no question to git asked twice.

    Where the code comes from the archive `code_of`, what git said when that was written.
    """
    git = Git(root)
    environment = take_environment(root, git)
    if code_of is not None:
        with contextlib.suppress(DamagedArchive):  # else the copy is of no commit
            environment["git"] = read_environment(code_of).get("git")
            return environment, read_inside(code_of, f"{CODE_DIR}/{PATCH_FILE}", CODE_CAP) or b""
    told = environment["git"]
    is_clean = told is None or told["dirty"] is False
    return environment, b"" if is_clean else take_patch(root, git)


def take_environment(root: Path, git: Git | None = None) -> dict[str, Any]:
    """The content of `environment.json`, as plain values; see the archive format in the docs.

    `git` is None outside a repository; where git is missing or refuses, its `problem` says why.
    """
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "platform": _name_platform(),
        "machine": platform.machine(),
        "cpu": _take_cpu(),
        "memory": _take_memory(),
        "accelerators": _take_accelerators(),
        "packages": _take_packages(),
        "git": take_repository(git or Git(root)),
        "variables": take_variables(),
    }


# The machine


def _name_platform() -> str:
    """What `platform.platform()` says, for which that starts a process and reads all of Python."""
    try:
        library, version = os.confstr("CS_GNU_LIBC_VERSION").split()  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):  # no Linux, or one with another library
        return platform.platform()
    system = os.uname()
    return f"{system.sysname}-{system.release}-{system.machine}-with-{library}{version}"


_MODEL: Final = ("model name", "Model", "Hardware")  # what a kernel calls it


def _take_cpu() -> dict[str, Any]:
    lines = [line.partition(":") for line in _read("/proc/cpuinfo", 8192).splitlines()]
    models = [said.strip() for name, _, said in lines if name.strip() in _MODEL]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "model": next(filter(None, models), None) or platform.processor() or None,
        "count": os.cpu_count(),
        "usable": usable,
    }


def _take_memory() -> int | None:
    """Bytes of memory in all."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _take_accelerators() -> list[dict[str, str]]:
    """What the drivers tell in files; asking a driver's own command takes a second."""
    found = []
    gpus = "/proc/driver/nvidia/gpus"
    for place in _list_folder(gpus):
        told = _read(f"{gpus}/{place}/information")
        model = re.search(r"^Model:\s*(.+)$", told, re.MULTILINE)
        found.append({"name": model[1].strip() if model else "NVIDIA GPU"})
        driver = find_driver(_read("/proc/driver/nvidia/version"))
        if driver is not None:
            found[-1]["driver"] = driver
    nodes = "/sys/class/kfd/kfd/topology/nodes"
    for place in _list_folder(nodes):
        if re.search(r"^simd_count [1-9]", _read(f"{nodes}/{place}/properties"), re.MULTILINE):
            name = _read(f"{nodes}/{place}/name").strip()
            found.append({"name": f"AMD GPU {name}".strip()})
    devices = [name for name in _list_folder("/dev") if name.startswith("accel")]
    found += [{"name": f"accelerator {name}"} for name in devices]
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append({"name": "Apple GPU"})
    return found


def find_driver(text: str) -> str | None:
    """The version in what NVIDIA's kernel module tells of itself."""
    found = re.search(r"Kernel Module.*?\s(\d[\d.]+)\s", text)
    return found[1] if found else None


def _list_folder(place: str) -> list[str]:
    """The names in a folder, in order; none where there is no such folder."""
    try:
        return sorted(os.listdir(place))
    except OSError:
        return []


def _read(place: str | Path, size: int = 4096) -> str:
    try:
        with open(place, "rb") as file:
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""


# Packages


_SEPARATORS: Final = re.compile(r"[-_.]+")


def _take_packages() -> dict[str, str]:
    """Name → version of what is installed, as the import system meets it: the first one counts."""
    versions: dict[str, str] = {}
    for folder in dict.fromkeys(sys.path):
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                stem, dot, suffix = entry.name.rpartition(".")
                if dot and suffix in ("dist-info", "egg-info"):
                    name, version = _read_distribution(entry.path, stem)
                    if name:
                        versions.setdefault(_SEPARATORS.sub("-", name).lower(), version)
    return dict(sorted(versions.items()))


def _read_distribution(path: str, stem: str) -> tuple[str, str]:
    """Name and version by the folder's name; from its metadata where the name does not tell."""
    name, dash, version = stem.partition("-")
    if dash:
        return name, re.sub(r"-py\d.*$", "", version) if "-py" in version else version
    text = _read(f"{path}/PKG-INFO") or _read(f"{path}/METADATA") or _read(path)
    said = re.search(r"^Version: *(\S+)", text, re.MULTILINE)
    return name, said[1] if said else ""


# Imports


def static_closure(files: Sequence[Path], root: Path) -> dict[str, str]:
    """Path relative to the root → SHA-256 of `files` and of all that they import below the root.

    Imports are read from the source, those inside functions included, and followed by the rule
    of `imports`. A file that does not parse imports nothing; one that is gone is left out.
    """
    tree = ImportTree(os.path.abspath(root))
    pending = [os.path.abspath(file) for file in files]
    homes = {os.path.dirname(file) for file in pending}
    digests: dict[str, str] = {}
    while pending:
        file = pending.pop()
        if file in digests:
            continue
        try:
            with open(file, "rb") as stream:
                content = stream.read()
        except OSError:
            continue
        digests[file] = hashlib.sha256(content).hexdigest()
        pending += tree.packages_above(file)
        if file.endswith(".py"):
            is_home = tree.is_home(file, homes)
            for said in _imports_of(content):
                pending += tree.files_of(file, said, beside=is_home)
    return {
        os.path.relpath(file, root).replace(os.sep, "/"): digests[file] for file in sorted(digests)
    }


@lru_cache(maxsize=1024)
def _imports_of(content: bytes) -> tuple[ModuleImport, ...]:
    try:
        return tuple(said for _, said in read_imports(ast.parse(content)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
