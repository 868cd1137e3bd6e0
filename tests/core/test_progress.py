"""Progress of long work, where there is no terminal."""

from unittest import mock

from litho_dl.core.progress import progress_bar


def test_progress_where_there_is_no_terminal(monkeypatch, capsys):
    """A line at once, then one when the last is old, and the end."""
    clock = mock.Mock(side_effect=[0, 29, 30, 59, 60, 61])
    monkeypatch.setattr("litho_dl.core.progress.time", mock.Mock(monotonic=clock))
    with progress_bar("Working") as advance:
        assert capsys.readouterr().err == "Working ...\n"
        for done, note in ((1, 2.5), (2, 1234.5), (3, "a note"), (4, "")):
            advance(done, 5, note)
        assert capsys.readouterr().err == "Working: 2 of 5, 1,234\nWorking: 4 of 5\n"
        advance(5, 5, "done")
    assert capsys.readouterr().err == "Working: 5 of 5, done\n"
