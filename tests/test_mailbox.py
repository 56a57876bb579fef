"""What a session and its nodes say by files: a case is begun once, a word is heard, all is gone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from expt.executors.engines.mailbox import Mailbox
from expt.ground.messages import RunStarted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    made = Mailbox.of_session(tmp_path, "session")
    made.open(b"a patch")
    return made


def test_of_many_nodes_one_begins_a_case(mailbox: Mailbox) -> None:
    begun: list[bool] = []
    threads = [
        threading.Thread(target=lambda: begun.append(mailbox.begin("ticket"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == [False] * 19 + [True]


def test_a_ticket_names_the_archive_once_it_is_claimed(mailbox: Mailbox) -> None:
    started = RunStarted("a[x-1]", "id", "/runs/a", 17, 1.5)
    mailbox.begin("ticket")
    before = mailbox.ticket("ticket")
    mailbox.tell_started("ticket", started)
    after = mailbox.ticket("ticket")
    assert before is not None and before.started is None
    assert after is not None and after.started == started
    assert [ticket.name for ticket in mailbox.tickets()] == ["ticket"]
    mailbox.end("ticket")
    assert mailbox.ticket("ticket") is None and mailbox.tickets() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"started": {"pid": 1}}', b"\xff"])
def test_a_ticket_of_anything_says_only_that_the_case_has_begun(
    mailbox: Mailbox, content: bytes
) -> None:
    (mailbox.folder / "ticket.json").write_bytes(content)
    ticket = mailbox.ticket("ticket")
    assert ticket is not None and ticket.started is None


def test_a_word_is_heard_until_it_is_taken_back(mailbox: Mailbox) -> None:
    heard = [mailbox.stop()]
    for word in ("hold", "interrupt", "kill"):
        mailbox.say(word)
        heard.append(mailbox.stop())
    mailbox.say("")
    assert [*heard, mailbox.stop()] == ["", "hold", "interrupt", "kill", ""]


def test_an_answer_is_taken_once(mailbox: Mailbox) -> None:
    mailbox.answer("ticket", b"done")
    assert mailbox.take_answers() == [("ticket", b"done")]
    assert mailbox.take_answers() == []


def test_a_closed_mailbox_leaves_nothing_but_what_is_not_its_own(tmp_path: Path) -> None:
    for others in (False, True):
        mailbox = Mailbox.of_session(tmp_path, "session")
        mailbox.open(b"")
        if others:
            (mailbox.folder.parent / "picture.png").write_bytes(b"")
        mailbox.close()
        assert mailbox.folder.parent.exists() is others
