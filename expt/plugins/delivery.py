"""The process that `notify` starts: it posts one message, and may outlive the session by seconds.

It is a script on the standard library alone, so that it is ready while the session still runs. The
message comes as a line of JSON on stdin; without one (the session was killed) nothing is sent.
What went wrong is told on stdout.
"""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.request
from typing import Any, Final

TIMEOUT: Final = 10.0  # seconds for one answer of the network


def post(address: str, content: Any) -> str:
    """Post `content` as JSON; why it could not be done, or an empty text."""
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        address,
        json.dumps(content).encode(),
        {"Content-Type": "application/json", "User-Agent": "expt"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code} {error.reason}"
    except http.client.HTTPException as error:  # it may name the path, which may be a secret
        return type(error).__name__
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return str(reason) or type(error).__name__


if __name__ == "__main__":
    line = sys.stdin.readline()
    if line:
        sys.stdout.write(post(*json.loads(line)))
