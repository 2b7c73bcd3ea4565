"""Where models and sample pictures are chosen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu

from layerscope.library.folders import models_in
from layerscope.library.samples import sample_title
from layerscope.protocol.inputs import PictureFile
from layerscope.protocol.messages import DecodePicture, Event, PictureDecoded
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.widgets.card_list import Card, CardList
from layerscope.ui.widgets.pixels import to_image
from layerscope.ui.widgets.readable import size_of

THUMBNAIL_PX = 96
MAX_RECENT_SHOWN = 8
_FOLDERS_OPTION = "library_folders"
_WORDS = {
    "image-classification": "pictures",
    "image-segmentation": "segmentation",
    "object-detection": "detection",
    "image-to-image": "picture to picture",
    "text-generation": "text",
}


class LibraryPanel(Panel):
    """Bundled models, recent ones, the user's folders, sample pictures."""

    def __init__(self, controller: Any) -> None:
        super().__init__("library", "Library", controller)
        self.body.setContentsMargins(6, 4, 6, 6)
        self.list = CardList("Models and samples")
        self.list.opened.connect(self._open)
        self.list.menu_wanted.connect(self._show_menu)
        self.body.addWidget(self.list)
        self.add_action(
            title_button("", "Add a folder of models", self.choose_folder, icon="plus")
        )
        self._in_folders: list[tuple[Path, tuple[Path, ...]]] | None = None
        self._asked: set[str] = set()
        self._sizes: dict[str, str] = {}
        events = controller.session.events
        for signal in (
            events.recent,
            events.model_path,
            events.preflight,
            events.inputs,
            events.engine,
        ):
            self.listen(signal)

    def choose_folder(self) -> None:
        """Ask for a folder whose models are to be listed."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of models")
        if folder:
            self.add_folder(Path(folder))

    def add_folder(self, folder: Path) -> None:
        """List the models of `folder`, now and at the next start."""
        self._set_folders([*(f for f in self._folders() if f != folder), folder])

    def remove_folder(self, folder: Path) -> None:
        """Take a folder off the list; its files stay."""
        self._set_folders([f for f in self._folders() if f != folder])

    def refresh(self) -> None:
        """List what there is now."""
        cards = [*self._bundled(), *self._recent(), *self._in_added_folders()]
        cards += self._samples()
        self.list.show_cards(cards)
        self._ask_thumbnails()

    # --- the four parts ---------------------------------------------------------

    def _bundled(self) -> list[Card]:
        entries = self.controller.library()
        cards = [
            Card(
                title=entry.title,
                key=f"model:{entry.path}",
                detail=_entry_detail(entry),
                icon="image" if "image" in entry.task else "box",
                tooltip=entry.teaches,
                chosen=self._is_open(entry.path),
            )
            for entry in entries
        ]
        return [Card(title="Bundled"), *cards] if cards else []

    def _recent(self) -> list[Card]:
        bundled = {str(entry.path) for entry in self.controller.library()}
        paths = [p for p in self.controller.session.recent if p not in bundled]
        cards = [self._model_card(Path(p)) for p in paths[:MAX_RECENT_SHOWN]]
        return [Card(title="Recent"), *cards] if cards else []

    def _in_added_folders(self) -> list[Card]:
        if self._in_folders is None:
            self._in_folders = [(f, models_in(f)) for f in self._folders()]
        cards: list[Card] = []
        for folder, models in self._in_folders:
            cards.append(Card(title=folder.name or str(folder)))
            cards += [self._model_card(path) for path in models]
            if not models:
                cards.append(
                    Card(
                        title="No models here",
                        key=f"folder:{folder}",
                        detail="right click to remove",
                        icon="folder",
                        tooltip=str(folder),
                    )
                )
        return cards

    def _samples(self) -> list[Card]:
        shown = {
            source.path
            for source in self.controller.session.inputs.values()
            if isinstance(source, PictureFile)
        }
        cards = [
            Card(
                title=sample_title(path),
                key=f"sample:{path}",
                detail=self._sizes.get(str(path), path.suffix[1:].upper()),
                icon="image",
                tooltip=f"Use {path.name} as the input",
                chosen=str(path) in shown,
            )
            for path in self.controller.sample_pictures()
        ]
        return [Card(title="Samples"), *cards] if cards else []

    def _model_card(self, path: Path) -> Card:
        chosen = self._is_open(path)
        return Card(
            title=path.name,
            key=f"model:{path}",
            detail=self._open_detail() if chosen else _path_detail(path),
            icon="folder" if not path.suffix else "component",
            tooltip=str(path),
            chosen=chosen,
        )

    def _is_open(self, path: Path) -> bool:
        return bool(self.controller.session.model_path == str(path))

    def _open_detail(self) -> str:
        report = self.controller.session.preflight
        if report is None:
            return "open"
        opset = report.opsets.get("ai.onnx") or report.opsets.get("")
        parts = [f"{report.n_nodes:,} node{'s' if report.n_nodes != 1 else ''}"]
        if opset:
            parts.append(f"opset {opset}")
        parts.append(size_of(report.file_bytes))
        return " · ".join(parts)

    # --- what a click does ------------------------------------------------------

    def _open(self, key: str) -> None:
        kind, _, path = key.partition(":")
        if kind == "model":
            self.controller.open_model(path)
        elif kind == "sample":
            self.controller.open_path(path)

    def _show_menu(self, key: str, place: QPoint) -> None:
        menu = self.menu_for(key)
        menu.exec(place)
        menu.deleteLater()

    def menu_for(self, key: str) -> QMenu:
        """Return the menu of one row."""
        kind, _, path = key.partition(":")
        menu = QMenu(self)
        if kind != "folder":
            menu.addAction("Open").triggered.connect(partial(self._open_now, key))
        menu.addAction("Copy path").triggered.connect(partial(_copy, path))
        if kind == "model" and path in self.controller.session.recent:
            menu.addAction("Remove from Recent").triggered.connect(
                partial(self._forget, path)
            )
        for folder in self._folders():
            if Path(path) == folder or Path(path).parent == folder:
                menu.addAction(f"Remove folder {folder.name}").triggered.connect(
                    partial(self._forget_folder, folder)
                )
        return menu

    def _open_now(self, key: str, _checked: bool = False) -> None:
        self._open(key)

    def _forget(self, path: str, _checked: bool = False) -> None:
        self.controller.forget_recent(path)

    def _forget_folder(self, folder: Path, _checked: bool = False) -> None:
        self.remove_folder(folder)

    # --- added folders ----------------------------------------------------------

    def _folders(self) -> list[Path]:
        text = str(self.controller.preferences.option(_FOLDERS_OPTION, ""))
        return [Path(line) for line in text.splitlines() if line]

    def _set_folders(self, folders: list[Path]) -> None:
        text = "\n".join(str(folder) for folder in folders)
        self.controller.preferences.set_option(_FOLDERS_OPTION, text)
        self._in_folders = None
        self.mark_stale()

    # --- thumbnails -------------------------------------------------------------

    def _ask_thumbnails(self) -> None:
        if self.controller.session.engine not in ("ready", "busy"):
            return
        for card in self.list.cards():
            kind, _, path = card.key.partition(":")
            if kind == "sample" and path not in self._asked:
                self._asked.add(path)
                command = DecodePicture(
                    job=self.controller.client.next_job(), path=path, size=THUMBNAIL_PX
                )
                self.controller.query(command, self._show_thumbnail)

    def _show_thumbnail(self, event: Event) -> None:
        if isinstance(event, PictureDecoded):
            image = to_image(self.controller.get_array(event.array))
            self.list.set_thumbnail(f"sample:{event.path}", image)
            self._sizes[event.path] = f"{event.width} × {event.height}"
            self.mark_stale()


def _entry_detail(entry: Any) -> str:
    parts = [_WORDS.get(entry.task, entry.task.replace("-", " "))]
    if entry.value == entry.value:  # not NaN
        share = 0 <= entry.value <= 1
        parts.append(f"{100 * entry.value:.1f} %" if share else f"{entry.value:g}")
    parts.append(size_of(entry.bytes))
    return " · ".join(part for part in parts if part)


def _path_detail(path: Path) -> str:
    try:
        size = size_of(path.stat().st_size) if path.is_file() else "folder"
    except OSError:
        return "not there now"
    if not path.exists():
        return "not there now"
    return f"{size} · {path.parent.name}"


def _copy(text: str, _checked: bool = False) -> None:
    QGuiApplication.clipboard().setText(text)
