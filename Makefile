# Everything here can be typed by hand: it only calls python -m models | search | ensemble.
#
#   make demo                       recordings, search, confirmation, ensemble, submission files, check
#   make demo DATA=my/recordings    the same road on your own recordings
#   make bench                      the packed store against the plain ways of reading
#   make test                       all tests but those of a whole cluster
#   make test-system                those, on a cluster of machines within this one; as root
#   make check                      format, lint, types, tests

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
CLUSTER_READY := $(VENV)/ready-for-clusters
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint .ci/constraints.txt --editable

DEMO ?= demo
SYNTH ?= --mice 3 --neurons 60 --train-trials 120 --seed 0
TRIALS ?= 8
SEARCH ?= --grace 3 --reduction 2
CONFIRM ?= --top 4 --folds 0,1 --seeds 1
DATA ?=
RECORDINGS := $(or $(DATA),$(DEMO)/recordings)
STORE := $(DEMO)/recordings.packed
# What a demo makes, and so may remove; never the whole folder, which could be somebody's.
MADE := $(addprefix $(DEMO)/,recordings recordings.truth recordings.packed searches submission)
# Two workers of one thread each use two cores better than one process of two threads.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo bench test test-system check format clean

$(READY): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[dev]'
	@touch $@

$(CLUSTER_READY): $(READY)
	$(INSTALL) '.[dev,cluster]'
	@touch $@

demo: $(READY)
	rm -rf $(MADE)
ifeq ($(DATA),)
	$(BIN)/python -m models synth $(RECORDINGS) $(SYNTH)
endif
	$(BIN)/python -m models check $(RECORDINGS)
	$(BIN)/python -m models pack $(RECORDINGS) --to $(STORE)
	$(BIN)/python -m models folds $(STORE) --most 5
	$(BIN)/python -m search run $(STORE) --name demo --space demo --trials $(TRIALS) \
		--home $(DEMO)/searches $(SEARCH)
	$(BIN)/python -m search confirm demo --home $(DEMO)/searches $(CONFIRM)
	$(BIN)/python -m ensemble build demo --data $(STORE) --out $(DEMO)/submission \
		--home $(DEMO)/searches
	$(BIN)/python -m ensemble check $(DEMO)/submission --data $(STORE)
	@echo
	@echo "The submission files, their manifest.json and a report.html are in $(DEMO)/submission."
	@echo "Browse the search:   $(BIN)/python -m search ui --home $(DEMO)/searches"
	@echo "See its trials:      $(BIN)/python -m search status demo --home $(DEMO)/searches"
	@echo "Score one run:       $(BIN)/python -m models score $(DEMO)/searches/demo/runs/0 --data $(STORE)"

bench: $(READY)
	$(BIN)/python -m models bench recordings

test: $(READY)
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not system"

test-system: $(CLUSTER_READY)
	$(ONE_THREAD) $(BIN)/python -m pytest -m system -x -rs tests/system

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not system"

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(MADE)
