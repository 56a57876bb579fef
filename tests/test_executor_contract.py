"""Engines of this machine keep the contract of every executor."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from expt.testing import ExecutorContract

pytestmark = pytest.mark.timeout(300)


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


class TestProcessPool(ExecutorContract):
    executor = "concurrent.futures:ProcessPoolExecutor"
    words = ("-n", "2")


@needs("loky")
class TestLoky(ExecutorContract):
    executor = "loky:get_reusable_executor"
    words = ("-n", "2")


@needs("executorlib")
class TestExecutorlib(ExecutorContract):
    executor = "lib"
    configuration = """
        [executors.lib]
        factory = "executorlib:SingleNodeExecutor"
        max_workers = 2
        block_allocation = true
    """
