"""Runs sent to an MLflow server by its REST API, without MLflow.

find or make the experiment ─► find or make the run ─► log-batch … ─► artifacts ─► update: ended

A run is found again by its tag `expt.id`: what was sent once is completed, not doubled. The user
and password, or token, are those that MLflow's client takes from the environment.
https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

import base64
import http.client
import io
import itertools
import json
import math
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from expt.exchange.leaving_out import named
from expt.exchange.mlflow_words import ID_TAG, tell_run
from expt.exchange.readable import write_each
from expt.ground.errors import ExptError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.exchange.mlflow_words import MlflowRun
    from expt.reading.run import Run

_ADDRESS: Final = re.compile(r"https?://", re.IGNORECASE)
_PROXY: Final = "mlflow-artifacts:"
_METRICS: Final = 500  # in one request, of at most 1,000
_TEXTS: Final = (
    25  # of at most 100; of 6,000 characters, 36,000 in JSON: a request has 1 MB at most
)
_TIMEOUT: Final = 30.0  # seconds for one answer
_LARGEST: Final = 1 << 26  # bytes of an answer
_PIECE: Final = 1 << 20  # bytes
_REFUSED: Final = 400
_MISSING: Final = 404


def is_address(destination: str) -> bool:
    """Whether a destination is a server's and no path."""
    return _ADDRESS.match(destination) is not None


def send_runs(runs: Sequence[Run], address: str) -> tuple[list[Run], list[str]]:
    """Send them: those that were, and what the server does not take. Raises `ExptError`, and
    `OSError` for files that cannot be read."""
    server = _Server(address)
    unsent: dict[str, None] = {}
    refused: dict[str, None] = {}
    infinite = False

    def send(run: Run) -> None:
        nonlocal infinite
        told = tell_run(run)
        experiment = server.find_experiment(told.experiment)
        run_id, uri = server.find_run(experiment, told)
        infinite |= server.log(run_id, told)
        if uri.startswith(_PROXY):
            refused.update(dict.fromkeys(server.upload(uri, told.artifacts)))
        elif told.artifacts:
            unsent[uri] = None
        server.end(run_id, told)

    sent, left_out = write_each(runs, send)
    if unsent:
        left_out.append(f"files: the server takes none, its artifacts are at {', '.join(unsent)}")
    if refused:
        left_out.append(f"files whose names the server does not take: {named(refused)}")
    if infinite:
        left_out.append("infinite numbers, which a server keeps as the largest double")
    return sent, left_out


