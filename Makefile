# Everything runs in .venv, which the first target that needs it sets up. A later call finds it ready.
#
#   make demo ARGS="--duration 20"     ARGS goes to the command: the demo, pytest or a bench
#   make demo PYTHON=python3.12        another Python, 3.11 or newer
#   make demo TORCH="torch torchvision --index-url https://download.pytorch.org/whl/cpu"
#                                      no CUDA libraries: a tenth of the download, for a machine without a GPU
#   make demo LOCKED=1                 the very versions of requirements-dev.lock, each file checked by its digest

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(if $(shell \
	$(p) -c 'import sys; print(*(sys.version_info >= (3, 11) and [1]))' 2>/dev/null),$(p))))
TORCH ?= torch==2.14.1 torchvision==0.29.1
ARGS ?=
# Processes of the tests: one more than there are cores, for a third of what they take is waiting.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# of training; the folders are made, and never committed
WORK ?= training/work
SOURCES ?= training/sources
WEIGHTS ?= checkpoints/nano.safetensors
DAVIS ?=
SEED ?= 1
SHARE ?= 1
SECONDS ?= 120
# of make lock
LOCK ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Compiling all eighteen thousand modules of the libraries takes longer than fetching them, and a tenth are imported.
INSTALL_WITH := $(PIP) install --no-compile
READY := .venv/.ready
COMPILED := .venv/.compiled
BENCH_READY := .venv/.ready-bench
LOCK_READY := .venv/.ready-lock
ATHERIS_READY := .venv/.ready-atheris
PEERS_READY := .venv-peers/.ready
TRAIN_READY := .venv/.ready-train

# Compiled modules are kept even where the environment says not to: a test that starts a process would compile
# the package anew each time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-track test-exact test-process test-page test-bench test-long coverage test-slow faults roles fuzz fuzz-atheris style types fix audit lock bench peers sources train evaluate clean distclean
.DELETE_ON_ERROR:

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:[^#]*## */#/' | awk -F'#' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(READY) $(COMPILED)  ## a live synthetic camera, tracked; prints the page to open
	@$(BIN)/streamtrack demo $(ARGS)

# the files in which a mark is given, so that a part of the suite does not collect all of it
marked = $(shell grep -rlE 'mark\.$(1)\b' tests --include='*.py')
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(READY)  ## the suite without the parts below; what this machine lacks is skipped with its reason, and required under CI=true
	$(PYTEST) -m "not slow and not whole_bench and not browser and not reference and not process and not tracks" $(ARGS)

test-track: $(READY)  ## sessions that follow objects with a real network; two minutes
	$(PYTEST) -m "tracks and not slow" $(call marked,tracks) $(ARGS)

test-exact: $(READY)  ## masks beside those of sam2's and transformers' own code; two minutes
	$(PYTEST) -m "reference and not slow" $(call marked,reference) $(ARGS)

test-process: $(READY)  ## commands as processes of their own: signals, kills, a camera that fails; two minutes
	$(PYTEST) -m "process and not slow and not browser" $(call marked,process) $(ARGS)

test-page: $(READY)  ## the pages in a real browser; five minutes
	$(PYTEST) -m "browser and not slow" $(call marked,browser) $(ARGS)

test-bench: $(READY)  ## each bench from end to end on a small case; two minutes
	$(PYTEST) -m "whole_bench and not slow" $(call marked,whole_bench) $(ARGS)

test-long: $(READY)  ## test-bench, test-track, test-exact and test-process at once, which waits less than one after another
	$(PYTEST) -m "(whole_bench or tracks or reference or process) and not slow and not browser" \
		$(sort $(foreach mark,whole_bench tracks reference process,$(call marked,$(mark)))) $(ARGS)

coverage: $(READY)  ## the suite, and which lines it does not run; their share may not grow
	$(PYTEST) -m "not slow and not whole_bench" --cov --cov-report term:skip-covered $(ARGS)

test-slow: $(READY)  ## what takes minutes: parity at 1024 pixels, endurance
	$(BIN)/python -m pytest -m "slow and not faults and not fuzz" --timeout 1800 $(ARGS)

FAULTS := out/faults
faults: $(READY)  ## everything that goes wrong, done to the real parts; writes the table of docs/faults.md
	rm -rf $(FAULTS)
	STREAMTRACK_FAULTS=$(abspath $(FAULTS)) $(BIN)/python -m pytest -m faults --timeout 1800 $(ARGS); status=$$?; \
		$(BIN)/python -m tests.faults.table $(if $(ARGS),,--all) $(FAULTS); exit $$status

roles: $(READY)  ## every route and command tried by each role; writes the table of docs/roles.md
	STREAMTRACK_WRITE_ROLES=1 $(BIN)/python -m pytest -n 0 tests/test_roles.py $(ARGS)

fuzz: $(READY)  ## odd inputs to everything that reads them, full counts: an hour; SEED=2 tries others, SHARE=0.1 a tenth
	STREAMTRACK_FUZZ=$(SHARE) STREAMTRACK_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -s tests/fuzz --timeout 3600 $(ARGS)

fuzz-atheris: $(ATHERIS_READY)  ## the wire decoder led by its own coverage, for SECONDS
	$(BIN)/python -m tests.fuzz.wire_atheris -max_total_time=$(SECONDS) $(ARGS)

audit: $(READY)  ## bandit over the code; what is known against the libraries of the lock files
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive streamtrack
	.ci/audit $(BIN)

style: $(READY)  ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)  ## mypy --strict over all of the code
	$(BIN)/mypy

