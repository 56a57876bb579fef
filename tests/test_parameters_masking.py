"""Secrets are written nowhere, and what is no secret is not rewritten."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from expt.parameters.masking import make_scrubber, mask_patch, mask_source
from expt.parameters.secret_values import Secrets

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

HUNTER = Secrets(
    ("hunter2", "test", 'q"uo\\te', "long-and-unmistakable", "twelve-chars"), frozenset({"token"})
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("with hunter2.", "with ***."),
        ("key_hunter2", "key_***"),
        ("hunter25 xhunter2", "hunter25 xhunter2"),
        ("the latest test", "the latest test"),
        ("xlong-and-unmistakablex xtwelve-charsx", "x***x x***x"),
        ('{"a": "q\\"uo\\\\te"}', '{"a": "***"}'),
        ("", ""),
    ],
)
def test_whole_words_of_some_length_are_masked(text: str, clean: str) -> None:
    assert make_scrubber(HUNTER.texts)(text) == clean


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ('x = "hunter2"  # hunter2\n', 'x = "***"  # ***\n'),
        ("hunter2 = 1\n", "hunter2 = 1\n"),
        ("x = 'test'  # test\n", "x = 'test'  # test\n"),
        ('def f(db_password: str = "test", b="test"): ...\n', None),
        ('def f(é="é", *, token="t"): ...\n', 'def f(é="é", *, token="***"): ...\n'),
        ('def f(a: list[Secret] = ["t"]): ...\n', 'def f(a: list[Secret] = ["***"]): ...\n'),
        ('x = """a\nhunter2\n"""\n', 'x = """a\n***\n"""\n'),
        ('x = "q\\"uo\\\\te"\n', 'x = "***"\n'),
        ('password = read("test")\n', 'password = read("test")\n'),
        ("x = (\n", "x = (\n"),
    ],
)  # fmt: skip
def test_code_is_masked_in_strings_and_comments_alone(source: str, clean: str | None) -> None:
    """case: secret-short"""
    if clean is None:
        clean = 'def f(db_password: str = "***", b="test"): ...\n'
    assert mask_source("a.py", source.encode(), HUNTER) == clean.encode()


def test_a_file_without_secrets_is_the_same_bytes() -> None:
    content = b"\xff\r\nx = 1"
    assert mask_source("a.py", content, HUNTER) is content


PARAMS = """\
# api_key = "old-one"
api_key = "a"          # a note
tags = ["x", "y"]
url = "http://a"
my_password = \"\"\"
two
lines\"\"\"
secret = { a = "b", n = 1 }
token = 't'
ref_api_key = "${MY_KEY}"
default_api_key = "${MY_KEY:-fall}"
db.password = "p"
[[hosts]]
name = "n"
password = "q"
[experiment_other]
passwd = ["r", "s"]
[expt.variants.prod]
api_key = "v"
token = "w"
[expt.smoke]
o = { passwd = "u", user = "me" }
[expt.sweep]
password = ["x1", "x2"]
"""


def test_params_toml_is_masked_by_key_in_every_table() -> None:
    clean = mask_source("a/params.toml", PARAMS.encode(), HUNTER).decode()
    values = tomllib.loads(clean)
    mask = "***"
    assert values == {
        "api_key": mask, "tags": ["x", "y"], "url": "http://a", "my_password": "***\n\n",
        "secret": {"a": mask, "n": 1}, "token": mask, "ref_api_key": "${MY_KEY}",
        "default_api_key": mask, "db": {"password": mask},
        "hosts": [{"name": "n", "password": mask}],
        "experiment_other": {"passwd": [mask, mask]},
        "expt": {
            "variants": {"prod": {"api_key": mask, "token": mask}},
            "smoke": {"o": {"passwd": mask, "user": "me"}},
            "sweep": {"password": [mask, mask]},
        },
    }  # fmt: skip
    assert "old-one" not in clean
    assert clean.count("\n") == PARAMS.count("\n")


def test_a_patch_is_masked_on_both_sides() -> None:
    patch = (
        "diff --git a/x/params.toml b/x/params.toml\n--- a/x/params.toml\n+++ b/x/params.toml\n"
        '@@ -1,4 +1,4 @@\n [db]\n-password = "rotated"\n+password = "new"\n lr = "1"\n'
        '-token = "t"\n-old = {passwd = "p"}\n'
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n"
        "-def f(db_password='was'): ...\n+x = 'hunter2'\n"
    )
    clean = mask_patch(patch.encode(), HUNTER).decode()
    for secret in ("rotated", "new", '"t"', '"p"', "was", "hunter2"):
        assert secret not in clean, secret
    assert ' lr = "1"\n' in clean


# End to end


def grep(sandbox: Sandbox, text: str) -> list[Path]:
    files = (path for path in (sandbox.root / "runs").rglob("*") if path.is_file())
    return [path for path in files if text.encode() in path.read_bytes() or text in path.name]


def test_a_short_secret_rewrites_no_evidence(sandbox: Sandbox) -> None:
    """case: secret-short"""
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_test(track, db_password: str = "test", lr: float = 0.1):
                    track("loss", 1.0)
                    print("latest test loss is", 0.5)

                def analysis_test(run): print(run)
            """
        }
    )
    assert sandbox.expt(render=True).exit_code == 0
    record, path = sandbox.record(), sandbox.run().path
    code = (path / "code/experiments/a.py").read_bytes()
    ast.parse(code)
    assert b'db_password: str = "***", lr' in code
    assert hashlib.sha256(code).hexdigest() == record["sources"]["experiments/a.py"][1]
    assert record["notices"] == ["secrets are masked in code/experiments/a.py"]
    assert "latest test loss is 0.5\n" in sandbox.run().log
    assert "def analysis_test" in (path / "analysis.py").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "token=hunter2", "-p", "token=new-one"],
        ["-p", "experiment_s:token=hunter2", "-p", "token=new-one"],
        ["-p=token=hunter2", "-ptoken=new-one"],
        ["--sweep", "token=hunter2,hunter3"],
        ["--sweep=token=hunter2,hunter3", "-p", "token=x"],
    ],
)
def test_a_word_that_sets_a_secret_is_masked_whichever_wins(
    sandbox: Sandbox, words: list[str]
) -> None:
    """case: secret-command"""
    sandbox.write(
        {
            "experiments/s.py": """
                from expt import Secret
                def experiment_s(track, token: Secret): track("a", 1.0)
            """
        }
    )
    done = sandbox.expt(*words)
    assert done.exit_code == 0, done.stderr
    assert grep(sandbox, "hunter") == []
    assert "token=***" in "".join(sandbox.record()["command"])


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("annotation", "typed"),
    [
        ("list[Secret]", 'tokens=["hunter2"]'),
        ("dict[str, Secret]", 'tokens={a="hunter2"}'),
        ("list[dict[str, str]]", 'tokens=[{password="hunter2", user="me"}]'),
    ],
)
def test_lists_and_tables_of_secrets_run_and_are_masked(
    sandbox: Sandbox, workers: str, annotation: str, typed: str
) -> None:
    """case: secret-list"""
    sandbox.write(
        {
            "experiments/s.py": f"""
                from expt import Secret
                def experiment_s(tokens: {annotation}): print("hunter2" in str(tokens), "hunter2")
            """
        }
    )
    done = sandbox.expt("-n", workers, "-p", typed)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert grep(sandbox, "hunter2") == []


