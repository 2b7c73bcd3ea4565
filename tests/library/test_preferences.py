"""Tests of what is remembered between two starts."""

import json
import os

import pytest

from layerscope.library.preferences import MAX_MODELS, VERSION, Preferences
from layerscope.library.recent import MAX_RECENT, RecentModels


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "preferences.json"


def test_first_start_makes_no_file_and_has_defaults(path):
    preferences = Preferences(path)

    assert preferences.option("theme", "dark") == "dark"
    assert preferences.recent == ()
    assert preferences.settings_of("abc") == {}
    assert preferences.notes == []
    assert not path.exists()


def test_default_place_is_the_users_folder(isolated_settings):
    Preferences().set_option("theme", "light")

    assert (isolated_settings / "preferences.json").is_file()


def test_everything_set_is_there_at_the_next_start(path):
    first = Preferences(path)
    first.set_option("theme", "light")
    first.set_recent(["/a.onnx", "/b.onnx"])
    first.remember_settings("abc", {"mean": "0 0 0", "crop": True, "size": 224})

    second = Preferences(path)

    assert second.option("theme", "dark") == "light"
    assert second.recent == ("/a.onnx", "/b.onnx")
    assert second.settings_of("abc") == {"mean": "0 0 0", "crop": True, "size": 224}
    assert json.loads(path.read_text())["version"] == VERSION
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_empty_settings_are_forgotten(path):
    preferences = Preferences(path)
    preferences.remember_settings("abc", {"size": 224})
    preferences.remember_settings("abc", {})

    assert Preferences(path).settings_of("abc") == {}
    assert "abc" not in path.read_text()


def test_only_so_many_models_are_remembered_the_newest(path):
    preferences = Preferences(path)
    models = {f"m{n}": {"size": n} for n in range(MAX_MODELS)}
    preferences.remember_settings("before", {"size": 1})
    path.write_text(json.dumps({"version": VERSION, "models": models}))

    preferences.remember_settings("new", {"size": 9})

    assert preferences.settings_of("m0") == {}
    assert preferences.settings_of("m1") == {"size": 1}
    assert preferences.settings_of("new") == {"size": 9}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{cut", b"\xff\xfe\x00", b"[1, 2]", b"null", b"[" * 100_000],
    ids=["empty", "cut", "binary", "list", "null", "nested"],
)
def test_garbage_gives_defaults_and_a_copy_is_kept(path, garbage):
    path.parent.mkdir()
    path.write_bytes(garbage)

    preferences = Preferences(path)
    preferences.set_option("theme", "light")

    assert len(preferences.notes) == 1
    assert "preferences.damaged.json" in preferences.notes[0]
    assert path.with_suffix(".damaged.json").read_bytes() == garbage
    assert Preferences(path).option("theme", "dark") == "light"


def test_values_of_a_wrong_type_are_as_good_as_unset(path):
    path.parent.mkdir()
    path.write_text(
        '{"options": {"theme": 7}, "recent": [1, "/a"], "models": {"x": [1]}}'
    )

    preferences = Preferences(path)

    assert preferences.option("theme", "dark") == "dark"
    assert preferences.recent == ("/a",)
    assert preferences.settings_of("x") == {}
    preferences.remember_settings("x", {"size": 1})
    assert preferences.settings_of("x") == {"size": 1}


def test_a_newer_versions_keys_and_number_survive(path):
    path.parent.mkdir()
    newer = {"version": VERSION + 5, "constellations": {"a": [1]}, "options": {"x": {}}}
    path.write_text(json.dumps(newer))

    Preferences(path).set_option("theme", "light")

    kept = json.loads(path.read_text())
    assert kept["version"] == VERSION + 5
    assert kept["constellations"] == {"a": [1]}
    assert kept["options"] == {"x": {}, "theme": "light"}


def test_two_windows_keep_each_others_changes(path):
    first, second = Preferences(path), Preferences(path)

    first.set_option("theme", "light")
    second.remember_settings("abc", {"size": 1})

    third = Preferences(path)
    assert third.option("theme", "dark") == "light"
    assert third.settings_of("abc") == {"size": 1}


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path):
    # A file where the folder should be: refused to everybody, root included.
    (tmp_path / "blocked").write_text("")
    preferences = Preferences(tmp_path / "blocked" / "preferences.json")

    preferences.set_option("theme", "light")
    preferences.set_option("theme", "dark")
    preferences.set_recent(["/a.onnx"])

    assert preferences.option("theme", "") == "dark"
    assert preferences.recent == ("/a.onnx",)
    assert len(preferences.notes) == 1
    assert "until the program ends" in preferences.notes[0]


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    preferences = Preferences(path)
    preferences.set_option("theme", "light")

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    preferences.set_option("theme", "dark")

    assert Preferences(path).option("theme", "") == "light"
    assert "No space left on device" in preferences.notes[0]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_recent_models_come_newest_first_and_once(path, tmp_path):
    recent = RecentModels(Preferences(path))
    for name in ("a", "b", "a"):
        recent.add(tmp_path / name)

    assert recent.paths == (str(tmp_path / "a"), str(tmp_path / "b"))


def test_recent_list_is_bounded(path, tmp_path):
    recent = RecentModels(Preferences(path))
    for number in range(MAX_RECENT + 3):
        recent.add(tmp_path / str(number))

    assert len(recent.paths) == MAX_RECENT
    assert recent.paths[0].endswith(str(MAX_RECENT + 2))


def test_recent_list_hides_what_is_gone_and_forgets_on_request(path, tmp_path):
    recent = RecentModels(Preferences(path))
    (tmp_path / "here.onnx").touch()
    recent.add(tmp_path / "gone.onnx")
    recent.add(tmp_path / "here.onnx")

    assert recent.existing() == (str(tmp_path / "here.onnx"),)
    recent.remove(tmp_path / "gone.onnx")
    assert recent.paths == (str(tmp_path / "here.onnx"),)
