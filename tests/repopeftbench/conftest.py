import pytest

from repopeftbench.gitrepo import write_history

DAY = 86_400
START = 1_672_617_600  # 2023-01-02


@pytest.fixture
def make_repository(tmp_path):
    """Writes a history given as a list of {path: text, bytes or None} and returns its folder; a commit a day."""

    def make(*commits, name="repo", start=START):
        folder = tmp_path / name
        write_history(
            folder,
            [
                (
                    f"commit {index}",
                    start + index * DAY,
                    [
                        (path, content.encode() if isinstance(content, str) else content)
                        for path, content in files.items()
                    ],
                )
                for index, files in enumerate(commits)
            ],
        )
        return folder

    return make