def test_the_log_of_a_lost_run_has_no_secret(sandbox: Sandbox) -> None:
    """case: secret-lost-log"""
    sandbox.write(
        {
            "experiments/s.py": """
                import logging, sys, time
                from expt import Secret

                def experiment_s(token: Secret):
                    print("asking with", token)
                    logging.warning("warned of %s", token)
                    sys.__stderr__.write(f"{token}\\n")
                    open("ready", "w").close()
                    time.sleep(30)
            """
        }
    )
    process = sandbox.start("-p", "token=hunter2")
    for _ in range(300):
        if (sandbox.root / "ready").exists():
            break
        time.sleep(0.1)
    process.kill()
    process.communicate()
    assert sandbox.run().log.count("***") == 3
    assert grep(sandbox, "hunter2") == []


def test_no_params_toml_and_no_patch_of_an_archive_has_a_secret(sandbox: Sandbox) -> None:
    """case: secret-params-snapshot"""
    sandbox.write(
        {
            "experiments/params.toml": """
                api_key = "SECRET-SHADOWED"
                [experiment_other]
                password = "SECRET-OF-ANOTHER-EXPERIMENT"
                [expt.variants.prod]
                api_key = "SECRET-OF-A-VARIANT"
                [expt.smoke]
                api_key = "SECRET-OF-SMOKE"
            """,
            "experiments/sub/params.toml": """
                api_key = "SECRET-NEAREST"
                esc_password = "SECRET-\\"quoted\\""
                [db]
                password = "SECRET-ROTATED"
            """,
            "experiments/sub/s.py": """
                def experiment_s(api_key: str, esc_password: str, db: dict): ...
                def experiment_other(password: str): ...
            """,
        }
    )
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        name = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *name, *words], cwd=sandbox.root, check=True)
    place = sandbox.root / "experiments/sub/params.toml"
    place.write_text(place.read_text().replace("ROTATED", "NEW"))
    assert sandbox.expt("-k", "experiment_s").exit_code == 0
    assert (sandbox.run().path / "code/uncommitted.patch").exists()
    assert grep(sandbox, "SECRET") == []
