"""Where models and sample pictures are chosen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu

from layerscope.library.folders import models_in
from layerscope.protocol.messages import DecodePicture, Event, PictureDecoded
from layerscope.ui.panels import library_cards
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.widgets.card_list import CardList
from layerscope.ui.widgets.pixels import to_image

THUMBNAIL_PX = 96
_FOLDERS_OPTION = "library_folders"
_FOLDED_OPTION = "library_folded"


class LibraryPanel(Panel):
    """Bundled models, recent ones, the user's folders, sample pictures."""

    def __init__(self, controller: Any) -> None:
        super().__init__("library", "Library", controller)
        self.body.setContentsMargins(6, 8, 6, 6)
        self.body.setSpacing(4)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Filter")
        self.field.setAccessibleName("Filter the library")
        self.field.setToolTip(
            "Show only what holds these words: a name, a task, what it teaches"
        )
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self.mark_stale)
        self.list = CardList("Models and samples")
        self.list.opened.connect(self._open)
        self.list.folded.connect(self.set_folded)
        self.list.menu_wanted.connect(self._show_menu)
        self.body.addWidget(self.field)
        self.body.addWidget(self.list, 1)
        within = Qt.ShortcutContext.WidgetShortcut
        for key, act in (("Down", self._enter_list), ("Escape", self.field.clear)):
            shortcut = QShortcut(QKeySequence(key), self.field, act)
            shortcut.setContext(within)
        self.add_action(
            title_button(
                "",
                "Compare the models of a family",
                self.compare,
                icon="chart-column",
            )
        )
        self.add_action(
            title_button("", "Add a folder of models", self.choose_folder, icon="plus")
        )
        self._in_folders: list[tuple[Path, tuple[Path, ...]]] | None = None
        self._asked: set[str] = set()
        self._sizes: dict[str, str] = {}
        self._revealed = ""
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

    def set_folded(self, section: str, folded: bool) -> None:
        """Fold the rows of a section away, or back, now and at the next start."""
        now = self._folded()
        now = now | {section} if folded else now - {section}
        self.controller.preferences.set_option(_FOLDED_OPTION, "\n".join(sorted(now)))
        self.refresh()

    def compare(self) -> None:
        """Plot quality against size and latency."""
        # The plotting library takes longer to load than the window itself.
        from layerscope.ui.family_dialog import show_families

        show_families(self.window(), self.controller)

    def refresh(self) -> None:
        """List what there is now."""
        entries = self.controller.library()
        sections = library_cards.bundled_sections(
            entries, self.controller.session.model_path
        )
        sections.append(library_cards.recent_section(self.controller))
        sections += self._in_added_folders()
        sections.append(library_cards.sample_section(self.controller, self._sizes))
        wanted = self.field.text()
        cards = library_cards.arranged(sections, self._folded(), wanted)
        self.list.show_cards(cards)
        path = self.controller.session.model_path
        if path != self._revealed and self.list.isVisible():
            self._revealed = path
            self.list.reveal(f"model:{path}")
        self.set_clause(
            f"nothing holds “{wanted}”"
            if wanted.strip() and not cards
            else f"{len(entries)} bundled"
            if entries
            else ""
        )
        self._load_thumbnails()
        self._ask_thumbnails()

    def _in_added_folders(self) -> list[library_cards.Section]:
        if self._in_folders is None:
            self._in_folders = [(f, models_in(f)) for f in self._folders()]
        return [
            library_cards.folder_section(self.controller, folder, models)
            for folder, models in self._in_folders
        ]

    def _folded(self) -> set[str]:
        text = str(self.controller.preferences.option(_FOLDED_OPTION, ""))
        return {line for line in text.splitlines() if line}

    # --- what a click does ------------------------------------------------------

    def _enter_list(self) -> None:
        model = self.list.model()
        rows = (model.index(row, 0) for row in range(model.rowCount()))
        first = next((row for row in rows if self.list.is_card(row)), None)
        if first is not None:
            self.list.setFocus()
            self.list.setCurrentIndex(first)

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

    def _load_thumbnails(self) -> None:
        """Read the bundled models' own pictures: our files, and small."""
        for entry in self.controller.library():
            key = f"model:{entry.path}"
            if key not in self._asked:
                self._asked.add(key)
                if entry.thumbnail is not None:
                    self.list.set_thumbnail(key, QImage(str(entry.thumbnail)))

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


def _copy(text: str, _checked: bool = False) -> None:
    QGuiApplication.clipboard().setText(text)
