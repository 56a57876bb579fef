"""Generated scripts say what they need, as PEP 723 spells it."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from expt.rendering.inline_metadata import metadata_block

if TYPE_CHECKING:
    from expt.testing import Sandbox

BLOCK = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"
"""The reference expression of the specification."""


def read_metadata(script: str) -> dict[str, Any]:
    """What a tool reads: the reference implementation of the specification."""
    (match,) = (m for m in re.finditer(BLOCK, script) if m.group("type") == "script")
    lines = match.group("content").splitlines(keepends=True)
    return tomllib.loads("".join(li[2:] if li.startswith("# ") else li[1:] for li in lines))


@pytest.mark.parametrize(
    ("modules", "packages", "dependencies"),
    [
        ([], {}, ["expt-runner"]),
        (["os.path", "numpy.linalg", "expt", "matplotlib.pyplot"], {}, ["expt-runner"]),
        (["scipy.stats", "scipy.io"], {"SciPy": "1.14.1"}, ["expt-runner", "SciPy==1.14.1"]),
        (["my_package"], {"my-package": "1.0+local"}, ["expt-runner", "my-package==1.0+local"]),
        (["yaml_not_there"], {}, ["expt-runner", "yaml_not_there"]),
        (["dateutil"], {"python-dateutil": "2.9"}, ["expt-runner", "python-dateutil==2.9"]),
        (["odd"], {"odd": '1"\n# x'}, ["expt-runner", "odd"]),
        (["größe", ""], {}, ["expt-runner"]),
    ],
)
def test_a_script_needs_expt_and_what_it_imports(
    modules: list[str], packages: dict[str, str], dependencies: list[str]
) -> None:
    block = metadata_block(modules, packages)
    assert read_metadata(block + "\n") == {
        "requires-python": ">=3.11",
        "dependencies": dependencies,
    }


@pytest.mark.inline
def test_each_script_that_expt_makes_begins_with_its_block(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/helpers.py": "import dateutil.parser\n\ndef help(): pass\n",
            "experiments/a.py": """
            import PIL
            import helpers

            def experiment_a(track, lr=0.1):
                for step in range(3):
                    track("loss", lr)

            def experiment_b(track):
                track("loss", 1.0)

            def analysis_a(run):
                import PIL.Image
                helpers.help()
            """,
        }
    )
    done = sandbox.expt("experiments", "--sweep", "lr=1,2", render=True)
    assert done.exit_code == 0, done.stderr
    packages = sandbox.run().environment["packages"]
    assert sandbox.expt("analyze", "-o", "many.py").exit_code == 0
    one, two = (next(r for r in sandbox.runs() if r.experiment.endswith(f"_{n}")) for n in "ab")
    pillow = next(name for name in packages if name.lower() == "pillow")
    needs = {
        one.path / "analysis.py": [
            f"{pillow}=={packages[pillow]}",
            f"python-dateutil=={packages['python-dateutil']}",
        ],
        two.path / "analysis.py": [],
        sandbox.root / "many.py": [],
    }
    (together,) = sandbox.root.glob("runs/.sessions/*/analysis.py")
    for script, needed in {**needs, together: []}.items():
        text = script.read_text()
        assert text.startswith("# /// script\n"), script
        assert sorted(read_metadata(text)["dependencies"]) == sorted(["expt-runner", *needed])
