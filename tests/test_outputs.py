"""What is written replaces only what harmonia wrote, and what stands in the way is told before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import harmonia

from harmonia.errors import InputError
from harmonia.files import disk_told, fresh_file, write_text
from harmonia.outputs import (
    MARK,
    fresh_directory,
    own_files,
    require_file_place,
    require_folder_place,
    scratch,
)
from harmonia.world import base_folder, write_lab_data


def _write(folder: Path, *names: str, keep: bool = False) -> None:
    with fresh_directory(folder, keep=keep) as partial:
        for name in names:
            write_text(partial / name, f"ours: {name}")


def _files(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} - {MARK}


def test_a_folder_is_replaced_and_what_others_put_into_it_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    _write(folder, "a.txt", "sub/b.txt")
    assert own_files(folder) == {"a.txt", "sub/b.txt"} and list(tmp_path.iterdir()) == [folder]
    (folder / "thesis.tex").write_text("mine")
    _write(folder, "a.txt", "c.txt")
    assert _files(folder) == {"a.txt", "c.txt", "thesis.tex"}
    assert (folder / "thesis.tex").read_text() == "mine"
    _write(folder, "d.txt", keep=True)
    assert own_files(folder) == {"a.txt", "c.txt", "d.txt"}


def test_a_folder_written_half_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for _ in range(2):
        with pytest.raises(RuntimeError), fresh_directory(folder) as partial:
            (partial / "half.txt").write_text("half")
            raise RuntimeError
        assert not folder.exists() or _files(folder) == {"a.txt"}
        _write(folder, "a.txt")


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "later").symlink_to("new")
    _write(tmp_path / "link", "a.txt")
    _write(tmp_path / "later", "a.txt")
    write_text(tmp_path / "target.txt", "old")
    (tmp_path / "file").symlink_to("target.txt")
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").is_symlink()
    assert _files(tmp_path / "real") == _files(tmp_path / "new") == {"a.txt"}
    assert (tmp_path / "target.txt").read_text() == "new"


def test_folders_of_others_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    (mine / "sub" / "thesis.tex").write_text("mine")
    (tmp_path / "file").write_text("x")
    monkeypatch.chdir(mine)
    for place in (mine, tmp_path, Path("."), Path(""), Path("/"), Path("../mine")):
        with pytest.raises(InputError, match="which harmonia did not write"):
            require_folder_place(place)
    for place in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        with pytest.raises(InputError, match="is not a folder"):
            require_folder_place(place)
    # A folder within it is free, and so are names in it that are not taken.
    require_folder_place(mine / "new" / "deep")
    require_folder_place(mine, names=["report.html", "figures"])
    with pytest.raises(InputError, match=r"'sub/thesis\.tex'"):
        require_folder_place(mine, names=["report.html", "sub"])
    (tmp_path / "empty").mkdir()
    require_folder_place(tmp_path / "empty")


def test_a_folder_of_ours_is_taken_until_others_write_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    _write(folder, "a.txt")
    require_folder_place(folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        require_folder_place(folder)
    # A list that somebody else made, or that is damaged, gives nothing away.
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    title = (folder / MARK).read_text().splitlines()[0]
    (folder / MARK).write_text(f"{title}\n../outside.txt\n{outside}\na.txt\n")
    assert own_files(folder) == {"a.txt"}
    for damaged in ("", "\0" * 300, "a.txt\n", title[:20]):
        (folder / MARK).write_text(damaged)
        assert own_files(folder) == frozenset()


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    read = tmp_path / "in.jsonl"
    read.write_text("{}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "soft.jsonl").symlink_to("in.jsonl")
    os.link(read, tmp_path / "hard.jsonl")
    for name in ("in.jsonl", "soft.jsonl", "hard.jsonl", "sub/../in.jsonl"):
        with pytest.raises(InputError, match="overwrite what is read"):
            require_file_place(tmp_path / name, inputs=[None, "org/model-on-the-hub", read])
    with pytest.raises(InputError, match="overwrite what is read"):
        require_file_place(read, inputs=[tmp_path])
    require_file_place(tmp_path / "new.jsonl", inputs=[tmp_path, read])
    folder = tmp_path / "groups"
    _write(folder, "harmonious.jsonl")
    for inputs in ([folder / "harmonious.jsonl"], [folder]):
        with pytest.raises(InputError, match="overwrite what is read"):
            require_folder_place(folder, inputs=inputs)
    require_folder_place(folder / "tuned", inputs=[folder])
    require_folder_place(folder, inputs=[folder / "harmonious.jsonl"], names=["incompatible.jsonl"])


def test_places_that_are_no_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("file/below")
    refused = {
        **dict.fromkeys((".", "", "/", "..", str(tmp_path)), "is a folder"),
        "/dev/null": "is not a file",
        "file/below": "is not a folder",
        "nowhere": "is not a folder",
        "loop": "cannot be written",
        "n" * 300: "cannot be written",
        "n" * 250: "cannot be written",
        "a\0b": "not a name of a file",
        "a\udcff": "not a name of a file",
    }
    for place, problem in refused.items():
        with pytest.raises(InputError, match=problem):
            require_file_place(Path(place))
    for place in ("a b", 'it\'s "so"', "[/x]", "[red]x", "exp:1", "-x", "ü", "new/deep/file"):
        require_file_place(Path(place))


def test_a_file_of_others_is_refused_where_ours_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.touch()
    require_file_place(path, ours=lambda _: False)
    path.write_text("mine")
    require_file_place(path, ours=lambda file: file.read_text() == "mine")
    require_file_place(path)
    with pytest.raises(InputError, match="harmonia did not write it"):
        require_file_place(path, ours=lambda _: False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_leave_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for require in (require_file_place, require_folder_place):
        with pytest.raises(InputError, match="nothing can be written in"):
            require(tmp_path / "new")
    tmp_path.chmod(0o700)


def test_unfinished_work_lies_beside_a_new_folder_and_in_an_old_one(tmp_path: Path) -> None:
    assert scratch(tmp_path / "new", "x") == tmp_path / ".new.x"
    for _ in range(2):
        scratch(tmp_path, "x").mkdir(exist_ok=True)
        require_folder_place(tmp_path)


def test_a_full_disk_is_named_whatever_the_library_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match="No space left") as caught, disk_told(tmp_path / "new"):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    assert caught.value.filename == str(tmp_path / "new")
    with pytest.raises(ValueError, match="own"), disk_told(tmp_path):
        raise ValueError("its own")
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Full())
    with pytest.raises(OSError, match="No space left"), disk_told(tmp_path):
        raise RuntimeError("file write failed")
    with pytest.raises(InputError), disk_told(tmp_path):
        raise InputError("bad row")


class _Full:
    free = 0


@pytest.fixture(autouse=True)
def _nothing_half_written(tmp_path: Path) -> Iterator[None]:
    yield
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".partial")]


def test_a_file_written_half_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), fresh_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"


def test_a_folder_that_harmonia_wrote_for_another_use_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    require_folder_place(folder, holds="training.json")
    _write(folder, "truth.jsonl", "person/train.jsonl")
    require_folder_place(folder, holds="truth.jsonl")
    with pytest.raises(InputError, match="for another use"):
        require_folder_place(folder, holds="training.json")


@pytest.mark.slow
def test_no_command_writes_into_the_folder_of_another_use(tmp_path: Path) -> None:
    write_lab_data(tmp_path / "data", 0)
    before = {file: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()}
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a", "completion": "b"}\n')
    commands = (
        ("train", "--model", base_folder(0), "--group", rows, "--out", "data"),
        ("lab", "build", "--out", "data"),
        ("export-task", "--items", rows, "--out", "data"),
        ("groups", "--beliefs", rows, "--out", "data"),
        ("claims", "data", "--out", "data"),
        ("demo", "--out", "data"),
    )
    for words in commands:
        done = harmonia(*words, cwd=tmp_path)
        assert done.returncode == 2 and "another use" in done.stderr, words
    assert {file: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()} == before
