"""What surrounds the runs of a session: machine, packages, git, and what a file imports.

Nothing here writes, and nothing that a repository's configuration names is executed: no hook, no
file-system monitor, no external diff, no filter. Git is asked for its settings and for what was
changed, and for the changes where there are any; outside a repository it is not asked at all, and
the rest is read from files.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import platform
import re
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from expt.archive.json_files import read_environment
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside
from expt.ground.imports import ImportTree, ModuleImport, read_imports
from expt.ground.layout import CODE_CAP, CODE_DIR, NOT_CODE, PATCH_FILE
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

PATCH_CAP: Final = 5 * 1024 * 1024  # bytes
_GIT_SECONDS: Final = 10.0
_AUTHORS_CAP: Final = 16 * 1024 * 1024  # bytes of names

_VARIABLES: Final = re.compile(
    r"(CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|CUBLAS_WORKSPACE_CONFIG|NVIDIA_VISIBLE_DEVICES"
    r"|(HIP|ROCR)_VISIBLE_DEVICES|XLA_FLAGS|XLA_PYTHON_CLIENT_\w+|JAX_PLATFORMS|JAX_ENABLE_X64"
    r"|TF_DETERMINISTIC_OPS|TF_CPP_MIN_LOG_LEVEL|PYTORCH_CUDA_ALLOC_CONF"
    r"|(OMP|MKL|OPENBLAS|NUMEXPR|VECLIB_MAXIMUM|NUMBA)_NUM_THREADS|OMP_PROC_BIND|KMP_AFFINITY"
    r"|PYTHONHASHSEED|PYTHONPATH|PYTHONOPTIMIZE|VIRTUAL_ENV|CONDA_DEFAULT_ENV|CONDA_PREFIX"
    r"|MPLBACKEND|LANG|LC_ALL|TZ|SLURM_(JOB_ID|JOB_NAME|ARRAY_JOB_ID|ARRAY_TASK_ID|PROCID|NODELIST"
    r"|NTASKS|CPUS_PER_TASK|GPUS_ON_NODE))"
)


def take_surroundings(root: Path, code_of: Path | None = None) -> tuple[dict[str, Any], bytes]:
    """What `take_environment` and `take_patch` give, with no question to git asked twice.

    Where the code comes from the archive `code_of`, what git said when that was written.
    """
    git = _Git(root)
    environment = take_environment(root, git)
    if code_of is not None:
        with contextlib.suppress(DamagedArchive):  # else the copy is of no commit
            environment["git"] = read_environment(code_of).get("git")
            return environment, read_inside(code_of, f"{CODE_DIR}/{PATCH_FILE}", CODE_CAP) or b""
    told = environment["git"]
    is_clean = told is None or told["dirty"] is False
    return environment, b"" if is_clean else take_patch(root, git)


def take_environment(root: Path, git: _Git | None = None) -> dict[str, Any]:
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
        "git": _take_git(git or _Git(root)),
        "variables": take_variables(),
    }


def take_variables() -> dict[str, str]:
    """The variables of the environment that an archive tells of: an allow-list."""
    return {name: value for name, value in sorted(os.environ.items()) if _VARIABLES.fullmatch(name)}


# The machine


def _name_platform() -> str:
    """What `platform.platform()` says, for which that starts a process and reads all of Python."""
    try:
        library, version = os.confstr("CS_GNU_LIBC_VERSION").split()  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):  # no Linux, or one with another library
        return platform.platform()
    system = os.uname()
    return f"{system.sysname}-{system.release}-{system.machine}-with-{library}{version}"


def _take_cpu() -> dict[str, Any]:
    text = _read("/proc/cpuinfo", 8192)
    model = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "model": model[1].strip() if model else platform.processor() or None,
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
    driver = find_driver(_read("/proc/driver/nvidia/version"))
    for place in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        model = re.search(r"^Model:\s*(.+)$", _read(place), re.MULTILINE)
        found.append({"name": model[1].strip() if model else "NVIDIA GPU"})
        if driver is not None:
            found[-1]["driver"] = driver
    for place in sorted(Path("/sys/class/kfd/kfd/topology/nodes").glob("*/properties")):
        if re.search(r"^simd_count [1-9]", _read(place), re.MULTILINE):
            name = _read(place.with_name("name")).strip()
            found.append({"name": f"AMD GPU {name}".strip()})
    found += [
        {"name": f"accelerator {place.name}"} for place in sorted(Path("/dev").glob("accel*"))
    ]
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append({"name": "Apple GPU"})
    return found


def find_driver(text: str) -> str | None:
    """The version in what NVIDIA's kernel module tells of itself."""
    found = re.search(r"Kernel Module.*?\s(\d[\d.]+)\s", text)
    return found[1] if found else None


