# make run: a video annotated by a trained SSD. make test: every check and test. Both make what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint env dev-env clean

run: env
	$(BIN)/python main.py process assets/media/bikes.mp4 -o output/bikes.mp4 --detections output/bikes.jsonl --overwrite

test: dev-env lint
	$(BIN)/python -m pytest -q

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) output build dist
