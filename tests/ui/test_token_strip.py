"""Tokens run in lines, show their probability, and offer what could stand there."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget
from tests.ui import text_parts
from tests.ui.inside import point_at

from layerscope.protocol.answers import Token
from layerscope.ui import theme
from layerscope.ui.widgets.token_looks import probability_colours, token_facts, visible
from layerscope.ui.widgets.token_strip import TokenStrip


@pytest.fixture
def window(qapp, qtbot):
    theme.apply(qapp, "dark")
    made = QWidget()
    QVBoxLayout(made)
    qtbot.addWidget(made)
    made.resize(420, 300)
    return made


@pytest.fixture
def strip(window):
    made = TokenStrip("Tokens")
    window.layout().addWidget(made)
    window.show()
    return made


def all_tokens():
    return (*text_parts.tokens(), *text_parts.made())


def middle(strip, place):
    return strip.token_rect(place).center().toPoint()


def test_lines_break_after_a_line_end_and_at_the_edge(strip):
    strip.set_tokens(all_tokens())
    tops = [strip.token_rect(n).top() for n in range(len(strip.tokens))]
    assert tops[0] == tops[2] < tops[3]  # "\n" ends its line
    assert tops[3] == tops[7] < tops[8]
    strip.set_tokens(text_parts.made((" word",) * 60))
    rights = [strip.token_rect(n).right() for n in range(60)]
    assert max(rights) <= strip.viewport().width()
    assert strip.token_rect(59).top() > strip.token_rect(0).top()


def test_a_piece_of_a_word_stands_closer_than_a_new_word(strip):
    strip.set_tokens(text_parts.tokens((" win", "dow", " breaks")))
    first, second, third = (strip.token_rect(n) for n in range(3))
    assert second.left() - first.right() < third.left() - second.right()


def test_a_token_wears_the_colour_of_its_probability(strip, window):
    strip.set_tokens(all_tokens())
    image = strip.viewport().grab().toImage()
    place = strip.token_rect(len(text_parts.WORDS))
    spot = QPoint(round(place.left()) + 3, round(place.center().y()))
    expected, _ = probability_colours(0.6)
    found = image.pixelColor(spot * image.devicePixelRatio())
    assert abs(found.red() - expected.red()) <= 3
    assert abs(found.green() - expected.green()) <= 3
    given = strip.token_rect(0)
    spot = QPoint(round(given.left()) + 3, round(given.center().y()))
    assert image.pixelColor(spot).name() == QColor(theme.current().raised).name()


def test_likelier_is_lighter_for_every_step():
    greens = [probability_colours(p / 20)[0].green() for p in range(21)]
    assert greens == sorted(greens)
    assert greens[0] < greens[1] < greens[-1]


def test_what_cannot_be_seen_is_shown():
    assert visible("\n") == "⏎"
    assert visible("  ") == "␣␣"
    assert visible(" a\tb") == "a⇥b"
    assert visible("") == "∅"
    facts = token_facts(Token(id=7, text=" é", probability=0.61))
    assert "id 7" in facts
    assert "20 c3 a9" in facts
    assert "61 %" in facts


def test_a_click_and_the_arrows_choose_a_token(strip, qtbot):
    chosen = []
    strip.token_chosen.connect(chosen.append)
    strip.set_tokens(all_tokens())
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=middle(strip, 4))
    qtbot.keyClick(strip, Qt.Key.Key_Right)
    qtbot.keyClick(strip, Qt.Key.Key_Home)
    qtbot.keyClick(strip, Qt.Key.Key_Down)
    qtbot.keyClick(strip, Qt.Key.Key_Escape)
    assert chosen == [4, 5, 0, 3, -1]
    assert strip.selected == -1


def test_alternatives_open_under_the_pointer_and_can_be_taken(strip, qtbot):
    taken = []
    strip.can_continue = True
    strip.alternative_chosen.connect(lambda *pair: taken.append(pair))
    strip.set_tokens(all_tokens())
    place = len(text_parts.WORDS) + 1
    point_at(strip.viewport(), middle(strip, place))
    qtbot.waitUntil(lambda: strip.popup() is not None)
    popup = strip.popup()
    assert [row.text for row in popup.rows] == [" sun", " moon"]
    assert "moon 20 %" in popup.accessibleDescription()
    qtbot.mouseClick(popup, Qt.MouseButton.LeftButton, pos=QPoint(40, 22 + 3 + 25))
    assert taken == [(place, 1)]
    assert strip.popup() is None


def test_alternatives_can_be_taken_by_keys_alone(strip, qtbot):
    taken = []
    strip.can_continue = True
    strip.alternative_chosen.connect(lambda *pair: taken.append(pair))
    strip.set_tokens(all_tokens())
    strip.set_selected(len(text_parts.WORDS))
    qtbot.keyClick(strip, Qt.Key.Key_Return)
    popup = strip.popup()
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert taken == [(len(text_parts.WORDS), 1)]


def test_a_given_token_has_no_alternatives(strip, qtbot):
    strip.set_tokens(all_tokens())
    strip.set_selected(0)
    qtbot.keyClick(strip, Qt.Key.Key_Return)
    assert strip.popup() is None


def test_new_tokens_leave_the_others_where_they_are(strip):
    strip.set_tokens(all_tokens())
    before = [strip.token_rect(n) for n in range(5)]
    strip.set_tokens((*all_tokens(), *text_parts.made((" and",), first=300)))
    assert [strip.token_rect(n) for n in range(5)] == before
    strip.set_tokens(text_parts.tokens(("Other",)))
    assert len(strip.tokens) == 1
    assert strip.token_at(QPointF(10, 10)) == 0
    assert strip.token_at(QPointF(10, 120)) == -1


def test_it_follows_its_end_while_tokens_come(strip, window):
    strip.follow_end = True
    many = text_parts.made((" word",) * 400)
    for n in range(0, 400, 50):
        strip.set_tokens(many[:n])
    bar = strip.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    bar.setValue(0)
    strip.set_tokens(many)
    assert bar.value() == 0  # whoever reads further up is left alone


def test_only_what_is_new_is_laid_out_and_only_what_is_seen_painted(strip, monkeypatch):
    many = text_parts.made((" word",) * 5000)
    strip.set_tokens(many)
    placed, painted = [], []
    place, paint = strip._flow._place, strip._paint_chip
    monkeypatch.setattr(strip._flow, "_place", lambda t: (placed.append(t), place(t)))
    monkeypatch.setattr(
        strip, "_paint_chip", lambda p, n: (painted.append(n), paint(p, n))
    )
    strip.set_tokens((*many, *text_parts.made((" more",), first=9000)))
    strip.viewport().repaint()
    assert len(placed) == 1
    assert 0 < len(painted) < 200


def test_classes_colour_tokens_too(strip):
    strip.set_tokens(text_parts.tokens(), classes=[-1, 2, *[-1] * 8])
    image = strip.viewport().grab().toImage()
    rect = strip.token_rect(1)
    spot = QPoint(round(rect.left()) + 3, round(rect.center().y()))
    assert image.pixelColor(spot).name() != QColor(theme.current().raised).name()
