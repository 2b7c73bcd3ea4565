"""Tests of where things lie."""

from pathlib import Path

from layerscope.library import locations


def test_a_checkout_uses_its_own_folders(checkout):
    assert locations.models_folder() == checkout / "models"
    assert locations.resources_folder() == checkout / "resources"


def test_an_installed_package_uses_the_data_inside_it(tmp_path, monkeypatch):
    (tmp_path / "data" / "models").mkdir(parents=True)
    monkeypatch.setattr(locations, "_PACKAGE", tmp_path)

    assert locations.models_folder() == tmp_path / "data" / "models"


def test_the_users_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LAYERSCOPE_HOME", str(tmp_path))

    assert locations.user_folder() == tmp_path


def test_the_users_folder_follows_the_system(monkeypatch):
    monkeypatch.delenv("LAYERSCOPE_HOME")
    monkeypatch.setattr(locations.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")

    assert locations.user_folder() == Path("/somewhere/layerscope")
