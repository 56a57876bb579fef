"""What stands in files and has no effect is told, with file, line and the closest name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TAKES = "def experiment_a(track, width: int = 5):\n    return width\n"


def warnings(sandbox: Sandbox, *words: str) -> list[str]:
    done = sandbox.expt("--plan", *words)
    assert done.exit_code == 0, done.stderr
    return [line.removeprefix("warning: ") for line in done.lines if line.startswith("warning: ")]


def test_a_key_that_nothing_takes_is_told_in_every_table(sandbox: Sandbox) -> None:
    """case: typo-in-tables, case: typo-in-variant-is-silent"""
    sandbox.write(
        {
            "experiments/a.py": TAKES,
            "experiments/params.toml": """
                wdith = 1
                [experiment_a]
                widht = 3
                [experiment_gone]
                width = 4
                [expt.variants.big]
                widht = 1024
                use = "x"
                [expt.variants.big.experiment_b]
                width = 3
                [expt.smoke]
                widht = 1
                [expt.sweep]
                widht = [1, 2]
                [expt.choices.widths.small]
                x = 1
                """,
            "values.toml": "wwidth = 4\n[experiment_aa]\nwidth = 1\n",
        }
    )
    path = "experiments/params.toml"
    hint = "did you mean 'width'?"
    below = [
        f"{path}:1: nothing takes the parameter 'wdith'; {hint}",
        f"{path}:3: nothing takes the parameter 'widht' of [experiment_a]; {hint}",
        f"{path}:4: no experiment is named 'experiment_gone'; did you mean 'experiment_a'?",
        f"{path}:7: nothing takes the parameter 'widht' of [expt.variants.big]; {hint}",
        f"{path}:8: nothing takes the parameter 'use' of [expt.variants.big]",
        f"{path}:9: no experiment is named 'experiment_b'; did you mean 'experiment_a'?",
        f"{path}:12: nothing takes the parameter 'widht' of [expt.smoke]; {hint}",
        f"{path}:14: nothing takes the axis 'widht'; {hint}",
        f"{path}:15: nothing takes the choice 'widths'; {hint}",
    ]
    assert sorted(warnings(sandbox)) == sorted(below)
    assert sorted(set(warnings(sandbox, "--params", "values.toml")) - {*below}) == [
        f"values.toml:1: nothing takes the parameter 'wwidth'; {hint}",
        "values.toml:2: no experiment is named 'experiment_aa'; did you mean 'experiment_a'?",
    ]


def test_an_axis_of_a_decorator_that_nothing_takes_is_told(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": f"import expt\n\n@expt.sweep(widht=[1, 2])\n{TAKES}"})
    assert warnings(sandbox) == [
        "experiments/a.py:3: nothing takes the axis 'widht'; did you mean 'width'?"
    ]


def test_a_value_for_a_built_in_provider_is_told(sandbox: Sandbox) -> None:
    sandbox.write(
        {"experiments/a.py": f"{TAKES}# log\n", "experiments/params.toml": "log = false\n"}
    )
    assert warnings(sandbox) == [
        "experiments/params.toml:1: 'log' is a built-in provider and has no value: rename it"
    ]


def test_what_an_experiment_that_is_not_selected_takes_is_no_typo(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": TAKES,
            "experiments/b.py": "def experiment_b(depth): pass\n",
            "experiments/big/params.toml": "[expt]\nextends = '../c.py::experiment_c'\n",
            "experiments/params.toml": "depth = 1\n[experiment_b]\ndepth = 2\n"
            "[experiment_c]\nwidth = 3\n",
        }
    )
    assert warnings(sandbox, "experiments/a.py") == []


def test_a_virtual_environment_below_the_root_vouches_for_nothing(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "",
            "experiments/a.py": TAKES,
            "params.toml": "widht = 1\n",
            "venv/pyvenv.cfg": "",
            "venv/lib/x.py": "widht = 2\n",
        }
    )
    assert warnings(sandbox) == [
        "params.toml:1: nothing takes the parameter 'widht'; did you mean 'width'?"
    ]


LISTENS = """
    import expt

    @expt.on("after_epcoh")
    def tell(epoch): pass
    """


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "def experiment_a(hooks):\n    hooks.call('after_epoch', epoch=1)\n",
            [
                "experiments/conftest.py:3: nothing calls the hook point 'after_epcoh'; "
                "did you mean 'after_epoch'?"
            ],
        ),
        ("def experiment_a(hooks): pass\n", None),
        ("def experiment_a(hooks):\n    hooks.filter('after_epcoh', 1)\n", []),
        ("import helper\ndef experiment_a(hooks):\n    helper.go(hooks)\n", []),
        ("def experiment_a(hooks):\n    for n in ('a', 'b'): hooks.call(n)\n", []),
        ("def experiment_a(hooks):\n    call = hooks.call\n    call('x')\n", []),
    ],
)
def test_a_listener_of_a_point_that_nothing_calls_is_told(
    sandbox: Sandbox, source: str, told: list[str] | None
) -> None:
    files = {"experiments/conftest.py": LISTENS, "experiments/a.py": source}
    if "helper" in source:
        files["helper.py"] = "def go(h):\n    h.call('after_epcoh', epoch=1)\n"
    sandbox.write({**files, "expt.toml": ""})
    if told is None:
        told = ["experiments/conftest.py:3: nothing calls the hook point 'after_epcoh'"]
    assert warnings(sandbox) == told


def test_what_a_plugin_file_has_and_nothing_takes_is_told(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "def experiment_a(given): return given\n",
            "plugin.py": """
                import expt

                @expt.provider
                def data(): return 1

                @expt.provider
                def given(): return 2

                @expt.on("x")
                def listener(): pass

                def analysis_all(run): pass

                def expt_make_providers(): return {"given": given}
                """,
        }
    )
    assert warnings(sandbox, "--plugin", "plugin.py") == [
        "plugin.py:3: nothing takes the provider 'data' of a plugin: "
        "return it from expt_make_providers, or move it into a conftest.py",
        "plugin.py:9: nothing takes the listener 'listener' of a plugin: "
        "move it into a conftest.py",
        "plugin.py:12: nothing takes the analysis 'analysis_all' of a plugin: "
        "move it into a conftest.py",
    ]
