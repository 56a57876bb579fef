"""`expt schema`: what it writes is what a validator names mistakes by."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

jsonschema = pytest.importorskip("jsonschema", reason="of the extra 'test'")

TREE = {
    "experiments/params.toml": """
        #:schema params.schema.json
        lr = 0.1  # step size [1/s]
        db = "mysql"

        [experiment_train]
        epochs = 3

        [expt]
        marks = ["slow"]

        [expt.smoke]
        epochs = "${EPOCHS}"

        [expt.choices.db.mysql]
        port = 1

        [expt.sweep]
        epochs = {range = [1, 4]}
        """,
    "experiments/conftest.py": """
        import expt

        @expt.provider
        def data(size: int):
            return [0] * size
        """,
    "experiments/deep/params.toml": "width = 3\n",
    "experiments/deep/train.py": '''
        from dataclasses import dataclass
        from typing import Annotated, Literal

        @dataclass
        class Model:
            width: Annotated[int, "units"] = 3

        def experiment_train(
            data, lr: float, db, epochs: int, optimizer: Literal["adam", "sgd"] = "sgd",
            model: Model = Model(),
        ):
            """Train.

            Args:
                epochs: passes over the data
            """
        ''',
    "experiments/deep/other.py": "def experiment_other(width: int | None = None, needed=True): ...",
}


def mistakes(sandbox: Sandbox, file: str, text: str) -> list[tuple[str, str]]:
    """What a validator says of a text, with the schema beside the file: where, and what."""
    path = (sandbox.root / file).with_name("params.schema.json")
    validator = jsonschema.Draft7Validator(json.loads(path.read_text()))
    validator.check_schema(validator.schema)
    found = validator.iter_errors(tomllib.loads(text))
    told = [jsonschema.exceptions.best_match([one]) for one in found]
    return sorted((".".join(map(str, one.absolute_path)), one.message) for one in told)


@pytest.fixture(scope="module")
def tree(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.write(TREE)
    done = shared_sandbox.expt("schema")
    assert done.exit_code == 0, done.stderr
    assert done.lines == [
        "wrote experiments/params.schema.json",
        "wrote experiments/deep/params.schema.json",
        "an editor finds it by a first line: #:schema params.schema.json",
        "which is not in: experiments/deep/params.toml",
    ]
    return shared_sandbox


def test_the_files_as_they_are_have_no_mistakes(tree: Sandbox) -> None:
    for file in ("experiments/params.toml", "experiments/deep/params.toml"):
        assert mistakes(tree, file, (tree.root / file).read_text()) == []


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("lrr = 0.1", "", "'lrr' was unexpected"),
        ('lr = "fast"', "lr", "'fast'"),
        ("epochs = 1.5", "epochs", "1.5 is not of type 'integer', 'string'"),
        ('optimizer = "adm"', "optimizer", "'adm'"),
        ("model.widht = 3", "model", "'widht' was unexpected"),
        ("model = {width = true}", "model.width", "True"),
        ("db = 'mysqll'", "db", "'mysqll'"),
        ("[experiment_train]\nwidth = 3", "experiment_train", "'width' was unexpected"),
        ("[experiment_trian]\nlr = 3", "", "'experiment_trian' was unexpected"),
        ("[expt]\nlr = 3", "expt", "'lr' was unexpected"),
        ("[expt.smoke]\nlr = true", "expt.smoke.lr", "True"),
        ("[expt.variants.big]\nlrr = 1", "expt.variants.big", "'lrr' was unexpected"),
    ],
)
def test_a_mistake_is_named_where_it_stands(
    tree: Sandbox, text: str, where: str, what: str
) -> None:
    ((found, message),) = mistakes(tree, "experiments/params.toml", text)
    assert found == where
    assert what in message


def test_what_is_known_of_a_parameter_stands_in_the_schema(tree: Sandbox) -> None:
    schema = json.loads((tree.root / "experiments/params.schema.json").read_text())
    properties: dict[str, Any] = schema["properties"]
    assert properties["lr"]["description"] == "step size [1/s]"
    assert properties["epochs"]["description"] == "passes over the data"
    assert properties["optimizer"]["default"] == "sgd"
    assert properties["needed"]["default"] is True
    assert {"enum": ["adam", "sgd"]} in properties["optimizer"]["anyOf"]
    assert properties["model"]["properties"]["width"]["description"] == "units"
    assert {"size", "seed", "experiment_train", "experiment_other"} <= properties.keys()
    assert "data" in properties
    assert "track" not in properties


def test_check_names_what_is_old_and_writes_nothing(tree: Sandbox) -> None:
    assert tree.expt("schema", "--check").exit_code == 0
    source = tree.root / "experiments/deep/other.py"
    before = source.read_text()
    source.write_text(before.replace("needed=True", "needed=True, more: int = 1"))
    try:
        done = tree.expt("schema", "--check")
    finally:
        source.write_text(before)
    assert done.exit_code == 1
    assert done.lines == [
        "experiments/params.schema.json is not what 'expt schema' writes",
        "experiments/deep/params.schema.json is not what 'expt schema' writes",
    ]
    assert tree.expt("schema", "--check").exit_code == 0


def test_a_file_means_its_folder_since_all_below_it_counts(tree: Sandbox) -> None:
    told = tree.expt("schema", "experiments/deep/other.py", "--json").json()
    assert list(told) == ["experiments/deep/params.schema.json"]
    assert "epochs" in told["experiments/deep/params.schema.json"]["properties"]


def test_a_schema_is_not_written_from_half_of_the_experiments(sandbox: Sandbox) -> None:
    sandbox.write({**TREE, "experiments/deep/other.py": "import nothing_there\n" + SOURCE})
    done = sandbox.expt("schema")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "nothing_there" in done.stderr
    assert not (sandbox.root / "experiments/params.schema.json").exists()


SOURCE = "def experiment_other(): ..."


def test_new_writes_the_line_that_editors_look_for_and_the_schema(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a(lr: float = 0.1): ..."})
    base = "experiments/a.py::experiment_a"
    done = sandbox.expt("new", "experiments/big", "--extends", base)
    assert done.exit_code == 0, done.stderr
    text = (sandbox.root / "experiments/big/params.toml").read_text()
    assert text.startswith("#:schema params.schema.json\n")
    assert mistakes(sandbox, "experiments/big/params.toml", text) == []
    ((where, _),) = mistakes(sandbox, "experiments/big/params.toml", "lr = true")
    assert where == "lr"


def test_no_default_of_a_secret_stands_in_a_schema(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": "lr = 1.0",
            "experiments/a.py": """
            from dataclasses import dataclass
            import expt

            @dataclass
            class Login:
                password: str = "hunter2"

            def experiment_a(
                lr: float, password="hunter2", key: expt.Secret = expt.Secret("hunter2"),
                login: Login = Login(), table={"api_key": "hunter2"},
            ): ...
            """,
        }
    )
    assert sandbox.expt("schema").exit_code == 0
    text = (sandbox.root / "experiments/params.schema.json").read_text()
    assert "password" in text
    assert "hunter2" not in text
