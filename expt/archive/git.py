"""What git knows of the repository around a folder: commit, branch, remotes, people, changes.

Nothing that a repository's configuration names is executed: no hook, no file-system monitor, no
external diff, no filter. Git is asked for its settings and for what was changed, and for the
changes where there are any; outside a repository it is not asked at all.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from expt.ground.layout import NOT_CODE
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

PATCH_CAP: Final = 5 * 1024 * 1024  # bytes
_SECONDS: Final = 10.0  # that one question may take
_AUTHORS_CAP: Final = 16 * 1024 * 1024  # bytes of names


@frozen
class _Answer:
    """What a git command said; `problem` is None where it did what it was asked."""

    output: bytes
    problem: str | None = None


class Git:
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
        """Start a git command; what is returned waits for it, at most `_SECONDS`.

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
    timer = threading.Timer(_SECONDS, process.kill)
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
        return _Answer(output, f"git took longer than {_SECONDS:g} seconds")
    if process.returncode and not is_cut:
        return _Answer(output, complaint or f"git ended with {process.returncode}")
    return _Answer(output)


def take_repository(git: Git) -> dict[str, Any] | None:
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
    git = Git(root)
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


def take_patch(root: Path, git: Git | None = None) -> bytes:
    """The uncommitted changes of tracked files as `git apply` takes them; empty where none are.

    Secrets, keys, data and archives (`layout.NOT_CODE`) are left out, and where the rest takes
    more than `PATCH_CAP` bytes it is cut after a file; the first line says so.
    """
    git = git or Git(root)
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


def _ask_for_changes(git: Git, base: str) -> _Answer:
    return git.ask(
        *("diff", base, "--binary", "--no-ext-diff", "--no-textconv", "--no-color", "-U3"),
        *("--submodule=short", "--ignore-submodules=dirty", f"-O{os.devnull}", "--no-relative"),
        *("--src-prefix=a/", "--dst-prefix=b/", "--", ":/"),
        *(f":(exclude,top,icase,glob)**/{name}" for name in NOT_CODE),
        cap=PATCH_CAP,
    )()
