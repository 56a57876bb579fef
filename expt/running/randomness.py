"""What is random in a run: where it starts, and how it goes on where a checkpoint left off.

rng                    a generator for each function that asks, keyed by seed and function
random, numpy.random   seeded from the seed for each run
torch, tensorflow      seeded likewise, where the user imported them
"""

from __future__ import annotations

import base64
import contextlib
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from expt.parameters import seed_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

_SEEDED_IF_IMPORTED: Final = {"torch": ("manual_seed",), "tensorflow": ("random", "set_seed")}
"""Libraries with a random state of their own: how each is seeded, where the user imported it."""

_WORDS: Final = struct.Struct("<625I")  # of Python's Mersenne Twister, its position last


def seed_globals(seed: int, function_name: str | None = None) -> None:
    """Seed `random`, `numpy.random` and what else of the kind was imported.

    For a session provider, with a seed of its own.
    """
    import random

    import numpy as np  # slow to import; its global state must be seeded whoever uses it later

    if function_name is not None:
        words = seed_words(seed, function_name)
        seed = int(np.random.SeedSequence(words).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    for module, path in _SEEDED_IF_IMPORTED.items():
        with contextlib.suppress(Exception):  # what is imported is the user's, of any kind
            seed_function: Any = sys.modules.get(module)
            for name in path:
                seed_function = getattr(seed_function, name, None)
            if seed_function is not None:
                seed_function(seed % (1 << 63))


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """`random` and `numpy.random` are afterwards as they were."""
    import random

    import numpy as np  # slow to import; it is imported by now, since the run seeded it

    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


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
        import random

        import numpy as np  # the run seeded it

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
    import random

    import numpy as np  # the run seeded it

    own, twister = state["random"], state["numpy"]
    key = np.frombuffer(_as_bytes(twister["key"]), "<u4").astype("u4")
    gauss = twister["has_gauss"], twister["gauss"]
    random.setstate((3, _WORDS.unpack(_as_bytes(own["words"])), own["gauss"]))
    np.random.set_state(("MT19937", key, twister["position"], *gauss))


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _as_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
