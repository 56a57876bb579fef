"""The hash of what a case is: experiment, values, inputs, and the code that it is made of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive.snapshot import static_closure
from expt.ground.encoding import dumps
from expt.parameters.seeds import SEED, is_drawn
from expt.parameters.sweeps import REPEAT
from expt.planning.inputs import measure_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expt.ground.model import Case
    from expt.planning.binding import Binding


class Fingerprints:
    """Fingerprints of one tree; files that did not change are read once."""

    def __init__(self, root: Path, cwd: Path) -> None:
        self._root = root
        self._cwd = cwd
        self._closures: dict[tuple[str, ...], str] = {}
        self._hashes: dict[tuple[str, int, int], str] = {}

    def of(self, case: Case, binding: Binding, needs: Mapping[str, Sequence[str]]) -> str:
        """The fingerprint of a case: what it is given, and not what it is called or who says it.

        A seed that nobody gave is no part of it; then which repeat it is tells cases apart. `needs`
        are the fingerprints of the cases that it needs, in the place of their runs.
        """
        drawn = is_drawn(case.origins.get(SEED, ()))
        left_out = {*case.needs, *((SEED,) if drawn else ())}
        values = {name: v for name, v in case.params.items() if name not in left_out}
        inputs = {
            name: told["sha256"] or [told["size"], told["time"]]
            for name, told in self.measure_inputs(case).items()
        }
        code = self.code_of(binding.modules)
        repeat = case.axes.get(REPEAT) if drawn else None
        told = [case.experiment.id, repeat, values, inputs, code]
        told += [{name: list(prints) for name, prints in needs.items()}] if needs else []
        return hashlib.sha256(dumps(told).encode()).hexdigest()

    def measure_inputs(self, case: Case) -> dict[str, dict[str, Any]]:
        """Size, time and hash of the files that the case is given by path."""
        measured = {}
        for name in case.inputs:
            path = self._cwd / Path(os.fspath(case.params[name])).expanduser()
            if path.exists():
                measured[name] = measure_input(path, self._hashes)
        return measured

    def code_of(self, modules: tuple[str, ...]) -> str:
        """The hash of the modules and of everything below the root that they import statically."""
        if modules not in self._closures:
            files = static_closure([self._root / path for path in modules], self._root)
            told = "\n".join(f"{path} {digest}" for path, digest in sorted(files.items()))
            content = told.encode("utf-8", "surrogateescape")
            self._closures[modules] = hashlib.sha256(content).hexdigest()
        return self._closures[modules]
