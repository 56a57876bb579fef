"""What must not be written is found by its annotation or its exact name, and masked."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from expt.ground.declarations import Secret
from expt.parameters.secret_values import is_secret_name
from expt.parameters.secrets import find_secrets, mask_argument


@attrs.frozen
class Account:
    user: str
    token: Secret
    password: str = "x"


@pytest.mark.parametrize(
    "name",
    [
        "password", "passwd", "secret", "api_key", "access_token", "auth_token", "wandb_api_key",
        "db_password", "_password",
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens", "token", "tokens", "secrets", "secret_name", "password_length", "passwords",
        "api_keys", "apikey", "key", "author", "auth", "",
    ],
)  # fmt: skip
def test_names_that_are_no_secret(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "value", "annotation", "found"),
    [
        ("lr", 0.1, Any, {}),
        ("max_tokens", 2048, int, {}),
        ("max_tokens", "2048", str, {}),
        ("password", "x", Any, {"password": True}),
        ("password", 3, int, {}),
        ("password", None, str | None, {}),
        ("key", "x", Secret, {"key": False}),
        ("key", "x", Secret | None, {"key": False}),
        ("key", None, Secret | None, {"key": False}),
        ("password", "x", Secret, {"password": False}),
        ("key", Secret("x"), Any, {"key": False}),
        ("keys", ["x"], list[Secret], {"keys": False}),
        ("api_key", ["a", "b"], Any, {"api_key": True}),
        ("db", {"user": "a", "password": "x"}, Any, {"db.password": True}),
        ("db", {"a.b": {"password": "x"}}, Any, {'db."a.b".password': True}),
        ("secret", {"a": "x", "n": 1}, Any, {"secret.a": True}),
        (
            "account",
            {"user": "a", "token": "t", "password": "p"},
            Account,
            {"account.token": False, "account.password": True},
        ),
        (
            "account",
            Account("a", Secret("t")),
            Account,
            {"account.token": False, "account.password": True},
        ),
    ],
)
def test_secrets_are_found_with_why(
    name: str, value: Any, annotation: Any, found: dict[str, bool]
) -> None:
    assert find_secrets(name, value, annotation) == found


@pytest.mark.parametrize(
    ("argument", "masked"),
    [
        ("password=hunter2", "password=***"),
        ("password=", "password=***"),
        ("password=a=b", "password=***"),
        ("password=a\nb", "password=***"),
        ("-ppassword=x", "-ppassword=***"),
        ("-p=password=x", "-p=password=***"),
        ("--sweep=password=a,b", "--sweep=password=***"),
        ("--api-key=x", "--api-key=***"),
        ("password:=x", "password:=***"),
        ("api_key+=x", "api_key+=***"),
        ("db.password=x", "db.password=***"),
        ("experiment_a:db_password=x", "experiment_a:db_password=***"),
        ('db={user="a", password="x"}', "db=***"),
        ('dbs=[{password="x"}]', "dbs=***"),
        ('o={a={password="x"}}', "o=***"),
        ("token=x", "token=***"),
        ("token.inner=x", "token.inner=***"),
        ("o.key=x", "o.key=***"),
        ('o={key="x"}', "o=***"),
        ("seed=3", "seed=3"),
        ("max_tokens=2048", "max_tokens=2048"),
        ("o.lr=1", "o.lr=1"),
        ("experiments/", "experiments/"),
        ("password", "password"),
        ("--note=see password", "--note=see password"),
        ("not a name=x", "not a name=x"),
        ("", ""),
        ("-p", "-p"),
        ("=", "="),
    ],
)
def test_a_word_of_the_command_line_is_masked(argument: str, masked: str) -> None:
    assert mask_argument(argument, {"token", "o.key"}) == masked
