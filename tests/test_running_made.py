"""What providers made is told in the record, where it is small and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TRAIN = """
import expt

@expt.provider
def batch_size(gpus: int = 1) -> int:
    return 32 * gpus

@expt.provider
def lr(lr: float = 0.1) -> float:
    return lr * 10

def experiment_train(batch_size: int, lr: float):
    return [batch_size, lr]
"""


def chain(record: dict[str, Any], name: str) -> list[tuple[str, Any]]:
    return [(origin["layer"], origin["value"]) for origin in record["origins"][name]]


def test_a_computed_value_is_in_the_archive_in_show_and_a_column(sandbox: Sandbox) -> None:
    """Case: value-made-by-a-provider-is-not-kept."""
    sandbox.write({"experiments/train.py": TRAIN})
    assert sandbox.expt("-p", "gpus=2", "-p", "seed=1").exit_code == 0
    record = sandbox.record()
    assert chain(record, "lr") == [("provider", 1.0), ("default", 0.1)]
    assert chain(record, "batch_size") == [("provider", 64)]
    assert record["made"] == {"batch_size": 64, "lr": 1.0}
    assert record["params"] == {"gpus": 2, "lr": 0.1, "seed": 1}
    shown = sandbox.expt("show", "latest").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["lr", "0.1", "default", "experiments/train.py:7"] in lines
    assert ["through", "1.0", "provider", "experiments/train.py:7"] in lines
    assert ["batch_size", "64", "provider", "experiments/train.py:3"] in lines
    table = sandbox.expt("show", "--columns", "batch_size,lr,params.lr", "--csv").lines
    assert table == ["batch_size,lr,params.lr", "64,1.0,0.1"]
    assert sandbox.expt("--params", str(sandbox.run().path / "params.toml")).exit_code == 0
    assert [run.made for run in sandbox.runs()] == [{"batch_size": 64, "lr": 1.0}] * 2


def test_it_is_told_of_a_run_that_fails_and_of_a_worker_that_dies(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import os, expt
            @expt.provider
            def n(): return 3
            @expt.provider
            def broken(n): raise ValueError
            def experiment_a(broken): pass
            def experiment_b(n): os._exit(1)
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    assert [run.made for run in sandbox.runs()] == [{"n": 3}, {"n": 3}]


def test_what_is_large_secret_or_no_data_is_not_told(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import expt
            from dataclasses import dataclass
            class Lies:
                def __getattr__(self, name): raise RuntimeError(name)
                def __repr__(self): raise RuntimeError
            @dataclass
            class Net:
                width: int
            @expt.provider
            def data(): return list(range(10**6))
            @expt.provider
            def text(): return "x" * 2000
            @expt.provider
            def net(): return Net(3)
            @expt.provider
            def lies(): return Lies()
            @expt.provider
            def parts(): return {"a": [1, None], "b": Lies}
            @expt.provider
            def api_key(): return "hunter2"
            @expt.provider
            def url(token: expt.Secret): return f"https://{token}@x"
            @expt.provider
            def length(token): return len(token)
            @expt.provider
            def copied(): return "it is hunter3!"
            def experiment_a(data, text, net, lies, parts, api_key, url, length, copied): return 1
            """
        }
    )
    assert sandbox.expt("-p", "token=hunter3").exit_code == 0
    record = sandbox.record()
    assert record["made"] == {"net": {"width": 3}}
    assert "hunter" not in (sandbox.run().path / "run.json").read_text()


def test_a_table_that_a_provider_wraps_is_told_leaf_by_leaf(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": "[opt]\nlr = 0.1\nname = 'adam'\n",
            "experiments/a.py": """
            import expt
            @expt.provider
            def opt(opt): return {**opt, "lr": opt["lr"] * 2}
            def experiment_a(opt): return opt["lr"]
            """,
        }
    )
    assert sandbox.expt().exit_code == 0
    record = sandbox.record()
    assert chain(record, "opt.lr") == [("provider", 0.2), ("params.toml", 0.1)]
    assert chain(record, "opt.name") == [("provider", "adam"), ("params.toml", "adam")]
