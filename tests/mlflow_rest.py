"""A small server that speaks what MLflow documents of its REST API, and keeps what it is told.

https://mlflow.org/docs/latest/rest-api.html. Nothing of expt is in it.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs


@attrs.define
class Kept:
    """What the server was told; `refuses` are paths that it answers with 500."""

    experiments: dict[str, str] = attrs.field(factory=dict)
    runs: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    files: dict[str, bytes] = attrs.field(factory=dict)
    headers: list[dict[str, str]] = attrs.field(factory=list)
    refuses: set[str] = attrs.field(factory=set)
    answers: dict[str, bytes] = attrs.field(factory=dict)
    """What it answers on paths that hold a word, in place of what MLflow does."""
    taken: set[str] = attrs.field(factory=set)
    """Experiments that somebody else makes before the next who wants to."""


class MlflowRest:
    """A context: the server, its address and what it keeps."""

    def __init__(self, *, proxies: bool = True) -> None:
        self.kept = kept = Kept()
        root = "mlflow-artifacts:/" if proxies else "s3://bucket/"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _answer(self, kept, root)

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MlflowRest:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(handler: BaseHTTPRequestHandler, kept: Kept, root: str) -> None:
    parts = urllib.parse.urlsplit(handler.path)
    content = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    kept.headers.append(dict(handler.headers))
    code, told = 200, dict[str, Any]()
    if any(word in parts.path for word in kept.refuses):
        code, told = 500, {"error_code": "INTERNAL_ERROR", "message": "out of order"}
    elif parts.path.startswith("/api/2.0/mlflow-artifacts/artifacts/"):
        assert handler.command == "PUT"
        name = urllib.parse.unquote(parts.path.removeprefix("/api/2.0/mlflow-artifacts/artifacts/"))
        if "#" in name:  # as MLflow 3 does
            code, told = 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}
        else:
            kept.files[name] = content
    else:
        query = dict(urllib.parse.parse_qsl(parts.query))
        what = parts.path.removeprefix("/api/2.0/mlflow/")
        given = json.loads(content, parse_constant=_refuse) if content else query
        code, told = _perform(what, handler.command, given, kept, root)
    data = json.dumps(told).encode()
    for word, answer in kept.answers.items():
        code, data = (200, answer) if word in parts.path else (code, data)
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _perform(
    what: str, method: str, given: dict[str, Any], kept: Kept, root: str
) -> tuple[int, dict[str, Any]]:
    if (what, method) == ("experiments/get-by-name", "GET"):
        found = kept.experiments.get(given["experiment_name"])
        if found is None:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}
        return 200, {"experiment": {"experiment_id": found}}
    assert method == "POST"
    if what == "experiments/create":
        if given["name"] in kept.taken:
            kept.experiments[given["name"]] = "7"
            return 400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "there already"}
        kept.experiments[given["name"]] = str(len(kept.experiments) + 1)
        return 200, {"experiment_id": kept.experiments[given["name"]]}
    if what == "runs/search":
        asked = re.fullmatch(r"tags\.`expt\.id` = '(\w+)'", given["filter"])
        assert asked
        found = [run for run in kept.runs.values() if run["tags"]["expt.id"] == asked[1]]
        return 200, {"runs": [{"info": run["info"]} for run in found]} if found else {}
    if what == "runs/create":
        run_id = f"r{len(kept.runs)}"
        uri = f"{root}{given['experiment_id']}/{run_id}/artifacts"
        info = {"run_id": run_id, "artifact_uri": uri, "status": "RUNNING"}
        info["start_time"] = given["start_time"]
        tags = {tag["key"]: tag["value"] for tag in given["tags"]}
        kept.runs[run_id] = {"info": info, "tags": tags, "params": {}, "metrics": set()}
        return 200, {"run": {"info": info}}
    run = kept.runs[given["run_id"]]
    if what == "runs/update":
        run["info"] |= {key: given[key] for key in ("status", "end_time") if key in given}
        return 200, {"run_info": run["info"]}
    assert what == "runs/log-batch"
    assert len(json.dumps(given, ensure_ascii=False)) < 1_000_000
    assert len(given.get("metrics", ())) <= 1000
    assert len(given.get("params", ())) <= 100
    for part in ("params", "tags"):
        run[part] |= {one["key"]: one["value"] for one in given.get(part, ())}
    for one in given.get("metrics", ()):
        run["metrics"].add((one["key"], one["value"], one["timestamp"], one["step"]))
    return 200, {}
