"""What `import expt` offers: run, session, load, stop; each in a process of a user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

CURVE = """
import os
import expt

@expt.provider(scope="session")
def base():
    with open("made.txt", "a") as file:
        file.write("x")
    return 1.0

def experiment_curve(base, alpha: float = 1.0):
    if alpha > 50:
        os._exit(3)
    return {"y": (alpha - 3) ** 2 + base, "pid": os.getpid()}

experiment_steep = expt.extends(experiment_curve)

def experiment_other():
    pass
"""


@pytest.mark.inline
def test_stop_completes_a_run_with_the_reason(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
            import expt

            def experiment_x(track, results):
                for step in range(10):
                    track("loss", step)
                    results["best"] = step
                    if step == 2:
                        try:
                            expt.stop("pruned")
                        except Exception:
                            pass
                return {"never": 1}

            def analysis_x(run):
                print("analysed", run.results["best"])
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    run = sandbox.run()
    assert (run.status, run.results, len(run.series["loss"])) == ("completed", {"best": 2}, 3)
    assert run.notices == ("stopped: pruned",)
    assert "analysed 2" in run.log
    assert "stopped: pruned" in sandbox.expt("show", "latest").stdout


def test_run_takes_a_function(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "plugins = ['no:script']",
            "experiments/curve.py": CURVE,
            "script.py": """
            import os

            import expt
            from experiments.curve import experiment_curve, experiment_steep

            if __name__ == "__main__":
                for function, n in ((experiment_curve, 1), (experiment_steep, 0)):
                    runs = expt.run(function, params={"alpha": 5.0}, n=n, options=["--no-render"])
                    print([(run.experiment, run.results["y"]) for run in runs])
                expt.run(experiment_steep, n=0, devices="7", options=["--no-render"])
                print(os.environ.get("EXPT_DEVICE"))
                try:
                    expt.run(print)
                except TypeError as error:
                    print(error)
            """,
        }
    )
    done = sandbox.python("script.py")
    assert done.lines == [
        "[('experiments/curve.py::experiment_curve', 5.0)]",
        "[('experiments/curve.py::experiment_steep', 5.0)]",
        "None",
        "an experiment is a path or a function that a file defines, and <built-in function print> "
        "is neither",
    ], done


def test_run_takes_the_options_of_the_command_by_their_names(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "plugins = ['no:script']",
            "experiments/first.py": """
                from pathlib import Path

                def experiment_one(lr: float = 0.1):
                    tries = Path(f"tries-{lr}")
                    tries.touch()
                    tries.open("a").write("x")
                    if lr == 2 and len(tries.read_text()) < 2:
                        raise OSError("not yet")
                    return lr
            """,
            "ask.py": """
                import expt

                words = dict(sweep={"lr": [1, 2]}, junitxml="told.xml", tag=["a", "b"], ff=False)
                runs = expt.run("experiments", options=["--no-render"], retries=1, n=2, **words)
                print(sorted(run.results["value"] for run in runs), runs[0].tags)
                words["sweep"]["lr"].append(3)
                words["options"] = ["--no-render", "-n", "0"]
                again = expt.run("experiments", resume=True, **words)
                print([run.results["value"] for run in again], again[0].id in {r.id for r in runs})
                for wrong in ({"resum": True}, {"plan": True}, {"retries": "many"}):
                    try:
                        expt.run("experiments", **wrong)
                    except expt.ExptError as error:
                        print(str(error).splitlines()[0])
            """,
        }
    )
    done = sandbox.python("ask.py")
    assert done.lines == [
        "[1.0, 2.0] ('a', 'b')",
        "[1.0, 2.0, 3.0] True",
        "there is no option '--resum'",
        "'--plan' runs nothing: it is for the command",
        "argument --retries: a whole number, not 'many'",
    ], done
    assert "experiment_one[lr-3]" in (sandbox.root / "told.xml").read_text()
    assert len(sandbox.runs()) == 4


def test_a_session_keeps_its_workers_and_session_providers(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/curve.py": CURVE
            + """
def analysis_session_all(runs):
    print("session of", len(runs))
