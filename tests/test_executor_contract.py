"""Engines of this machine keep the contract of every executor."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from clusters import RAY, RAY_TOKEN, cluster, dask_cluster, one_node_slurm, why_no_slurm
from conftest import WarmSandbox

from expt.testing import ExecutorContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.timeout(300)
MANY = int(os.environ.get("EXPT_TINY", "8"))  # tiny cases; the standard pool has twice as many


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


class EngineSandbox(WarmSandbox):
    engines = True


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """An empty project, whose commands have imported the libraries of engines."""
    root = tmp_path / "project"
    root.mkdir()
    return EngineSandbox(root)


@pytest.fixture(scope="module")
def dask_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dask_cluster(str(tmp_path_factory.mktemp("dask"))) as address:
        yield address


@pytest.fixture(scope="module")
def ray_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(RAY, str(tmp_path_factory.mktemp("ray"))) as address:
        yield address


@pytest.fixture(scope="module")
def slurm_conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as file:
        yield file


class TestProcessPool(ExecutorContract):
    tiny = 2 * MANY
    executor = "concurrent.futures:ProcessPoolExecutor"
    words = ("-n", "2")
    lone = ("-n", "1")


@needs("loky")
class TestLoky(ExecutorContract):
    tiny = MANY
    executor = "loky:get_reusable_executor"
    words = ("-n", "2")
    lone = ("-n", "1")


@needs("executorlib")
class TestExecutorlib(ExecutorContract):
    tiny = MANY
    executor = "lib"
    lone = ("--executor", "lone")
    configuration = """
        [executors.lib]
        factory = "executorlib:SingleNodeExecutor"
        max_workers = 2
        block_allocation = true

        [executors.lone]
        factory = "executorlib:SingleNodeExecutor"
        max_workers = 1
        block_allocation = true
    """


@needs("distributed")
class TestDask(ExecutorContract):
    """A cluster of two worker processes over TCP, which tries lost tasks again, as most do."""

    tiny = MANY

    @pytest.fixture(autouse=True)
    def _named(self, dask_address: str) -> None:
        self.executor = f"dask:{dask_address}"


@needs("ray")
class TestRay(ExecutorContract):
    """A cluster of this machine, of two processors."""

    tiny = MANY

    @pytest.fixture(autouse=True)
    def _named(self, sandbox: Sandbox, ray_address: str) -> None:
        sandbox.environ |= RAY_TOKEN
        self.executor = f"ray:{ray_address}"


@pytest.mark.skipif(why_no_slurm() is not None, reason=why_no_slurm() or "")
class TestSlurm(ExecutorContract):
    """A real Slurm of one node; a job has a hundred cases, as it should where they are tiny."""

    tiny = MANY
    executor = "slurm"
    configuration = """
        [executors.slurm]
        cases_per_job = 100
    """

    @pytest.fixture(autouse=True)
    def _configured(self, sandbox: Sandbox, slurm_conf: str) -> None:
        sandbox.environ["SLURM_CONF"] = slurm_conf
