"""Runs sent to an MLflow server by its REST API, without MLflow.

find or make the experiment ─► find or make the run ─► log-batch … ─► artifacts ─► update: ended

A run is found again by its tag `expt.id`: what was sent once is completed, not doubled. The user
and password, or token, are those that MLflow's client takes from the environment.
https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import math
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from expt.exchange.mlflow_words import ID_TAG, tell_run
from expt.ground.errors import ExptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.exchange.mlflow_words import MlflowRun
    from expt.reading.run import Run

_ADDRESS: Final = re.compile(r"https?://", re.IGNORECASE)
_PROXY: Final = "mlflow-artifacts:"
_METRICS: Final = 500  # in one request, of at most 1,000
_TEXTS: Final = 50  # of at most 100, each of 8,000 characters: a request has at most 1 MB
_TIMEOUT: Final = 30.0  # seconds for one answer
_MISSING: Final = 404


def is_address(destination: str) -> bool:
    """Whether a destination is a server's and no path."""
    return _ADDRESS.match(destination) is not None


def send_runs(runs: Sequence[Run], address: str) -> Iterator[str]:
    """Send them; what the server does not take of them. Raises `ExptError`, `OSError`."""
    server = _Server(address)
    unsent: dict[str, None] = {}
    infinite = False
    for run in runs:
        told = tell_run(run)
        experiment = server.find_experiment(told.experiment)
        run_id, uri = server.find_run(experiment, told)
        infinite |= server.log(run_id, told)
        if told.artifacts and not server.upload(uri, told.artifacts):
            unsent[uri] = None
        server.end(run_id, told)
    if unsent:
        yield f"files: the server takes none, its artifacts are at {', '.join(unsent)}"
    if infinite:
        yield "infinite numbers, which a server keeps as the largest double"


class _Server:
    def __init__(self, address: str) -> None:
        parts = urllib.parse.urlsplit(address)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port else ""
        self.base = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
        self._headers = {"User-Agent": "expt", **_credentials(parts.username, parts.password)}

    def find_experiment(self, name: str) -> str:
        query = urllib.parse.urlencode({"experiment_name": name})
        found = self._ask("GET", f"experiments/get-by-name?{query}", missing=True)
        if found is None:
            return str(self._ask("POST", "experiments/create", {"name": name})["experiment_id"])
        return str(found["experiment"]["experiment_id"])

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
            runs = [self._ask("POST", "runs/create", begun)["run"]]
        info = runs[0]["info"]
        return str(info["run_id"]), str(info.get("artifact_uri", ""))

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

    def upload(self, uri: str, files: Mapping[str, Path | bytes]) -> bool:
        """Send the files, where the server takes them itself."""
        if not uri.startswith(_PROXY):
            return False
        folder = urllib.parse.urlsplit(uri).path.strip("/")
        for name, content in files.items():
            place = urllib.parse.quote(f"{folder}/{name}")
            data = content if isinstance(content, bytes) else content.read_bytes()
            self._call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", data, {})
        return True

    def end(self, run_id: str, told: MlflowRun) -> None:
        ended = {"run_id": run_id, "status": told.status, "end_time": told.end}
        self._ask("POST", "runs/update", ended)

    def _ask(self, method: str, what: str, content: Any = None, *, missing: bool = False) -> Any:
        data = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        answer = self._call(method, f"/api/2.0/mlflow/{what}", data, headers, missing=missing)
        if answer is None:
            return None
        try:
            return json.loads(answer or b"{}")
        except ValueError:
            raise self._failure("it answers no JSON: is it an MLflow server?") from None

    def _call(
        self,
        method: str,
        place: str,
        data: bytes | None,
        headers: Mapping[str, str],
        *,
        missing: bool = False,
    ) -> bytes | None:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self.base + place, data, {**self._headers, **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            if missing and error.code == _MISSING:
                return None
            raise self._failure(f"it answers {error.code}: {_message(error)}") from None
        except http.client.HTTPException as error:
            raise self._failure(type(error).__name__) from None
        except OSError as error:
            raise self._failure(str(getattr(error, "reason", error))) from None

    def _failure(self, why: str) -> ExptError:
        return ExptError(f"the MLflow server was not told: {why}", self.base)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        told = json.loads(error.read(10_000))
        return str(told["message"])[:300]
    except (OSError, ValueError, LookupError, TypeError):
        return error.reason or ""


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
