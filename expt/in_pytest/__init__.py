"""`pytest --expt`: experiments are items of pytest, and nothing of them is loaded before.

    pytest ─► this module ─ ─ --expt ─ ─► collecting ─► items ─► lasting_session ─► archives

Every pytest of an environment with expt imports this file alone: it must stay as small as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--expt`, and `--expt-full`."""
    add = parser.getgroup("expt", "experiments").addoption
    told = "run experiments as items too, with the values of [expt.smoke]"
    add("--expt", action="store_const", const="smoke", help=told)
    told = "run experiments as items too, with the values that 'expt' gives them"
    add("--expt-full", dest="expt", action="store_const", const="full", help=told)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Take part where experiments are asked for: before pytest imports a conftest of theirs."""
    if early_config.known_args_namespace.expt:
        from expt.in_pytest.collecting import take_part  # imports most of expt

        take_part(early_config)
    return (yield)