""",
            "script.py": """
            import expt
            from experiments.curve import experiment_curve

            if __name__ == "__main__":
                with expt.session(experiment_curve, options=["--no-render"]) as session:
                    alpha, best = 0.0, None
                    while best is None or best.results["y"] > 1.0:
                        (run,) = session.run(alpha=alpha)
                        best, alpha = run, alpha + 1
                    print(alpha - 1, len({run.results["pid"] for run in expt.runs()}))
                    (dead,) = session.run(alpha=99)
                    print(dead.status, dead.error.type, dead.params["alpha"])
                    (run,) = session.run(alpha=3)
                    print(run.results["y"])
                    try:
                        session.run(alhpa=1)
                    except expt.ExptError as error:
                        print(error)
            """,
        }
    )
    done = sandbox.python("script.py")
    assert done.lines[:3] == ["3.0 1", "failed WorkerDied 99.0", "1.0"], done
    assert "did you mean 'alpha'?" in done.stdout
    assert (sandbox.root / "made.txt").read_text() == "xx"  # again after the worker died
    runs = sandbox.runs()
    (session,) = {run.lineage["session"] for run in runs}
    log = sandbox.root / "runs" / ".sessions" / str(session) / "output.log"
    assert log.read_text() == "session of 6\n"


@pytest.mark.inline
def test_a_packed_archive_is_loaded_as_it_is(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/curve.py": CURVE})
    assert sandbox.expt("-k", "experiment_curve").exit_code == 0
    assert sandbox.expt("pack", "latest", "-o", "one.zip").exit_code == 0
    (sandbox.root / "runs").rename(sandbox.root / "gone")
    sandbox.write(
        {
            "script.py": """
            import expt
            run = expt.load("one.zip")
            path = run.path
            again = run.reload()
            del run
            print(again.results["y"], path.exists(), len(again.code))
            del again
            print(path.exists())
            """
        }
    )
    assert sandbox.python("script.py").lines == ["5.0 True 1", "False"]
    assert "y" in sandbox.expt("show", "one.zip").stdout


@pytest.mark.inline
def test_several_in_one_file_are_named(sandbox: Sandbox) -> None:
    from expt.ground.errors import NoSuchRun

    sandbox.write({"experiments/curve.py": CURVE})
    assert sandbox.expt("-k", "not other").exit_code == 0
    assert sandbox.expt("pack", "-k", "not other", "-o", "two.zip").exit_code == 0
    with pytest.raises(NoSuchRun, match="2 runs are packed in this file"):
        sandbox.run(str(sandbox.root / "two.zip"))


def test_an_analysis_of_the_session_gets_the_runs_that_it_goes_with_once(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/conftest.py": """
            def analysis_session_all(runs):
                print("all", sorted(run.experiment.rpartition("::")[2] for run in runs))
                raise ValueError("broken")
            """,
            "experiments/a.py": """
            def experiment_a(x: int = 1):
                return x

            def analysis_session_mean(runs):
                mean = sum(run.results["value"] for run in runs) / len(runs)
                print("mean", mean)
                path = runs.save("mean.json", {"mean": mean})
                print(path.name)
            """,
            "experiments/b.py": "def experiment_b(): assert False",
        }
    )
    done = sandbox.expt("--sweep", "x=1,2,6", "-n", "2")
    assert done.exit_code == 1
    assert "analysis_session_all failed: ValueError: broken" in done.stdout + done.stderr
    (folder,) = (sandbox.root / "runs" / ".sessions").iterdir()
    log = (folder / "output.log").read_text().splitlines()
    assert log[0] == "all ['experiment_a', 'experiment_a', 'experiment_a', 'experiment_b']"
    assert log[-2:] == ["mean 3.0", "mean.json"]
    assert (folder / "artifacts" / "mean.json").exists()


def test_help_of_a_script_lists_its_parameters_with_their_words(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
            from typing import Annotated
            import expt

            def experiment_x(lr: Annotated[float, "step size", "1/s"] = 0.1):
                pass

            expt.main()
            """
        }
    )
    done = sandbox.python("experiments/x.py", "--help")
    assert done.exit_code == 0, done
    assert done.lines[0].startswith("python experiments/x.py [-p NAME=VALUE]")
    told = " ".join(done.stdout.split())
    assert "lr 0.1 default experiments/x.py:4 step size [1/s]" in told
    assert not (sandbox.root / "runs").exists()


def test_a_run_inside_a_run_draws_and_keeps_what_its_session_does(sandbox: Sandbox) -> None:
    """Siblings of the case nested-run-hides-timeout: --no-render and --no-cache."""
    sandbox.write(
        {
            "experiments/a.py": """
                import expt

                def experiment_outer():
                    expt.run("experiments", k="inner", n=0)
                """,
            "experiments/inner.py": """
                from expt import provider

                @provider(cache=True)
                def made(): return 1

                def experiment_inner(track, made):
                    track("loss", 1.0)
                    track("loss", 2.0)
                """,
        }
    )
    for words, drawn in ((["--no-render", "--no-cache"], 0), ([], 1)):
        assert sandbox.expt("-k", "outer", *words, render=True).exit_code == 0
        kept = [path for path in (sandbox.root / "runs/.cache").rglob("*") if path.is_file()]
        (run,) = [run for run in sandbox.runs()[:2] if "inner" in run.experiment]
        assert len(list((run.path / "plots").glob("*.png"))) == drawn
        assert bool(kept) is bool(drawn)
