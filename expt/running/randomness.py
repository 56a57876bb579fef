"""What is random in a run: where it starts, and how it goes on where a checkpoint left off.

rng                    a generator for each function that asks, keyed by seed and function
random                 seeded from the seed for each run
numpy.random, torch,   likewise, where they are loaded, else when the run imports them, if ever
tensorflow
"""

from __future__ import annotations

import base64
import contextlib
import random
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from expt.parameters.seeds import seed_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec

    import numpy as np

_NUMPY: Final = "numpy.random"
_TORCH: Final = "torch"
_SEEDED: Final = {
    _NUMPY: ("seed",),
    _TORCH: ("manual_seed",),
    "tensorflow": ("random", "set_seed"),
}
"""Libraries with a random state of their own, and how each is seeded. None is imported for it."""

_WORDS: Final = struct.Struct("<625I")  # of Python's Mersenne Twister, its position last


def seed_globals(seed: int, function_name: str | None = None) -> None:
    """Seed `random`, `numpy.random` and what else of the kind was imported.

    For a session provider, with a seed of its own.
    """
    if function_name is not None:
        from numpy.random import SeedSequence  # slow to import

        words = seed_words(seed, function_name)
        seed = int(SeedSequence(words).generate_state(1)[0])
    random.seed(seed)
    _seed_libraries(seed)


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """`random` and `numpy.random` are afterwards as they were."""
    state, waiting, loaded = random.getstate(), _waiting_seed(), sys.modules.get("numpy.random")
    twister: Any = None if loaded is None else loaded.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        if loaded is not None:
            loaded.set_state(twister)
        elif waiting is not None:
            _seed_libraries(waiting.seed)


# Libraries, which take longer to import than all of expt


class _AtImport:
    """Stands in the way of imports, to seed what is imported when it is there."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._loaders: dict[str, Any] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _SEEDED:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._loaders[name], spec.loader = spec.loader, self  # type: ignore[assignment]  # it has what is asked for
        return spec

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loaders[spec.name].create_module(spec)

    def exec_module(self, module: Any) -> None:
        loader = self._loaders[module.__name__]
        module.__spec__.loader = module.__loader__ = loader
        loader.exec_module(module)
        _seed(module.__name__, self.seed)


def _seed_libraries(seed: int) -> None:
    """Seed those that are loaded; have the others seeded when the run imports them."""
    waiting = _waiting_seed()
    if waiting is not None:
        sys.meta_path.remove(waiting)
    loaded = _SEEDED.keys() & sys.modules.keys()
    for name in loaded:
        _seed(name, seed)
    if len(loaded) < len(_SEEDED):
        sys.meta_path.insert(0, _AtImport(seed))


def _seed(name: str, seed: int) -> None:
    with contextlib.suppress(Exception):  # what is imported is the user's, of any kind
        function: Any = sys.modules[name]
        for attribute in _SEEDED[name]:
            function = getattr(function, attribute)
        function(seed % (1 << (32 if name == _NUMPY else 63)))


def _waiting_seed() -> _AtImport | None:
    return next((one for one in sys.meta_path if isinstance(one, _AtImport)), None)


class Randomness:
    """The generators of one run, and the state of all that is random in it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made: list[tuple[str, np.random.Generator]] = []
        self._awaited: list[tuple[str, Any]] = []
        self._left_off: Mapping[str, Any] | None = None

    def begin(self) -> None:
        """Seed what is global, or put it where a provider's checkpoint left off."""
        seed_globals(self._seed)
        if self._left_off is not None:
            _put_globals(self._left_off)

    def make_rng(self, function_name: str) -> np.random.Generator:
        """A generator of its own for each function that asks, keyed by the seed and its name."""
        import numpy as np  # slow to import, and not every experiment asks for it

        rng = np.random.default_rng(seed_words(self._seed, function_name))
        self._made.append((function_name, rng))
        self._put_awaited(function_name, rng)
        return rng

    def state(self) -> dict[str, Any]:
        """All of it, as strict JSON holds it."""
        import numpy as np  # what was to seed it does so now

        _, words, gauss = random.getstate()
        twister: Any = np.random.get_state(legacy=False)
        key = twister["state"]["key"].astype("<u4").tobytes()
        return {
            "random": {"words": _as_text(_WORDS.pack(*words)), "gauss": gauss},
            "numpy": {
                "key": _as_text(key),
                "position": int(twister["state"]["pos"]),
                "has_gauss": int(twister["has_gauss"]),
                "gauss": float(twister["gauss"]),
            },
            "torch": _take_torch(),
            "rng": [[name, rng.bit_generator.state] for name, rng in self._made],
        }

    def go_on_from(self, state: Mapping[str, Any]) -> None:
        """Put everything where it was. Raises `ValueError` or its kind for what is no state."""
        _put_globals(state)
        self._left_off = state
        self._awaited = [(name, told) for name, told in state["rng"]]
        for name, rng in self._made:
            self._put_awaited(name, rng)

    def _put_awaited(self, name: str, rng: np.random.Generator) -> None:
        """A generator goes on as the first of its namesakes that has not gone on yet."""
        for place, (known, told) in enumerate(self._awaited):
            if known == name:
                del self._awaited[place]
                rng.bit_generator.state = told
                return


def _put_globals(state: Mapping[str, Any]) -> None:
    import numpy as np  # the run tracked its state

    own, twister = state["random"], state["numpy"]
    key = np.frombuffer(_as_bytes(twister["key"]), "<u4").astype("u4")
    gauss = twister["has_gauss"], twister["gauss"]
    random.setstate((3, _WORDS.unpack(_as_bytes(own["words"])), own["gauss"]))
    np.random.set_state(("MT19937", key, twister["position"], *gauss))
    if told := state.get("torch"):
        _put_torch(told)


def _take_torch() -> list[str]:
    """Its state on the CPU, and on each GPU where it has begun to use them; of none if not used."""
    torch: Any = sys.modules.get(_TORCH)
    try:
        on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        return [_as_text(state.numpy().tobytes()) for state in (torch.get_rng_state(), *on_gpus)]
    except Exception:  # not imported, or none of its kind
        return []


def _put_torch(told: Sequence[str]) -> None:
    import torch  # type: ignore[import-not-found, unused-ignore]  # the run used it

    first, *on_gpus = (
        torch.frombuffer(bytearray(_as_bytes(text)), dtype=torch.uint8) for text in told
    )
    torch.set_rng_state(first)
    if on_gpus:
        torch.cuda.init()  # else it seeds them when it begins to use them
    for device, state in enumerate(on_gpus[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _as_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
