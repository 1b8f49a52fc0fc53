# Each target does all its own set-up on a machine with Python 3.11+ and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What is installed is compiled when it is first imported, once for all processes, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=
# One process a core (at most four), one thread each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist worksteal

.PHONY: bench test test-fast test-thorough test-all test-cluster benchmark race docs publish lint clean

bench: $(STAMP)  ## one run on the embedded data set: a table
	$(BIN)/python -m bench method=bebr budget=8x

test: $(STAMP)  ## the tests that take less than half a second each, and a few longer ones of each kind; THOROUGH=1: those below, too
	$(PYTEST) -m "not slow and not cluster$(if $(THOROUGH),, and not thorough)"

test-fast: $(STAMP)  ## those of them that start no processes
	$(PYTEST) -m "not slow and not cluster and not thorough and not integration"

test-thorough: $(STAMP)  ## what `make test` leaves out: every method on every kind of vectors, every page's commands, every path of kernels
	$(PYTEST) -m "thorough and not slow and not cluster"

test-all: $(STAMP)  ## all of these, and the slow ones
	$(PYTEST) -m "not cluster"

test-cluster: $(STAMP)  ## sweeps on a Slurm and a Ray that are started here; Slurm is Debian's: apt-get install slurm-wlm munge
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[ray,slurm]"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m cluster tests/bench/cluster

benchmark: $(STAMP)  ## pytest-benchmark: encode and search of every method; writes results/benchmark.json
	mkdir -p results
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-json=results/benchmark.json

race: $(STAMP)  ## scans of ours, of faiss and of turbovec (if it is installed) in turns: a table; BENCH_RACE_DATA names the data set
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 RAYON_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks/test_race.py --benchmark-only -q

docs: $(STAMP)  ## the list of methods, from their classes, and of engines, from their catalogue
	$(BIN)/python results/scripts/methods_page.py
	$(BIN)/python results/scripts/engines_page.py

publish: $(STAMP)  ## the page, figures and tables of the published records; no number is written by hand
	$(BIN)/python -m bench.report results/published --out results/published --format html,md,csv,png
	$(BIN)/python -m bench.report results/published/squad-sentences.parquet --overview docs/recall_against_bytes.png --known int8,pq,opq,rabitq,sign --figure docs/recall_by_family.png
	$(BIN)/python -m bench.report results/published/squad-tokens-128.parquet --figure docs/multivector_bytes.png
	$(BIN)/python -m bench.report results/published/squad-tokens-128.parquet --against latency --figure docs/multivector_latency.png
	$(BIN)/python results/scripts/frontier.py
	$(BIN)/python results/scripts/ceiling.py
	$(BIN)/python results/scripts/multivector.py
	$(BIN)/python results/scripts/multivector_measured.py --tables
	$(BIN)/python results/scripts/multivector_shifts.py --tables
	$(BIN)/python results/scripts/tokens.py
	$(BIN)/python results/scripts/token_candidates.py
	$(BIN)/python results/scripts/multivector_shift_tokens.py --tables
	$(BIN)/python results/scripts/recommend_sets.py
	$(BIN)/python results/scripts/multivector_figure.py
	$(BIN)/python results/scripts/tables.py
	$(BIN)/python results/scripts/kinds.py
	$(BIN)/python results/scripts/isotropy.py
	$(BIN)/python results/scripts/query_groups.py
	$(BIN)/python results/scripts/sweeps.py
	$(BIN)/python results/scripts/quotes.py
	$(BIN)/python results/scripts/prior.py
	$(BIN)/python results/scripts/engines_measured.py
	$(BIN)/python results/scripts/indexes.py
	$(BIN)/python results/scripts/coarse_step.py
	$(BIN)/python results/scripts/sizes.py
	$(BIN)/python results/scripts/held_out.py
	$(BIN)/python results/scripts/at_rest.py
	$(BIN)/python results/scripts/hybrid.py
	$(BIN)/python results/scripts/trained.py
	$(BIN)/python results/scripts/layers.py
	$(BIN)/python results/scripts/adaptors.py
	$(BIN)/python results/scripts/engines_page.py

lint: $(STAMP)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else f"Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}; use make PYTHON=python3.12, say")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): some minutes, torch is large"
	@# Sources that nothing imports need no compiling: that is most of what torch brings.
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) results/runs
