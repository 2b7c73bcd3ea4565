"""Tests of the command line's grammar."""

from pathlib import Path

import pytest

import layerscope
from layerscope.cli import arguments
from layerscope.cli.arguments import parse
from layerscope.core.errors import BadInputError


def test_no_arguments_ask_for_the_window():
    assert parse([]) == arguments.WindowRequest()


def test_a_model_and_an_input_go_to_the_window():
    wanted = arguments.WindowRequest(model="m.onnx", input="p.png")

    assert parse(["m.onnx", "p.png"]) == wanted


def test_first_run_without_a_display_names_a_picture():
    request = parse(["--offscreen-first-run", "out/first.png"])

    assert request == arguments.WindowRequest(first_run=Path("out/first.png"))


def test_run_takes_all_its_options():
    line = "run m --random 7 --device cuda --runs 20 --watch conv* --json"
    files = "--save-outputs o.npz --save-activations a.npz"

    request = parse([*line.split(), *files.split()])

    assert request == arguments.RunRequest(
        model="m",
        seed=7,
        device="cuda",
        runs=20,
        watch="conv*",
        save_outputs=Path("o.npz"),
        save_activations=Path("a.npz"),
        json=True,
    )


def test_a_picture_and_a_text_may_stand_together():
    request = parse(["run", "m", "--image", "a.png", "--text", "a cat\na dog"])

    assert request == arguments.RunRequest(
        model="m", image=Path("a.png"), text="a cat\na dog"
    )


def test_screenshot_reads_the_size_as_width_and_height():
    request = parse(["screenshot", "m", "-o", "f.png", "--size", "1280x800"])

    assert request == arguments.ScreenshotRequest(
        model="m", output=Path("f.png"), size=(1280, 800)
    )


@pytest.mark.parametrize(
    ("line", "request_type"),
    [
        ("inspect m --json", arguments.InspectRequest),
        ("bench m --json", arguments.BenchRequest),
        ("models --json", arguments.ModelsRequest),
    ],
)
def test_other_commands_are_known(line, request_type):
    request = parse(line.split())

    assert isinstance(request, request_type)
    assert request.json


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run", "MODEL"),
        ("run m --runs 0", "1 to 1,000,000 is wanted"),
        ("run m --runs two", "a whole number is wanted, not 'two'"),
        ("run m --random -1", "--random"),
        ("run m --image a.png --random 1", "not allowed with"),
        ("run m --text a --inputs a.npz", "--inputs: not allowed with argument --text"),
        ("run m --jso", "--jso"),
        ("inspect", "MODEL"),
        ("screenshot m", "-o"),
        ("screenshot m -o f.png --size big", "1440x900 is wanted, not 'big'"),
        ("screenshot m -o f.png --size 0x9", "1440x900 is wanted, not '0x9'"),
        ("screenshot m -o f.png --theme blue", "'blue'"),
        ("models extra", "extra"),
        ("--wrong", "--wrong"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_that_says_where_help_is(line, says):
    with pytest.raises(BadInputError) as caught:
        parse(line.split())

    message = str(caught.value)
    assert says in message
    assert "--help" in message
    assert "\n" not in message


def test_version_is_the_package_version(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--version"])

    assert not ended.value.code
    assert capsys.readouterr().out == f"layerscope {layerscope.__version__}\n"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])

    said = capsys.readouterr().out
    for command in ("run", "inspect", "bench", "screenshot", "models"):
        assert f"layerscope {command}" in said
