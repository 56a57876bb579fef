"""Other tools' formats: runs go out of archives, and come in as archives like any other.

    runs ──► an Export ──► files of another tool, and what its format cannot hold
    path ──► an Import ──► foreign runs ──► archiving: the one writer ──► archives

    formats   which there are        foreign    what passes between a format and the writer
    bounded   files of others, read within bounds

Each format has one module, for both directions. What is imported is somebody else's data: no link
is followed, nothing is unpickled or executed, code is copied as text.
"""
