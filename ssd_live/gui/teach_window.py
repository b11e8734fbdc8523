"""The window in which a person labels the images of a project, and trains a detector on them."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import SsdLiveError
from ssd_live.gui.adding import Adding
from ssd_live.gui.carrying import Carrying
from ssd_live.gui.class_panel import MOST_KEYS, ClassPanel
from ssd_live.gui.jobs import Jobs
from ssd_live.gui.label_view import LabelView
from ssd_live.gui.mistakes_window import MistakesWindow
from ssd_live.gui.suggesting import Suggesting
from ssd_live.gui.teach_help import TeachHelp
from ssd_live.gui.training_panel import TrainingPanel
from ssd_live.gui.transport import clock
from ssd_live.gui.versions_panel import VersionsPanel
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.carry import carried, without_copies
from ssd_live.project.doubt import doubt_of
from ssd_live.project.editing import Editor
from ssd_live.project.labels import LabelledBox, ProjectImage, in_order
from ssd_live.project.store import Project
from ssd_live.remote.network import ModelRequest

_SIZE = (1240, 780)
_SIDE_WIDTH = 250
_CLASSES_HEIGHT = 190
_STATE_LINES = 2
_CLOSE_SECONDS = 60.0
_TENTH = 0.1


class TeachWindow(QWidget):
    """A window for `project`, which it closes at its end.

    `model_request` returns the model that suggests boxes, and `media_folder` the folder in which
    the user looks for images. `adding` adds images to the project. `used` is emitted with the name
    of the model when a version was put into use, and with "" when none is in use any more.
    """

    used = Signal(str)

    def __init__(
        self,
        project: Project,
        model_request: Callable[[], ModelRequest],
        parent: QWidget | None = None,
        media_folder: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._media_folder = media_folder
        self._project, self._editor = project, Editor(project)
        self.setWindowTitle(self.tr("Teach: {name}").format(name=project.name))
        self.resize(*_SIZE)
        self.setAcceptDrops(True)
        self._jobs = Jobs("images of the project", self)
        self._jobs.failed.connect(self._say)
        self._suggesting = Suggesting(project, self._jobs, model_request)
        self.adding = Adding(project, self._jobs, self)
        self.adding.said.connect(self._say)
        self.adding.added.connect(self._show_new)
        # Labelling waits while files are added.
        self.adding.began.connect(lambda: self.setEnabled(False))
        self.adding.ended.connect(self._files_added)
        self.adding.found.connect(self._show_findings)
        self._carrying = Carrying(self._editor, self)
        self._carrying.said.connect(self._say)
        self._carrying.changed.connect(self._show_carried)
        self._pixels: Pixels | None = None
        self._is_closing = False
        # Pixels that come after another image was chosen are left out.
        self._asked = 0
        self._make_widgets()
        self._lay_out()
        self._make_shortcuts()
        self._show_classes()
        self._show_list()
        self._list.setCurrentRow(0)
        self._view.setFocus()

    @property
    def project(self) -> Project:
        """The project that is open."""
        return self._project

    @property
    def has_image(self) -> bool:
        """Whether the chosen image is shown; it is read in a thread."""
        return self._pixels is not None

    # Building.

    def _make_widgets(self) -> None:
        self._filter = QComboBox()
        self._filter.setAccessibleName(self.tr("Which images are listed"))
        for text, value in (
            (self.tr("All images"), ""),
            (self.tr("Not labelled"), "todo"),
            (self.tr("Labelled"), "done"),
            (self.tr("The unsure first"), "doubt"),
        ):
            self._filter.addItem(text, value)
        self._filter.currentIndexChanged.connect(lambda _: self._show_list())
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Images"))
        self._list.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._list.currentRowChanged.connect(lambda _: self._choose())
        self._view = LabelView()
        self._view.changed.connect(self._store_boxes)
        self._view.selection_changed.connect(lambda _: self._show_selected_class())
        self._classes = ClassPanel(self._project)
        self._classes.chosen.connect(self._view.set_class)
        self._classes.changed.connect(self._show_classes)
        self._classes.added.connect(self._draw_next)
        self._classes.merged.connect(self._merged)
        self._counts, self._state = QLabel(), QLabel()
        self._hint = QLabel(
            self.tr(
                "Draw a box around each object; click a box to move it · 1 to 9: class · Enter: "
                "all are right, next image · N: nothing here · F1: all keys"
            )
        )
        for label in (self._state, self._hint):
            label.setWordWrap(True)
        # The image must not move when a line comes or goes.
        self._state.setFixedHeight(_STATE_LINES * self._state.fontMetrics().lineSpacing())
        self._state.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._view.text = self.tr(
            "Add images or a video, or take frames from the main window: with the key J, or with "
            "“Collect a frame every 2 seconds” in its menu Tools."
        )
        self._add = QPushButton(self.tr("Add images or a video…"))
        self._add.setToolTip(self.tr("Of a video, a frame of each second is added"))
        self._add.clicked.connect(self._ask_for_images)
        self._add_folder = QPushButton(self.tr("Add a folder or a data set…"))
        self._add_folder.setToolTip(
            self.tr("A folder of images, or a data set of VOC, COCO or YOLO with its labels")
        )
        self._add_folder.clicked.connect(self._ask_for_folder)
        self._suggest = QPushButton(self.tr("Suggest (S)"))
        self._suggest.setToolTip(self.tr("Ask the model in use for boxes in this image"))
        self._suggest.clicked.connect(self._ask_for_suggestions)
        self._carry = QPushButton(self.tr("Follow through the video (Shift+T)"))
        self._carry.setToolTip(
            self.tr("Carry the boxes of this image into the images after it, until a labelled one")
        )
        self._carry.clicked.connect(self._carry_on)
        self._training = TrainingPanel(self._project)
        self._versions = VersionsPanel(self._project, self)
        self._training.trained.connect(self._versions.refresh)
        self._versions.used.connect(self._used)
        self._versions.mistakes_asked.connect(self._show_mistakes)
        for panel in (self._classes, self._training, self._versions):
            panel.said.connect(self._say)

    def _lay_out(self) -> None:
        left, middle, right = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        left.addWidget(self._add)
        left.addWidget(self._add_folder)
        left.addWidget(self._filter)
        left.addWidget(self._list, 1)
        left.addWidget(self._counts)
        middle.addWidget(self._view, 1)
        middle.addWidget(self._hint)
        middle.addWidget(self._state)
        self._classes.setFixedHeight(_CLASSES_HEIGHT)
        right.addWidget(self._classes)
        for widget in (self._suggest, self._carry, self._training, self._versions):
            right.addWidget(widget)
        # What comes and goes is at the end, so that no button moves under the mouse.
        right.addStretch(1)
        side = QWidget()
        side.setLayout(right)
        right.setContentsMargins(0, 0, 0, 0)
        scrolled = QScrollArea()
        scrolled.setWidget(side)
        scrolled.setWidgetResizable(True)
        scrolled.setFrameShape(QFrame.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scrolled.setFixedWidth(_SIDE_WIDTH + scrolled.verticalScrollBar().sizeHint().width())
        layout = QHBoxLayout(self)
        layout.addLayout(left)
        layout.addLayout(middle, 1)
        layout.addWidget(scrolled)
        self._list.setFixedWidth(_SIDE_WIDTH)
        side.setFixedWidth(_SIDE_WIDTH)

    def _make_shortcuts(self) -> None:
        view = self._view
        for keys, slot in (
            (("D", "PgDown"), lambda: self._go(1)),
            (("A", "PgUp"), lambda: self._go(-1)),
            (("Return", "Enter"), self._accept),
            (("N",), self._mark_nothing),
            (("U",), self._mark_unlabelled),
            (("C",), lambda: self._copy_before(carries=False)),
            (("T",), lambda: self._copy_before(carries=True)),
            (("S",), self._ask_for_suggestions),
            (("X",), view.toggle_difficult),
            (("Delete", "Backspace"), view.delete_selected),
            (("Shift+Delete",), self._ask_to_remove),
            (("Ctrl+Z",), lambda: self._step(self._editor.undo)),
            (("Ctrl+Y", "Ctrl+Shift+Z"), lambda: self._step(self._editor.redo)),
            (("Ctrl++", "Ctrl+="), lambda: view.zoom(1.25)),
            (("Ctrl+-",), lambda: view.zoom(0.8)),
            (("Ctrl+0",), view.fit),
            (("Escape",), lambda: view.select(-1)),
            (("F1",), lambda: TeachHelp(self).exec()),
        ):
            for key in keys:
                QShortcut(QKeySequence(key), self, slot)
        # A key that is held down must not stop what it began.
        QShortcut(QKeySequence("Shift+T"), self, self._carry_on).setAutoRepeat(False)
        for number in range(MOST_KEYS):
            QShortcut(QKeySequence(str(number + 1)), self, lambda row=number: self._set_class(row))

    # What is shown.

    @property
    def _image(self) -> ProjectImage | None:
        item = self._list.currentItem()
        return None if item is None else self._project.image(_number_of(item))

    def _listed(self) -> list[ProjectImage]:
        wanted, images = self._filter.currentData(), in_order(self._project.images)
        if wanted == "todo":
            return [image for image in images if not image.is_labelled]
        if wanted == "done":
            return [image for image in images if image.is_labelled]
        if wanted == "doubt":
            return sorted(images, key=_doubt_of, reverse=True)
        if wanted:
            return [its for its in images if any(box.class_id == wanted for box in its.boxes)]
        return images

    def _show_list(self) -> None:
        """List the images, and keep the chosen one if it is still listed."""
        kept = self._image
        self._list.blockSignals(True)
        self._list.clear()
        row = 0
        for image in self._listed():
            if kept is not None and image.number == kept.number:
                row = self._list.count()
            self._list_image(image, self._list.count())
        self._list.setCurrentRow(row)
        self._list.blockSignals(False)
        self._choose()

    def _list_image(self, image: ProjectImage, row: int) -> None:
        item = QListWidgetItem()
        item.setData(Qt.ItemDataRole.UserRole, image.number)
        self._list.insertItem(row, item)
        self._show_item(item, image)

    def _show_item(self, item: QListWidgetItem, image: ProjectImage) -> None:
        mark = "✓ " if image.is_labelled else ""
        sure, guesses = len(image.sure_boxes), len(image.boxes) - len(image.sure_boxes)
        # Suggestions have a question mark.
        counts = (str(sure or ""), f"{guesses}?" if guesses else "")
        more = f" ({' + '.join(filter(None, counts))})" if any(counts) else ""
        item.setText(f"{mark}{_title_of(image)}{more}")

    def _show_counts(self) -> None:
        done, count = self._project.labelled_count, len(self._project)
        self._counts.setText(
            self.tr("{done} of {all} images labelled").format(done=done, all=count)
        )
        self._classes.show_counts()

    def _show_classes(self) -> None:
        self._view.names = self._project.classes
        self._show_class_filters()
        if self._view.class_id not in self._project.classes:
            self._view.class_id = self._classes.number_at(0) or 0
        self._show_selected_class()
        self._show_boxes()

    def _draw_next(self, number: int) -> None:
        """Draw boxes of a class that was added; who adds one wants to draw it."""
        self._view.select(-1)
        self._view.class_id = number
        self._show_selected_class()

    def _merged(self) -> None:
        """Show the classes after one was merged into another."""
        # Earlier boxes are of a class that is gone.
        self._editor.forget()
        self._carrying.stop()
        self._show_classes()
        self._show_list()

    def _show_class_filters(self) -> None:
        """List the images with each class as choices of the filter."""
        chosen = self._filter.currentData()
        self._filter.blockSignals(True)
        for row in reversed(range(self._filter.count())):
            if isinstance(self._filter.itemData(row), int):
                self._filter.removeItem(row)
        for number, name in self._project.classes.items():
            self._filter.addItem(self.tr("With {name}").format(name=name), number)
        self._filter.setCurrentIndex(max(self._filter.findData(chosen), 0))
        self._filter.blockSignals(False)

    def _show_selected_class(self) -> None:
        index = self._view.selected
        wanted = self._view.boxes[index].class_id if index >= 0 else self._view.class_id
        self._classes.select(wanted)

    def _choose(self) -> None:
        """Show the chosen image."""
        image = self._image
        self._view.select(-1)
        self._asked += 1
        self._pixels = None
        if not self._training.is_running and not self._versions.is_running:
            self._state.clear()
        # Nothing is drawn on an image that is not shown yet.
        self._view.show_image(None)
        self._view.show_boxes(())
        if image is None:
            return
        number, path = self._asked, self._project.path_of(image)

        def show(pixels: Pixels | None) -> None:
            if number == self._asked and pixels is not None:
                self._pixels = pixels
                self._view.show_image(pixels)
                self._show_boxes()

        # Images that nobody waits for any more are not read.
        self._jobs.do(lambda: read_image(path).bgr() if number == self._asked else None, show)

    def _show_boxes(self) -> None:
        image = self._image
        is_shown = image is not None and self._pixels is not None
        self._view.show_boxes(image.boxes if is_shown and image is not None else ())
        item = self._list.currentItem()
        if item is not None and image is not None:
            self._show_item(item, image)
        self._show_counts()

    def _say(self, text: str) -> None:
        self._state.setText(text.removeprefix("error: "))

    # Labelling.

    def _try(self, what: Callable[[], object]) -> bool:
        """Do something that may fail to be stored; return whether it was."""
        try:
            what()
        except SsdLiveError as error:
            self._say(str(error))
            self._show_boxes()
            return False
        self._show_boxes()
        return True

    @property
    def _shown_image(self) -> ProjectImage | None:
        """The chosen image if it is shown already; nobody labels what he does not see."""
        return self._image if self.has_image else None

    def _store_boxes(self, boxes: tuple[LabelledBox, ...]) -> None:
        image = self._shown_image
        if image is not None:
            self._try(lambda: self._editor.set_boxes(image.number, boxes))

    def _go(self, step: int) -> None:
        row = self._list.currentRow() + step
        if 0 <= row < self._list.count():
            self._list.setCurrentRow(row)

    def _accept(self) -> None:
        image = self._shown_image
        if image is not None and self._try(lambda: self._editor.accept(image.number)):
            self._go(1)

    def _mark_nothing(self) -> None:
        image = self._shown_image
        if image is not None and self._try(lambda: self._editor.mark_nothing(image.number)):
            self._go(1)

    def _mark_unlabelled(self) -> None:
        image = self._image
        if image is not None:
            self._try(lambda: self._editor.mark_unlabelled(image.number))

    def _set_class(self, row: int) -> None:
        number = self._classes.number_at(row)
        if number is not None:
            self._view.set_class(number)
            self._show_selected_class()

    def _copy_before(self, *, carries: bool) -> None:
        """Copy the boxes of the image before, or find their objects in this one."""
        row, image, pixels = self._list.currentRow(), self._image, self._pixels
        if row < 1 or image is None or pixels is None:
            return
        before = self._project.image(_number_of(self._list.item(row - 1))).sure_boxes
        if not carries:
            self._add_boxes(before)
            return
        number = self._asked
        path = self._project.path_of(self._project.image(_number_of(self._list.item(row - 1))))

        def show(boxes: list[LabelledBox]) -> None:
            if number == self._asked:
                self._add_boxes(boxes)

        self._jobs.do(lambda: carried(before, read_image(path).bgr(), pixels), show)

    def _add_boxes(self, boxes: Sequence[LabelledBox]) -> None:
        """Add boxes to those that the shown image has now, in place of suggestions.

        One that lies where the image has a box of its class is not added.
        """
        image = self._shown_image
        if image is not None:
            # A class may have been merged meanwhile.
            known = self._project.classes
            new = [its for its in boxes if its.class_id in known]
            self._store_boxes((*image.sure_boxes, *without_copies(new, image.sure_boxes)))

    def _carry_on(self) -> None:
        """Follow the objects of this image through its video, or stop that."""
        if self._carrying.is_running:
            self._carrying.stop()
        elif self._shown_image is not None:
            self._carrying.start(self._shown_image)

    def _show_carried(self, numbers: set[int]) -> None:
        self._show_rows(numbers)
        self._show_boxes()

    def _step(self, move: Callable[[], list[int]]) -> None:
        """Undo or redo, and go to the image that it changed, if it was one."""
        try:
            numbers = move()
        except SsdLiveError as error:
            self._say(str(error))
            return
        row = self._row_of(numbers[0]) if len(numbers) == 1 else None
        if row is not None and row != self._list.currentRow():
            self._list.setCurrentRow(row)
        elif len(numbers) > 1:
            self._say(self.tr("Changed %n image(s)", "", len(numbers)))
        self._show_rows(set(numbers))
        self._show_boxes()

    def _show_rows(self, numbers: Collection[int]) -> None:
        """Show what these images have now in the list."""
        for row in range(self._list.count()):
            item = self._list.item(row)
            if _number_of(item) in numbers:
                self._show_item(item, self._project.image(_number_of(item)))

    def _ask_to_remove(self) -> None:
        """Ask whether the shown image is to be deleted, and delete it."""
        image = self._image
        if image is None:
            return
        question = self.tr("Delete the image {name} from the project? There is no way back.")
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            self.tr("Delete the image"),
            question.format(name=image.file_name),
            buttons.Yes | buttons.No,
            # Enter is the key that is pressed the most.
            buttons.No,
        )
        if answer == QMessageBox.StandardButton.Yes:
            self._remove(image)

    def _remove(self, image: ProjectImage) -> None:
        """Delete the shown image."""
        said = ""
        try:
            self._project.remove(image)
        except SsdLiveError as error:
            said = str(error)
        if image.number not in {its.number for its in self._project.images}:
            row = self._list.currentRow()
            self._list.blockSignals(True)
            self._list.takeItem(row)
            self._list.setCurrentRow(min(row, self._list.count() - 1))
            self._list.blockSignals(False)
            self._choose()
            self._show_counts()
        if said:
            self._say(said)

    def _ask_for_suggestions(self) -> None:
        """Ask the model in use for boxes; what a person has drawn stays."""
        image, pixels, number = self._image, self._pixels, self._asked
        if image is None or pixels is None:
            return
        self._say(self.tr("Looking for objects …"))

        def show(boxes: Sequence[LabelledBox]) -> None:
            if number != self._asked:
                return
            text = self.tr("Suggested boxes: {count}").format(count=len(boxes))
            if not boxes:
                text = self.tr("The model in use finds none of these classes here")
            self._say(text)
            # What was drawn meanwhile stays, and earlier suggestions go.
            now = self._shown_image
            if now is not None:
                self._store_boxes((*now.sure_boxes, *boxes))

        self._suggesting.ask(pixels, (image.width, image.height), show)

    # Collecting.

    def _show_new(self, image: ProjectImage) -> None:
        """List a new image; what is being labelled stays as it is."""
        if self._filter.currentData() in ("", "todo", "doubt"):
            order = {its.number: place for place, its in enumerate(self._listed())}
            place, count = order[image.number], self._list.count()
            numbers = [_number_of(self._list.item(row)) for row in range(count)]
            later = (row for row, number in enumerate(numbers) if order.get(number, -1) > place)
            self._list_image(image, next(later, count))
        self._show_counts()
        if self._image is None:
            self._list.setCurrentRow(0)

    def _ask_for_images(self) -> None:
        suffixes = " ".join(f"*{its}" for its in sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))
        names, _ = QFileDialog.getOpenFileNames(
            self,
            self.tr("Add images"),
            self._media_folder(),
            self.tr("Images and videos ({suffixes})").format(suffixes=suffixes),
        )
        if names:
            self.adding.add_files([Path(name) for name in names])

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, self.tr("Add a folder or a data set"), self._media_folder()
        )
        if name:
            self.adding.add_files([Path(name)])

    def _show_findings(self, findings: Sequence[str]) -> None:
        """Show what is wrong in data that were added."""
        text = self.tr("%n thing(s) in the data are wrong or were left out.", "", len(findings))
        box = QMessageBox(QMessageBox.Icon.Warning, self.windowTitle(), text, parent=self)
        box.setDetailedText("\n".join(findings))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def _files_added(self) -> None:
        self.setEnabled(True)
        # A data set may have brought classes.
        self._classes.refresh()
        self._show_classes()
        self._show_list()
        self._view.setFocus()

    def _used(self, name: str) -> None:
        # The model of this name is another one now.
        self._suggesting.forget()
        self.used.emit(name)

    def _show_mistakes(self, folder: Path) -> None:
        """Show the images of the mistakes of a version."""
        self._close_mistakes()
        title = self.tr("Mistakes of version {number}").format(number=folder.parent.name)
        window = MistakesWindow(folder, title, self)
        window.chosen.connect(self._show_named)
        window.move(self.frameGeometry().topLeft())
        # It must not stay above this window, which shows the image that is chosen.
        window.winId()
        window.windowHandle().setTransientParent(None)  # type: ignore[arg-type]
        window.show()

    def _close_mistakes(self) -> None:
        for window in self.findChildren(MistakesWindow):
            window.close()

    def _show_named(self, stem: str) -> None:
        """Show the image for judging whose file has this name without its ending."""
        for image in self._project.images:
            if image.part == "judge" and Path(image.file_name).stem == stem:
                self._show_image(image.number)
                return
        self._say(self.tr("The image {name} is not in the project any more").format(name=stem))

    def _show_image(self, number: int) -> None:
        """Choose an image; if the list leaves it out, list all."""
        if self._row_of(number) is None:
            self._filter.setCurrentIndex(0)
        row = self._row_of(number)
        if row is not None:
            self._list.setCurrentRow(row)
            self.activateWindow()

    def _row_of(self, number: int) -> int | None:
        rows = range(self._list.count())
        return next((row for row in rows if _number_of(self._list.item(row)) == number), None)

    def may_close(self) -> bool:
        """Return whether the window may be closed; while it trains or installs, ask the user."""
        return self._is_closing or self._training.may_close()

    def close_project(self) -> None:
        """Pause a training, end the threads, and close the project."""
        if self._is_closing:
            return
        self._is_closing = True
        self._training.close_panel()
        self._versions.close_panel()
        self._close_mistakes()
        self._carrying.close(_CLOSE_SECONDS)
        # What is being added is completed first, up to the image that is being read.
        self.adding.stop()
        self._suggesting.forget()
        self._jobs.close(_CLOSE_SECONDS)
        self._project.close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        event.acceptProposedAction()
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.adding.add_files(paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        if not self.may_close():
            event.ignore()
            return
        self.close_project()
        super().closeEvent(event)


def _number_of(item: QListWidgetItem) -> int:
    return int(item.data(Qt.ItemDataRole.UserRole))


def _title_of(image: ProjectImage) -> str:
    """Return the name of an image: for a frame of a video, the video and the time in it."""
    path = Path(image.source)
    if image.seconds is None or path.suffix.lower() not in VIDEO_SUFFIXES:
        return Path(image.file_name).stem
    return f"{path.stem} {clock(image.seconds, tenths=image.seconds % 1 >= _TENTH)}"


def _doubt_of(image: ProjectImage) -> float:
    """Return how unsure the labels of an image are: of suggestions, or when it was collected."""
    unsure = doubt_of(each.score for each in image.boxes if each.score is not None)
    return -1.0 if image.is_labelled else max(unsure, image.doubt or 0.0)
