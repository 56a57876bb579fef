"""What the archives of one session have in common: made, masked and hashed once in each worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from expt.archive.json_files import environment_to_bytes
from expt.archive.manifest import Content
from expt.archive.record import RecordEncoder
from expt.ground.launchers import find_rank
from expt.parameters.masking import mask_source
from expt.parameters.secret_values import Secrets

if TYPE_CHECKING:
    from expt.ground.messages import SessionInfo
    from expt.tracking.recorder import Recorder


class SessionFiles:
    """The contents of `environment.json` and of `code/` for every run of a session.

    `encode_record` makes the content of each `run.json`; `rank` is that of this process, where a
    launcher has started several.
    """

    def __init__(self, session: SessionInfo) -> None:
        self.session = session
        self.patch = Content.of(session.patch)
        self.encode_record = RecordEncoder().encode
        self.rank = find_rank(os.environ)
        self._secrets = Secrets(session.secrets, session.secret_names)
        self._environments: dict[str, Content] = {}
        self._writers: dict[int, str] = {}
        self._code: dict[str, tuple[bytes, Content]] = {}

    def environment(self, recorder: Recorder) -> Content:
        """`environment.json` of a run that is recorded by `recorder`.

        How scalars reach a file is a matter of its file system. Only the first recorder there has
        to try: a file that is made, mapped and deleted costs as much as the rest of a short run.
        """
        device = os.stat(recorder.folder).st_dev
        if device not in self._writers:
            self._writers[device] = recorder.writer
        writer = self._writers[device]
        if writer not in self._environments:
            environment = {**self.session.environment, "series_writer": writer}
            self._environments[writer] = Content.of(environment_to_bytes(environment))
        return self._environments[writer]

    def code(self, path: str, content: bytes) -> Content:
        """A file of code as archives have it: `content` itself where it holds no secret."""
        known = self._code.get(path)
        if known is None or known[0] != content:
            known = content, Content.of(mask_source(path, content, self._secrets))
            self._code[path] = known
        return known[1]