class _Server:
    def __init__(self, address: str) -> None:
        try:
            parts = urllib.parse.urlsplit(address)
            host, number = parts.hostname or "", parts.port
        except ValueError as error:
            raise UsageError(f"that is no address of a server: {error}", address) from None
        host = f"[{host}]" if ":" in host else host
        port = f":{number}" if number else ""
        self.base = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
        self._headers = {"User-Agent": "expt", **_credentials(parts.username, parts.password)}

    def find_experiment(self, name: str) -> str:
        """The id of the experiment of that name, made if it is not there."""
        query = urllib.parse.urlencode({"experiment_name": name})
        look = ("GET", f"experiments/get-by-name?{query}")
        found = self._ask(*look, pardons=(_MISSING,))
        if found is None:
            made = self._ask("POST", "experiments/create", {"name": name}, pardons=(_REFUSED,))
            found = self._ask(*look) if made is None else {"experiment": made}
        return str(self._part(found, "experiment", "experiment_id", kind=str))

    def find_run(self, experiment: str, told: MlflowRun) -> tuple[str, str]:
        """The id of the run and where its artifacts go."""
        quoted = told.id.replace("'", "")
        query = {
            "experiment_ids": [experiment],
            "filter": f"tags.`{ID_TAG}` = '{quoted}'",
            "max_results": 1,
        }
        runs = self._ask("POST", "runs/search", query).get("runs") or []
        if not runs:
            begun = {
                "experiment_id": experiment,
                "run_name": told.name,
                "start_time": told.start,
                "tags": [{"key": ID_TAG, "value": told.id}],
            }
            runs = [self._part(self._ask("POST", "runs/create", begun), "run")]
        info = self._part(runs, 0, "info")
        return str(self._part(info, "run_id", kind=str)), str(info.get("artifact_uri", ""))

    def log(self, run_id: str, told: MlflowRun) -> bool:
        """Send values, metrics and tags; whether any number is infinite."""
        infinite = False
        for part, texts in (("params", told.params), ("tags", told.tags)):
            for some in _batches(texts.items(), _TEXTS):
                pairs = [{"key": key, "value": value} for key, value in some]
                self._ask("POST", "runs/log-batch", {"run_id": run_id, part: pairs})
        for batch in _batches(told.metrics, _METRICS):
            infinite |= any(math.isinf(metric.value) for metric in batch)
            metrics = [
                {
                    "key": metric.key,
                    "value": _number(metric.value),
                    "timestamp": metric.when,
                    "step": metric.step,
                }
                for metric in batch
            ]
            self._ask("POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics})
        return infinite

    def upload(self, uri: str, files: Mapping[str, Path | bytes]) -> Iterator[str]:
        """Send the files; the names of those that the server does not take."""
        folder = urllib.parse.urlsplit(uri).path.strip("/")
        for name, content in files.items():
            place = urllib.parse.quote(f"{folder}/{name}", errors="replace")
            headers = {"Content-Type": "application/octet-stream"}
            with io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                headers["Content-Length"] = str(size)
                answer = self._call(
                    "PUT",
                    f"/api/2.0/mlflow-artifacts/artifacts/{place}",
                    _pieces(file, size),
                    headers,
                    pardons=(_REFUSED, _MISSING),
                )
            if answer is None:
                yield name

    def end(self, run_id: str, told: MlflowRun) -> None:
        ended = {"run_id": run_id, "status": told.status}
        self._ask(
            "POST", "runs/update", ended | ({} if told.end is None else {"end_time": told.end})
        )

    def _ask(
        self, method: str, what: str, content: Any = None, *, pardons: Collection[int] = ()
    ) -> Any:
        """The table that it answers; None for an answer of `pardons`."""
        data = None
        if content is not None:
            data = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json"}
        answer = self._call(method, f"/api/2.0/mlflow/{what}", data, headers, pardons=pardons)
        if answer is None:
            return None
        try:
            told = json.loads(answer or b"{}")
        except (ValueError, RecursionError):
            raise self._failure("it answers no JSON: is it an MLflow server?") from None
        return self._part(told)

    def _part(self, answer: Any, *steps: str | int, kind: type = dict) -> Any:
        """What is down there in an answer: a table, or of the `kind` that it must have."""
        try:
            for step in steps:
                answer = answer[step]
            if isinstance(answer, kind):
                return answer
        except (LookupError, TypeError):
            pass
        raise self._failure("it answers otherwise than MLflow does: is it an MLflow server?")

    def _call(
        self,
        method: str,
        place: str,
        data: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        *,
        pardons: Collection[int] = (),
    ) -> bytes | None:
        try:
            request = urllib.request.Request(  # noqa: S310 - the scheme was checked
                self.base + place, data, {**self._headers, **headers}, method=method
            )
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                content: bytes = answer.read(_LARGEST + 1)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in pardons:
                    return None
                raise self._failure(f"it answers {error.code}: {_message(error)}") from None
        except http.client.HTTPException as error:
            raise self._failure(type(error).__name__) from None
        except OSError as error:
            raise self._failure(str(getattr(error, "reason", error))) from None
        except ValueError as error:  # of an address that no request can be made of
            raise self._failure(str(error)) from None
        if len(content) > _LARGEST:
            raise self._failure("its answer does not end")
        return content

    def _failure(self, why: str) -> ExptError:
        return ExptError(f"the MLflow server was not told: {why}", self.base)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        told = json.loads(error.read(10_000))
        return str(told["message"])[:300]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return str(error.reason or "")


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """So much of a file and no more, though a run may still write to it."""
    while size > 0 and (piece := file.read(min(_PIECE, size))):
        size -= len(piece)
        yield piece


def _number(value: float) -> Any:
    """As protocol buffers spell it in JSON."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user = user or os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = password or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
