"""What the archives of one session have in common: made, masked and hashed once in each worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from expt.archive.json_files import environment_to_bytes
from expt.archive.kept_code import keep_code
from expt.archive.manifest import Content
from expt.archive.record import RecordEncoder
from expt.ground import layout
from expt.ground.launchers import find_rank
from expt.ground.value_classes import frozen
from expt.parameters.masking import mask_source
from expt.parameters.secret_values import Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.ground.messages import SessionInfo
    from expt.tracking.recorder import Recorder


@frozen(eq=False)
class SessionCode:
    """`code/` of a run, as far as it is imported; `sources` is what its record says of it.

    Secrets were taken from the files of the archive that `masked` names.
    """

    files: Mapping[str, Content]
    sources: Mapping[str, tuple[str, str]]
    masked: frozenset[str]


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
        self._prepared: dict[str, tuple[bytes, Content]] = {}
        self._sources: Mapping[str, tuple[str, bytes]] | None = None
        self._code: SessionCode

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

    def code(self, sources: Mapping[str, tuple[str, bytes]]) -> SessionCode:
        """What archives keep of what was imported: path in the archive → module's name, bytes."""
        if self._sources is not sources:
            files = keep_code({p: content for p, (_, content) in sources.items()}, self._prepare)
            told = {path: (sources[path][0], copy.sha256) for path, copy in files.items()}
            masked = {p for p, copy in files.items() if copy.data != sources[p][1]}
            names = frozenset(f"{layout.CODE_DIR}/{path}" for path in masked)
            self._sources, self._code = sources, SessionCode(files, told, names)
        return self._code

    def _prepare(self, path: str, content: bytes) -> Content:
        """A file of code as archives have it: `content` itself where it holds no secret."""
        known = self._prepared.get(path)
        if known is None or known[0] != content:
            known = content, Content.of(mask_source(path, content, self._secrets))
            self._prepared[path] = known
        return known[1]
