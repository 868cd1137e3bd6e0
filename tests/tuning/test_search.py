"""The search against brute force on a made-up objective; resuming, failing, interrupting, refusing."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from litho_dl.core.errors import LithoError, MaskError, OutputError
from litho_dl.tuning.files import study_folder
from litho_dl.tuning.journal import JOURNAL
from litho_dl.tuning.search import Search
from litho_dl.tuning.space import Choices, Range, Space, Values
from litho_dl.tuning.trial import Score, Trial

pytest.importorskip("optuna")

SPACE: Space = {
    "steps": Range(low=2, high=40, step=2),
    "rate": Range(low=0.01, high=1.0, log=True),
    "weight": Range(low=0.0, high=2.0, step=0.25),
    "optimizer": Choices(choices=("adam", "sgd")),
}
START: Values = {"steps": 20, "rate": 0.1, "weight": 1.0, "optimizer": "adam"}


def made_up(values: Values) -> Score:
    """More steps take longer and help; the rate and the weight have a best value."""
    steps, rate, weight = (float(values[name]) for name in ("steps", "rate", "weight"))
    l2_nm2 = 1000 / steps + 300 * (rate - 0.2) ** 2 + (50 if values["optimizer"] == "sgd" else 0)
    return Score(l2_nm2, 100 * (weight - 1.25) ** 2, epe_violations=rate, seconds=0.01 * steps * (1 + weight))


def search(folder: Path, **changes: object) -> Search:
    return Search(folder, **{"space": SPACE, "start": START, "digest": "one", "seed": 3, **changes})


def test_the_start_is_first_and_all_values_lie_in_the_space(tmp_path):
    tried: list[Trial] = []
    found = search(tmp_path)
    found.run(made_up, 25, tried.append)
    assert tried == found.trials()
    assert [trial.number for trial in tried] == list(range(25))
    assert tried[0].values == START
    assert all(trial.score == made_up(trial.values) for trial in tried)
    for trial in tried:
        assert set(trial.values) == set(SPACE)
        assert all(trial.values[path] in dimension for path, dimension in SPACE.items())
        assert isinstance(trial.values["steps"], int)
        assert float(f"{trial.values['rate']:.4g}") == trial.values["rate"]
    assert 3 <= sum(trial.values["rate"] < 0.1 for trial in tried[:10]) <= 8  # of evenly drawn numbers, one
    assert len({tuple(trial.values.values()) for trial in tried}) > 20


def test_the_front_is_that_of_brute_force(tmp_path):
    found = search(tmp_path)
    found.run(made_up, 30)

    def point(trial: Trial) -> tuple[float, float]:
        return trial.score.l2_nm2 + trial.score.pvb_nm2, trial.score.seconds

    points = [point(trial) for trial in found.trials()]
    expected = {
        trial.number
        for trial, (area, seconds) in zip(found.trials(), points, strict=True)
        if not any(a <= area and s <= seconds and (a, s) != (area, seconds) for a, s in points)
    }
    front = found.front()
    assert {trial.number for trial in front} == expected
    assert len(expected) > 2
    assert [trial.score.seconds for trial in front] == sorted(trial.score.seconds for trial in front)


def test_the_search_learns_from_its_trials(tmp_path):
    """The first proposals are drawn blindly; later ones depend on what the earlier came to, in either objective."""

    def best_at_most_steps(values: Values) -> Score:
        return replace(made_up(values), l2_nm2=-float(values["steps"]))

    def slow_at_few_steps(values: Values) -> Score:
        return replace(made_up(values), seconds=1.0 / values["steps"])

    proposed = []
    for index, measure in enumerate((made_up, best_at_most_steps, slow_at_few_steps)):
        (tmp_path / str(index)).mkdir()
        found = search(tmp_path / str(index))
        found.run(measure, 14)
        proposed.append([trial.values for trial in found.trials()])
    for others in proposed[1:]:
        assert others[:10] == proposed[0][:10]
        assert others[10:] != proposed[0][10:]


def test_a_resumed_search_equals_one_that_went_on(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = search(tmp_path / "whole")
    whole.run(made_up, 16)
    (tmp_path / "parts").mkdir()
    for upto in (1, 5, 13, 16, 16, 4):
        search(tmp_path / "parts").run(made_up, upto)
    parts = search(tmp_path / "parts")
    assert parts.trials() == whole.trials()
    assert parts.front() == whole.front()
    other = search(tmp_path / "parts", seed=4, digest="one")
    other.run(made_up, 17)
    whole.run(made_up, 17)
    assert other.trials()[:-1] == whole.trials()[:-1]
    assert other.trials()[-1].values != whole.trials()[-1].values


def test_several_work_on_one_journal(tmp_path):
    one, two = search(tmp_path), search(tmp_path)
    one.run(made_up, 4)
    two.run(made_up, 9)
    one.run(made_up, 9)
    assert one.trials() == two.trials()
    assert len(one.trials()) == 9
    assert sum(trial.values == START for trial in one.trials()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MaskError("Expected\n  a mask, got none."), "Expected a mask, got none."),
        (MemoryError(), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), "DefaultCPUAllocator: not enough memory"),
    ],
)
def test_failures_are_recorded_and_not_fatal(tmp_path, error, said):
    def failing(values: Values) -> Score:
        if values["steps"] != 20:
            raise error
        return made_up(values)

    found = search(tmp_path)
    found.run(failing, 4)
    first, *others = search(tmp_path).trials()
    assert first == Trial(0, START, made_up(START))
    assert [(trial.score, trial.failure) for trial in others] == [(None, said)] * 3
    assert all(set(trial.values) == set(SPACE) for trial in others)
    assert found.front() == [first]


def test_faults_of_our_own_are_not_hidden(tmp_path):
    def faulty(values: Values) -> Score:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        search(tmp_path).run(faulty, 2)


def test_what_ctrl_c_stopped_comes_first_in_the_next_run(tmp_path):
    stopped: list[Values] = []

    def interrupted(values: Values) -> Score:
        stopped.append(values)
        if len(stopped) in (1, 5):
            raise KeyboardInterrupt
        return made_up(values)

    for done in (0, 3):
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path).run(interrupted, 10)
        assert len(search(tmp_path).trials()) == done
    found = search(tmp_path)
    found.run(made_up, 5)
    trials = found.trials()
    assert [trial.values for trial in trials[:4]] == [*stopped[1:4], stopped[4]]
    assert trials[0].values == START
    assert len(trials) == 5
    assert not any(trial.failure for trial in trials)


def test_a_folder_of_another_study_is_refused(tmp_path):
    search(tmp_path).run(made_up, 2)
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(OutputError, match="got one of another method, space, seed, optics or layouts; choose another"):
        search(tmp_path, digest="two")
    assert (tmp_path / JOURNAL).read_bytes() == before


@pytest.mark.parametrize("content", [b"what\nis\nthis\n", b'{"op_code": 99}\n{}\n', b"\xff\xfe\n\n", b"[1]\n[2]\n"])
def test_a_damaged_journal_is_refused(tmp_path, content):
    (tmp_path / JOURNAL).write_bytes(content)
    with pytest.raises(OutputError, match=r"the journal is damaged .* choose another folder"):
        search(tmp_path)


def test_the_journals_lock_leads_to_it(tmp_path, monkeypatch):
    """It is a link; where that leads nowhere, processes would wait for ever on what a killed one left."""
    links = []
    make = os.symlink
    monkeypatch.setattr(os, "symlink", lambda target, link: (links.append((target, link)), make(target, link)))
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    search(Path("out"))
    assert links
    assert all((Path(link).parent / target).resolve() == tmp_path / "out" / JOURNAL for target, link in links)


def test_without_optuna(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(LithoError, match=r"Expected Optuna, which is not installed; pip install 'litho-dl\[tune\]'"):
        search(tmp_path)


def test_a_trial_in_words():
    score = Score(1000.0, 234.5, 0.5, 0.0123)
    assert str(Trial(7, {}, score)) == "trial 7: 1,234 nm² in 0.0123 s a clip"
    assert str(Trial(8, {}, failure="out of memory")) == "trial 8 failed: out of memory"
    assert replace(score, pvb_nm2=0.0).quality_nm2 == 1000


class TestJournal:
    """A journal that somebody else wrote, or that a killed search left."""

    @staticmethod
    def lines(folder: Path) -> list[bytes]:
        search(folder).run(made_up, 3)
        return (folder / JOURNAL).read_bytes().splitlines(keepends=True)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (b'"directions":[1,1]', b'"directions":[2]', r"journal\.log:1: .*directions"),
            (b'"fixed_params":{', b'"fixed_params":null,"x":{', r"journal\.log:2: .*fixed_params"),
            (b'"param_value_internal":', b'"param_value_internal":1e999,"x":', "param_value_internal"),
            (b'"score":{', b'"score":{"none":1,', "Unexpected keyword"),
            (b'"l2_nm2":', b'"l2_nm2":-', "scores from zero"),
            (b'"datetime_start":"2', b'"datetime_start":"x', "isoformat"),
            (b'"values":[', b'"values":[1e999,', "values"),
            (b'"trial_id":0', b'"trial_id":' + b"9" * 400, "trial_id"),
            (b'"system_attr', b'"\xff":' + b"[" * 9000 + b',"system_attr', "the journal is damaged"),
            (b'"param_name":"steps"', b'"param_name":"stages"', "other dimensions"),
            (b'"op_code":8', b'"op_code":99', "op_code"),
            (b'"steps":20', b'"steps":21', "steps = 21"),
        ],
    )
    def test_damage_is_one_line(self, tmp_path, old, new, said):
        content = b"".join(self.lines(tmp_path))
        assert old in content
        (tmp_path / JOURNAL).write_bytes(content.replace(old, new, 1))
        with pytest.raises(OutputError, match=said) as caught:
            search(tmp_path).run(made_up, 4)
        assert "\n" not in str(caught.value)

    def test_a_missing_end_of_a_trial_loses_only_the_trial(self, tmp_path):
        lines = self.lines(tmp_path)
        (tmp_path / JOURNAL).write_bytes(b"".join(lines[:-1]))
        found = search(tmp_path)
        assert len(found.trials()) == 2

    def test_what_a_killed_search_left_is_cleared(self, tmp_path):
        lines = self.lines(tmp_path)
        (tmp_path / JOURNAL).write_bytes(b"".join(lines) + lines[-1][:20])
        (tmp_path / f"{JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
        (tmp_path / ".front.0123456789abcdef.part.csv").touch()
        with study_folder(tmp_path):
            assert (tmp_path / JOURNAL).read_bytes() == b"".join(lines)
            found = search(tmp_path)
            found.run(made_up, 4)
        assert len(found.trials()) == 4
        assert set(os.listdir(tmp_path)) == {JOURNAL, "front"}
