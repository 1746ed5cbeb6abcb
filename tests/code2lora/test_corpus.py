import dataclasses
import importlib.metadata

import pytest

from code2lora.errors import CorpusError
from code2lora.training.corpus import (
    MAX_FILE_BYTES,
    distribution_source,
    folder_source,
    is_permissive,
    read_corpus,
    standard_library_source,
)


@pytest.fixture
def source(tmp_path):
    def make(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder_source(tmp_path, name="made", version="1", licence="MIT")

    return make


def names(corpus):
    return [file.name for file in (*corpus.train, *corpus.val)]


def test_files_come_in_order_of_name_whatever_made_them_first(source):
    made = source({"z.py": "z = 1\n", "a/b.py": "b = 1\n", "a.py": "a = 1\n", "note.txt": "no"})
    assert made.names == ("a.py", "a/b.py", "z.py")
    assert names(read_corpus([made], val_fraction=0)) == ["a.py", "a/b.py", "z.py"]


def test_unusable_files_are_left_out_and_counted(source):
    made = source(
        {
            "good.py": "x = 1\n",
            "empty.py": "\n",
            "python2.py": "print 'x'\n",
            "latin.py": b"# caf\xe9\n",
            "nul.py": b"x = 1\0\n",
            "deep.py": "(" * 5000 + ")" * 5000,
            "huge.py": "x = 1\n" * (MAX_FILE_BYTES // 6 + 1),
            "copy.py": "x = 1\n",
        }
    )
    corpus = read_corpus([made], val_fraction=0)
    assert names(corpus) == ["copy.py"]
    assert (corpus.uses[0].files, corpus.uses[0].bytes, corpus.uses[0].files_left_out) == (1, 6, 7)


def test_data_folders_are_skipped(source):
    made = source(
        {"lib2to3/a.py": "a = 1\n", "x/encodings/b.py": "b = 1\n", "config-3.11-x/c.py": "c = 1\n", "d.py": ""}
    )
    assert made.names == ("d.py",)


def test_same_content_in_two_sources_is_read_once(source, tmp_path):
    made = source({"a.py": "x = 1\n"})
    corpus = read_corpus([made, dataclasses.replace(made, name="again")], val_fraction=0)
    assert [file.source for file in corpus.train] == ["made"]
    assert [use.files for use in corpus.uses] == [1, 0]


def test_side_of_a_file_depends_on_its_content_only(source):
    files = {f"f{index}.py": f"x = {index}\n" for index in range(200)}
    made = source(files)
    corpus = read_corpus([made], val_fraction=0.25)
    assert 20 < len(corpus.val) < 80
    assert not {file.sha256 for file in corpus.train} & {file.sha256 for file in corpus.val}
    fewer = read_corpus([dataclasses.replace(made, names=made.names[::2])], val_fraction=0.25)
    assert set(fewer.val) <= set(corpus.val)


def test_digest_tells_corpora_apart(source):
    made = source({"a.py": "x = 1\n", "b.py": "y = 1\n"})
    whole = read_corpus([made], val_fraction=0)
    assert whole.sha256 == read_corpus([made], val_fraction=0.5).sha256
    assert whole.sha256 != read_corpus([dataclasses.replace(made, names=("a.py",))], val_fraction=0).sha256


def test_byte_order_mark_and_line_ends_are_normalised(source):
    made = source({"a.py": b"\xef\xbb\xbfx = 1\r\ny = 2\r\n"})
    assert read_corpus([made], val_fraction=0).train[0].text == "x = 1\ny = 2\n"


def test_nothing_to_train_on_is_an_error(source):
    with pytest.raises(CorpusError, match=r"No usable \.py file"):
        read_corpus([source({"a.txt": "x"})], val_fraction=0)


def test_absent_folder_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="gone is not a folder"):
        folder_source(tmp_path / "gone", name="x", version="", licence="MIT")


def test_standard_library_is_without_installed_packages():
    source = standard_library_source()
    assert "dataclasses.py" in source.names
    assert not any("site-packages" in name for name in source.names)


def test_distribution_is_read_with_its_licence():
    source = distribution_source("networkx")
    assert "networkx/classes/graph.py" in source.names
    assert (source.licence, source.version) == ("BSD-3-Clause", importlib.metadata.version("networkx"))


def test_distribution_without_permissive_licence_is_refused():
    with pytest.raises(CorpusError, match="'hypothesis' is not known to be permissively licensed"):
        distribution_source("hypothesis")


def test_distribution_that_is_not_installed_is_named():
    with pytest.raises(CorpusError, match="'no-such-thing' is not installed"):
        distribution_source("no-such-thing")


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("(MIT OR Apache-2.0)", True),
        ("MPL-2.0 AND MIT", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("GPL-3.0-only", False),
        ("", False),
    ],
)
def test_only_known_licences_are_permissive(expression, permissive):
    assert is_permissive(expression) == permissive