def _read(place: str | Path, size: int = 4096) -> str:
    try:
        with open(place, "rb") as file:
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""


# Packages


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
                        versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(versions.items()))


def _read_distribution(path: str, stem: str) -> tuple[str, str]:
    """Name and version by the folder's name; from its metadata where the name does not tell."""
    name, dash, version = stem.partition("-")
    if dash:
        return name, re.sub(r"-py\d.*$", "", version)
    text = _read(f"{path}/PKG-INFO") or _read(f"{path}/METADATA") or _read(path)
    said = re.search(r"^Version: *(\S+)", text, re.MULTILINE)
    return name, said[1] if said else ""


# Git


@frozen
class _Answer:
    """What a git command said; `problem` is None where it did what it was asked."""

    output: bytes
    problem: str | None = None


class _Git:
    """Asks git about the repository around a folder, without letting it do anything else."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str] | None = None
        self._settings = [
            "core.fsmonitor=false",
            f"core.hooksPath={os.devnull}",
            "diff.autoRefreshIndex=false",
        ]
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GIT_") or name.startswith(("GIT_CONFIG_", "GIT_EXEC_PATH"))
        } | {
            "GIT_OPTIONAL_LOCKS": "0",  # never writes the index
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }

    def read_settings(self) -> dict[str, str]:
        """The configuration, in which the programs that convert files are switched off from now on.

        Git calls them, whatever they are, to compare a file of the work tree.
        """
        if self._known is not None:
            return self._known
        answer = self.ask("config", "--list", "-z")()
        settings = dict(
            entry.partition("\n")[::2]
            for entry in answer.output.decode(errors="replace").split("\0")
        )
        filters = {key.rpartition(".")[0] for key in settings if key.startswith("filter.")}
        for name in sorted(filters - {"filter.lfs"}):  # large files would all seem changed
            self._settings += [f"{name}.{key}=" for key in ("clean", "smudge", "process")]
            self._settings.append(f"{name}.required=false")
        self._known = settings
        return settings

    def is_there(self) -> bool:
        """Whether the folder may be in a repository; no git is started to hear that it is not."""
        root = Path(os.path.abspath(self._root))
        return any(
            os.path.lexists(folder / name)
            for folder in (root, *root.parents)
            for name in (".git", "HEAD")  # the second of a repository without a work tree
        )

    def ask(self, *words: str, cap: int | None = None) -> Callable[[], _Answer]:
        """Start a git command; what is returned waits for it, at most `_GIT_SECONDS`.

        No more than `cap` bytes of its output are read, and one byte to tell that there are more.
        """
        import subprocess  # slow, as is the other, and not every project is in a repository
        import tempfile

        options = [word for setting in self._settings for word in ("-c", setting)]
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the one who waits)
        try:
            process = subprocess.Popen(
                ["git", "--no-pager", *options, *words],
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        except OSError as error:
            complaints.close()
            is_missing = isinstance(error, FileNotFoundError)
            reason = "git is not installed" if is_missing else f"no git: {error.strerror}"
            return lambda: _Answer(b"", reason)
        return lambda: _wait_for(process, complaints, cap)


def _wait_for(process: subprocess.Popen[bytes], complaints: IO[bytes], cap: int | None) -> _Answer:
    assert process.stdout is not None  # noqa: S101
    timer = threading.Timer(_GIT_SECONDS, process.kill)
    timer.start()
    with complaints, process:
        output = process.stdout.read() if cap is None else process.stdout.read(cap + 1)
        is_cut = cap is not None and len(output) > cap
        if is_cut:
            process.kill()
        process.wait()
        timed_out = not timer.is_alive()
        timer.cancel()
        complaints.seek(0)
        complaint = complaints.read(2000).decode(errors="replace").strip().partition("\n")[0]
    if timed_out:
        return _Answer(output, f"git took longer than {_GIT_SECONDS:g} seconds")
    if process.returncode and not is_cut:
        return _Answer(output, complaint or f"git ended with {process.returncode}")
    return _Answer(output)


def _take_git(git: _Git) -> dict[str, Any] | None:
    """Commit, branch, whether tracked files were changed, and the remote."""
    if not git.is_there():
        return None
    facts: dict[str, Any] = {"commit": None, "branch": None, "dirty": None, "remote": None}
    settings = git.read_settings()
    answer = git.ask(
        *("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no"),
        *("--ignore-submodules=dirty", "--no-renames", "--no-ahead-behind"),
        cap=64 * 1024,
    )()
    if answer.problem is not None:
        if "not a git repository" in answer.problem:
            return None
        return facts | {"problem": answer.problem}
    lines = answer.output.decode(errors="replace").split("\0")
    said = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    facts["commit"] = _unless(said.get("branch.oid"), "(initial)")
    facts["branch"] = _unless(said.get("branch.head"), "(detached)")
    facts["dirty"] = any(line and not line.startswith("# ") for line in lines)
    remotes = [key for key in settings if re.fullmatch(r"remote\..*\.url", key)]
    if remotes:
        remote = "remote.origin.url" if "remote.origin.url" in remotes else sorted(remotes)[0]
        facts["remote"] = without_credentials(settings[remote])
    return facts


def read_authors(root: Path) -> tuple[list[str], list[str]]:
    """Names and addresses of those who committed to the repository around `root`, and of its
    configured user; and its remotes. Empty where there is none."""
    git = _Git(root)
    if not git.is_there():
        return [], []
    settings = git.read_settings()
    remotes = [settings[key] for key in settings if re.fullmatch(r"remote\..*\.(push)?url", key)]
    answer = git.ask("log", "--all", "--format=%an%n%ae%n%cn%n%ce", cap=_AUTHORS_CAP)()
    told = answer.output.decode(errors="replace").splitlines()
    people = [settings.get("user.name", ""), settings.get("user.email", ""), *told]
    return [one for one in dict.fromkeys(people) if one], remotes


def _unless(text: str | None, nothing: str) -> str | None:
    return None if text == nothing else text


def without_credentials(url: str) -> str:
    """A remote's address without user names and passwords that it may carry."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url  # a path, or host:path, whose user is no secret
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    if scheme in ("ssh", "git+ssh") and user and ":" not in user:
        host = f"{user}@{host}"
    return f"{scheme}://{host}{slash}{re.split('[?#]', path)[0]}"


