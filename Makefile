# dtrain's commands; the work is done by scripts/ and SwiftPM. `make` lists the targets.

STEPS       ?=
CHECKPOINTS ?= training_checkpoints
NP          ?= $(shell scripts/cores)
PREFIX      ?= /usr/local
PAIRS       ?= 5
STATIC      ?=

DTRAIN := .build/release/dtrain
PACKAGED := .build/static/release/dtrain
MPIRUN ?= mpirun

# For `dtrain --version`.
export DTRAIN_COMMIT := $(shell git describe --always --dirty --abbrev=9 2>/dev/null)

# Open MPI refuses to run as root, containers' usual user, without both of these.
ifeq ($(shell id -u),0)
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
endif

# Swift's own libraries inside the binary: other hosts then need no Swift.
STATIC_FLAG := $(if $(filter-out 0 no,$(STATIC)),--static-swift-stdlib)

.DEFAULT_GOAL := help
.PHONY: help setup build demo bits test check test-mpich test-openmpi5 test-slurm test-arm64 test-exchange golden test-install test-deb \
	test-slow examples torture sanitize benchmark lint strict docs install uninstall packaged deb dist clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables: STEPS=$(STEPS) CHECKPOINTS=$(CHECKPOINTS) NP=$(NP) PREFIX=$(PREFIX) STATIC=$(STATIC)'

setup: ## install missing packages (Debian, Ubuntu) or list them
	@scripts/setup

build: setup ## build the release binary; with STATIC=1 one that runs on hosts without Swift
	swift build -c release --product dtrain $(STATIC_FLAG)

demo: build ## train on Shakespeare for three minutes with mpirun on all cores, then generate from "ROMEO:"
	@STEPS='$(STEPS)' NP='$(NP)' CHECKPOINTS='$(CHECKPOINTS)' DTRAIN='$(DTRAIN)' MPIRUN='$(MPIRUN)' scripts/demo

bits: build ## check that all instruction sets of this CPU train the same bits, in 1 process and on 2 ranks
	@DTRAIN='$(DTRAIN)' MPIRUN='$(MPIRUN)' scripts/bits

# Without a corpus, the tests that need one are reported as skipped.
test: setup ## run every test; the command tests start release binaries
	@scripts/test

check: setup ## check the format, run the unit tests and the quick command tests (less than five minutes once built)
	@$(MAKE) --no-print-directory lint
	@scripts/test --quick

test-mpich: setup ## build with MPICH beside Open MPI and run the tests of ranks with it (Debian, Ubuntu)
	scripts/test-mpich

test-openmpi5: setup ## build with Open MPI 5, a Python package of binaries, and run the tests of ranks with it
	scripts/test-openmpi5

test-slurm: setup ## start a Slurm of one node and run srun, salloc, sbatch and a job that is requeued (root)
	scripts/test-slurm --requeue

test-arm64: ## compare the C loops on emulated ARM64 with this machine's, bit for bit (Debian, Ubuntu)
	scripts/test-arm64

test-exchange: build ## exchange models with ONNX Runtime, PyTorch and Keras, read events in TensorBoard (ONLY=onnx: one of them)
	@scripts/setup --python
	scripts/test-exchange $(ONLY)

test-install: build ## install into a temporary folder, check manual pages and completions, uninstall
	@DTRAIN='$(DTRAIN)' scripts/test-install

test-deb: deb ## install the Debian package in a bare Debian 12 without Swift and train there on 2 ranks (root)
	scripts/test-deb

# An hour or two: packages, test-exchange, and ten runs of the timing-dependent tests; scripts/test-slow STAGE runs one.
test-slow: setup ## run the checks that are too slow for .ci/run, with a table of results
	scripts/test-slow

golden: ## train the recorded parity cases again with Keras, and compare
	@scripts/setup --python
	scripts/golden

examples: build ## build the example packages and compare what they train with dtrain
	scripts/test-examples

# More than an hour: dozens of crashes, stops and lost networks, thousands of steps; see docs/reliability.md.
torture: setup ## run the long tests in full; `make test` only samples them
	@corpus=$${DTRAIN_TEST_CORPUS:-$$(scripts/fetch-corpus)} && export DTRAIN_TEST_CORPUS="$$corpus"; \
	scripts/torture

sanitize: setup ## run the tests of readers and C loops under AddressSanitizer and UndefinedBehaviorSanitizer
	scripts/sanitize

# The peers' Python packages take several gigabytes, once.
benchmark: build ## compare the speed with PyTorch and Keras (PAIRS=5: runs of each; ONLY=network: one group)
	@scripts/setup --python
	python3 Benchmarks/benchmark.py --pairs $(PAIRS) $(if $(ONLY),--only '$(ONLY)')

lint: ## check the format of the Swift sources, and the scripts where shellcheck is installed
	swift format lint --strict --recursive Sources Tests Examples Package.swift
	@if command -v shellcheck >/dev/null; then set -x; shellcheck scripts/* hostfiles/*.sh .ci/run; \
	else echo 'shellcheck is not installed: the scripts were not checked'; fi

# -Wall comes last because SwiftPM 6.3 takes the argument after -Werror for the name of a warning group.
strict: setup ## build for release with every warning an error
	swift build -c release -Xswiftc -warnings-as-errors -Xcc -Werror -Xcc -Wall

docs: setup ## build the documentation of the libraries into .build/docs, with every warning an error
	scripts/docs

install: ## copy the release binary, manual pages and completions to PREFIX (below DESTDIR)
	@DTRAIN='$(DTRAIN)' PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install

uninstall: ## remove what make install has installed
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install --uninstall

# In a separate build folder, so that the ordinary binary isn't replaced.
packaged: setup
	swift build -c release --product dtrain --static-swift-stdlib --scratch-path .build/static

deb: packaged ## make a Debian package in .build/dist that needs no Swift
	@DTRAIN='$(PACKAGED)' scripts/deb

dist: packaged ## make a tarball with checksums in .build/dist that needs no Swift, but an MPI library and xxHash
	@DTRAIN='$(PACKAGED)' scripts/dist

clean: ## delete all build products, but no checkpoints
	rm -rf .build Examples/*/.build
