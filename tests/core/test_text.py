from layerscope.core.text import MOST_CHARACTERS, cleaned


def test_plain_text_stays_as_it_is():
    assert cleaned("a\r\nb\0 é😀") == ("a\r\nb\0 é😀", "")


def test_halves_that_belong_together_become_their_character():
    assert cleaned("\ud83d\ude00") == ("😀", "")


def test_broken_surrogates_are_replaced_and_told():
    text, note = cleaned("a\ud83db\udc00")
    assert text == "a\ufffdb\ufffd"
    assert "2 in all" in note
    text.encode()


def test_ten_megabytes_are_cut_and_told():
    text, note = cleaned("words " * 1_750_000)
    assert len(text) == MOST_CHARACTERS
    assert "10,500,000 characters was cut after 200,000" in note
