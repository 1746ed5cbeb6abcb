import pytest
from harness_cases import HISTORY_LENGTHS, PREFIX, make_facts, make_task

from harness.errors import ScoringError
from harness.task_facts import facts_of, history_lengths, read_facts
from repopeftbench.schema import Split, Track


@pytest.mark.parametrize(("target", "found"), [("m.f(1)", True), ("f(1)", True), ("test", False), ("", False)])
def test_a_target_stands_in_its_prefix_as_whole_tokens_or_not(target, found):
    assert make_facts(make_task(1, target=target)).target_in_prefix is found


def test_facts_keep_what_reports_group_by():
    facts = make_facts(make_task(1, target="m.f(1)", history_index=4))
    assert (facts.target, facts.target_characters, facts.prefix_characters) == ("m.f(1)", 6, len(PREFIX))
    assert (facts.target_in_prefix, facts.history_index, facts.repository_commits) == (True, 4, 10)


def test_a_published_target_is_stopped_as_predictions_are_and_kept_beside():
    facts = make_facts(make_task(1, target="f(2))"))
    assert (facts.target, facts.raw_target, facts.target_characters) == ("f(2)", "f(2))", 5)


def test_tasks_without_a_split_or_of_an_unknown_repository_are_refused():
    with pytest.raises(ScoringError, match="has no split yet"):
        make_facts(make_task(1, split=None))
    with pytest.raises(ScoringError, match="does not list repository org/unknown"):
        make_facts(make_task(1, repo_id="org/unknown"))


class Tables:
    """Stands in for a dataset: its tables are of one task each."""

    def __init__(self, tasks):
        from types import SimpleNamespace

        self.tasks = tasks
        repositories = [SimpleNamespace(repo_id=name, commits=count) for name, count in HISTORY_LENGTHS.items()]
        self.manifest = SimpleNamespace(repositories=repositories)

    def task_tables(self, track, split, columns):
        from repopeftbench.dataset.tables import to_table
        from repopeftbench.schema import Task

        for task in self.tasks:
            if (task.track, task.split) == (track, split):
                yield to_table(Task, [task]).select(columns)


def test_facts_from_tables_are_those_of_the_records():
    tasks = [make_task(n, target=str(n), split=split) for n, split in enumerate([Split.CR_TEST, Split.IR_TEST] * 2)]
    dataset = Tables(tasks)
    assert history_lengths(dataset.manifest) == HISTORY_LENGTHS
    read = list(read_facts(dataset, (Track.STATIC, Track.EVOLUTION), (Split.CR_TEST,)))
    assert read == [facts_of(task, HISTORY_LENGTHS) for task in tasks if task.split is Split.CR_TEST]