def take_patch(root: Path, git: _Git | None = None) -> bytes:
    """The uncommitted changes of tracked files as `git apply` takes them; empty where none are.

    Secrets, keys, data and archives (`layout.NOT_CODE`) are left out, and where the rest takes
    more than `PATCH_CAP` bytes it is cut after a file; the first line says so.
    """
    git = git or _Git(root)
    if not git.is_there():
        return b""
    git.read_settings()
    answer = _ask_for_changes(git, "HEAD")
    if answer.problem is not None and "HEAD" in answer.problem:  # nothing was ever committed
        empty = git.ask("hash-object", "-t", "tree", os.devnull)()
        answer = _ask_for_changes(git, empty.output.decode().strip())
    if answer.problem is not None or not answer.output:
        return b""
    head = "# Uncommitted changes of tracked files, without secrets, keys, data and archives"
    changes = answer.output
    if len(changes) > PATCH_CAP:
        changes = changes[: max(changes.rfind(b"\ndiff --git ", 0, PATCH_CAP) + 1, 0)]
        head += f"\n# Cut: they take more than {PATCH_CAP} bytes"
    return head.encode() + b"\n" + changes


def _ask_for_changes(git: _Git, base: str) -> _Answer:
    return git.ask(
        *("diff", base, "--binary", "--no-ext-diff", "--no-textconv", "--no-color", "-U3"),
        *("--submodule=short", "--ignore-submodules=dirty", f"-O{os.devnull}", "--no-relative"),
        *("--src-prefix=a/", "--dst-prefix=b/", "--", ":/"),
        *(f":(exclude,top,icase,glob)**/{name}" for name in NOT_CODE),
        cap=PATCH_CAP,
    )()


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
