"""The block of inline script metadata (PEP 723) that a generated script begins with.

`uv run analysis.py`, `pipx run` and `hatch run` read it, and make what the script needs:

    # /// script
    # requires-python = ">=3.11"
    # dependencies = [
    #     "expt-runner",
    #     "scipy==1.14.1",
    # ]
    # ///
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PYTHON: Final = ">=3.11"
_OURS: Final = "expt-runner"  # it brings numpy and matplotlib
_BROUGHT: Final = frozenset(("expt", "matplotlib", "numpy"))
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")


def metadata_block(modules: Iterable[str] = (), packages: Mapping[str, Any] | None = None) -> str:
    """The block for a script that imports `modules` (dotted names) beside expt.

    `packages` are distributions with versions, as `environment.json` has them: of those the script
    gets the very versions.
    """
    tops = {module.partition(".")[0] for module in modules}
    foreign = [top for top in tops if top not in sys.stdlib_module_names and top not in _BROUGHT]
    needed = sorted(
        {_requirement(name, packages or {}) for name in foreign if _NAME.fullmatch(name)}
    )
    lines = [f"    {json.dumps(text)}," for text in (_OURS, *needed)]
    told = [f'requires-python = "{_PYTHON}"', "dependencies = [", *lines, "]"]
    return "\n".join(["# /// script", *(f"# {line}" for line in told), "# ///"])


def _requirement(module: str, packages: Mapping[str, Any]) -> str:
    """The distribution that has a module, pinned where it is known."""
    known = {_folded(name): name for name in packages}
    names = [module]
    if _folded(module) not in known:
        names += _distributions(tuple(sys.path)).get(module, [])
    for name in names:
        found = known.get(_folded(name))
        if found is not None and _NAME.fullmatch(found):
            version = str(packages[found])
            return f"{found}=={version}" if _VERSION.fullmatch(version) else found
    return names[-1]


@cache
def _distributions(places: tuple[str, ...]) -> Mapping[str, list[str]]:  # noqa: ARG001
    """Those of each module; read once, since of a hundred that takes a tenth of a second."""
    from importlib.metadata import packages_distributions  # slow, and few scripts need it

    return packages_distributions()


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
