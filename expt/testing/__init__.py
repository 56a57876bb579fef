"""A sandbox for tests: write a tree, run the command, read the archives.

For plugin authors too. In a `conftest.py` of your tests:

    pytest_plugins = ["expt.testing"]

    def test_my_plugin_adds_an_option(sandbox):
        sandbox.write({"experiments/first.py": "def experiment_one(track): track('x', 1.0)"})
        done = sandbox.expt("experiments", "--plugin", "my_plugin", "--my-option")
        assert done.exit_code == 0
        assert sandbox.run().series["x"].last == 1.0

Whoever writes an executor has a suite for it, `ExecutorContract`.
"""

import pytest

pytest.register_assert_rewrite("expt.testing.executor_contract")

from expt.testing.executor_contract import ExecutorContract  # noqa: E402 - rewritten first
from expt.testing.sandbox import Done, Sandbox, sandbox  # noqa: E402

__all__ = ["Done", "ExecutorContract", "Sandbox", "sandbox"]
