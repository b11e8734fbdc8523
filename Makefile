# make run: open the window on the webcam or the sample clip.
#   Without a display, annotate the sample clip.
# make test: run every check and test.
# make test-quick: run the quick tests only, for daily work.
# make docs: build the documents as a web site in build/site.
# make soak: run long trials of the window.
# make fuzz: feed changed files to the program for MINUTES (10), and keep what it does not refuse.
# make package: make the installable packages in dist/ (Linux: .deb, .rpm and .tar.gz).
# Each target first installs what it needs.
PYTHON ?= python3
MINUTES ?= 10
VENV := .venv
BIN := $(VENV)/bin

# Without compiled modules, each process of the tests would compile PyTorch anew, for 5 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-quick docs package lint soak fuzz env dev-env clean

run: env
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
	  $(BIN)/python main.py; \
	else \
	  echo "there is no display for the window: annotating the sample clip instead"; \
	  $(BIN)/python main.py process assets/media/bikes.mp4 -o output/bikes.mp4 --detections output/bikes.jsonl --overwrite; \
	fi

test: dev-env
	$(BIN)/python tools/run_tests.py --beside "make --no-print-directory lint"

test-quick: dev-env
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

docs: dev-env
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	$(BIN)/mkdocs build --strict

package:
	sh tools/package/make.sh

soak: dev-env
	$(BIN)/python tools/soak.py

fuzz: dev-env
	$(BIN)/python -m tools.fuzz --minutes $(MINUTES)

lint: dev-env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

env: $(VENV)/run-ready
dev-env: $(VENV)/dev-ready

$(VENV)/run-ready: requirements.txt tools/system_libraries.sh
	sh tools/system_libraries.sh run
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/dev-ready: $(VENV)/run-ready requirements-dev.txt
	sh tools/system_libraries.sh test
	# Modules are compiled when they are first imported: most of these never are.
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) output build dist