fix: $(READY)  ## let ruff fix what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(BENCH_READY) peers  ## every bench that needs no data, and the tables made of it; an hour
	for bench in startup roofline peers pipeline scaling memory checkpoints; do \
		$(BIN)/streamtrack bench $$bench $(ARGS) || exit 1; done
	$(BIN)/python -m bench.fill_readme

peers: $(PEERS_READY)  ## other trackers whose packages clash with ours, in .venv-peers, for the bench

sources: $(TRAIN_READY)  ## fetch what nano is trained on into SOURCES, a gigabyte
	training/sources.sh $(SOURCES)

train: $(TRAIN_READY)  ## make nano again in WORK from SOURCES: hours; the same command resumes it
	$(BIN)/python -m training.recipe $(WORK) $(SOURCES)

evaluate: $(TRAIN_READY)  ## nano's figures: held-out clips of WORK, scenes, and with DAVIS=folder real video
	$(BIN)/python -m training.evaluate $(WEIGHTS) --work $(WORK) $(if $(DAVIS),--davis $(DAVIS)) $(ARGS)

clean:  ## caches and outputs
	rm -rf build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find streamtrack tests bench training examples -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## the same and .venv
	rm -rf .venv .venv-peers

# torch first: sam2 names it as a build requirement, and an isolated build would download it a second time.
# trackeval alone: it names OpenCV's GUI build, which would take the place of the headless one.
# SAM2_BUILD_CUDA=0: without it sam2 wants a CUDA compiler, for a post-processing step that streamtrack does not use.
$(READY): pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "no Python 3.11 or newer found: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up .venv: minutes the first time, most of them torch."
	$(PYTHON) -m venv .venv
	$(if $(LOCKED),$(INSTALL_LOCKED),$(INSTALL))
	@$(BIN)/python -c 'import streamtrack.cli.main, streamtrack.server'
	@touch $@

define INSTALL
	$(INSTALL_WITH) $(TORCH)
	$(INSTALL_WITH) -q 'setuptools>=77' wheel
	SAM2_BUILD_CUDA=0 $(INSTALL_WITH) -q --no-build-isolation 'sam2>=1.1,<2'
	$(INSTALL_WITH) -q --no-build-isolation -e '.[dev]'
	$(INSTALL_WITH) -q --no-deps 'trackeval>=1.3,<2'
endef

# sam2 last, again: it is built, and with what is installed by then.
define INSTALL_LOCKED
	awk '/^[a-z]/ {keep = !/^sam2==/} keep' requirements-dev.lock > .venv/first.lock
	awk '/^[a-z]/ {keep = /^sam2==/} keep' requirements-dev.lock > .venv/sam2.lock
	$(INSTALL_WITH) -q --require-hashes --no-deps -r .venv/first.lock -r requirements-alone.lock
	SAM2_BUILD_CUDA=0 $(INSTALL_WITH) -q --require-hashes --no-deps --no-build-isolation -r .venv/sam2.lock
	$(INSTALL_WITH) -q --no-deps --no-build-isolation -e .
endef

# Ten minutes: every file of every library is asked for its digest. What the lock files hold already stays as it is;
# LOCK="--upgrade" takes the newest of everything.
PIP_COMPILE := SAM2_BUILD_CUDA=0 $(BIN)/pip-compile --quiet --max-rounds 50 --generate-hashes --no-build-isolation \
	--strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--no-emit-options --no-header --annotation-style line $(LOCK)
lock: $(LOCK_READY)  ## requirements.lock and requirements-dev.lock anew: versions and digests of every library
	@printf '%s\n' $(filter torch%,$(TORCH)) > .venv/torch.txt
	$(PIP_COMPILE) --constraint .venv/torch.txt --extra detect --extra parquet --extra ptz --extra mqtt \
		--extra supervision --output-file requirements.lock pyproject.toml
	$(PIP_COMPILE) --constraint requirements.lock --all-extras --output-file requirements-dev.lock pyproject.toml

# They see torch and OpenCV of .venv and bring the rest: ultralytics would pull opencv-python over the headless one.
PEERS := rf-cutie ultralytics ultralytics-thop lap einops polars polars-runtime-32 scipy \
	requests urllib3 certifi idna charset-normalizer
$(PEERS_READY): $(BENCH_READY)
	$(BIN)/python -m venv .venv-peers
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		"$$(.venv-peers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
	.venv-peers/bin/python -m pip --disable-pip-version-check install -q --no-deps $(PEERS)
	@touch $@

# A faster step on a processor; without a C++ compiler the demo runs all the same.
$(COMPILED): $(READY) checkpoints/nano.safetensors
	@$(BIN)/streamtrack compile nano || echo "not compiled: nano will run slower"
	@touch $@

$(BENCH_READY): $(READY)
	$(INSTALL_WITH) -q --no-build-isolation -e '.[bench]'
	@touch $@

$(LOCK_READY): $(READY)
	$(INSTALL_WITH) -q --no-build-isolation -e '.[lock]'
	@touch $@

$(ATHERIS_READY): $(READY)
	$(INSTALL_WITH) -q --no-build-isolation -e '.[atheris]'
	@touch $@

$(TRAIN_READY): $(READY)
	$(INSTALL_WITH) -q --no-build-isolation -e '.[train]'
	@touch $@
