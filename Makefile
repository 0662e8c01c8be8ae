# Two commands do everything on a fresh machine: make demo, make test. They need Python 3.10 to 3.13 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help demo app test lint bench gpu fuzz torture clean

SECONDS ?= 600

help:
	@echo "make demo   adapt the model that ships to the embedded samples and test: pictures in results/demo"
	@echo "make app    look at photographs in the browser and develop them: make app FOLDER=night"
	@echo "make test   lint, types and the whole test suite"
	@echo "make bench  the measured claims of the README, into benchmarks/RESULTS.md"
	@echo "make gpu    where there is an NVIDIA GPU: its tests and speed, at most 25 minutes, into benchmarks/RESULTS_GPU.md; may be stopped"
	@echo "make fuzz   mutated files of all kinds for ten minutes, or SECONDS=60: nothing may crash, hang or leave half a file"
	@echo "make torture  every tool killed, or refused the disk, at every file it touches, for ten minutes or SECONDS=60"
	@echo "make clean  remove environments, samples, cache, checkpoints and results of the demo"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else \
	  f"Python {v[0]}.{v[1]} is not supported: need 3.10 to 3.13; run make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed-%: requirements%.txt requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --requirement $<
	@touch $@

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --requirement $<
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python train.py --camera=sony --dataset=samples --flagfile=flags/demo.flags --cache_dir=cache/demo --checkpoint_dir=checkpoints/demo
	$(BIN)/python test.py --checkpoint_dir=checkpoints/demo --result_dir=results/demo --quality=best

app: $(VENV)/.installed--app
	$(BIN)/python -m lowlight_tf app $(FOLDER)

lint: $(VENV)/.installed--dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/.installed--dev lint
	$(BIN)/python -m pytest -n 2

bench: $(VENV)/.installed--bench
	$(BIN)/python -m benchmarks

# Several gigabytes are installed only where the system shows a GPU; without one any Python says in a line that there is none.
GPU_PYTHON := $(if $(wildcard /dev/nvidia[0-9]* /dev/dxg),$(BIN)/python,$(PYTHON))

gpu: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),$(VENV)/.installed--gpu)
	@$(GPU_PYTHON) -m benchmarks.gpu

fuzz: $(VENV)/.installed--dev
	$(BIN)/python -m tests.fuzz --seconds=$(SECONDS)

torture: $(VENV)/.installed--dev
	$(BIN)/python -m tests.torture --seconds=$(SECONDS)

clean:
	rm -rf $(VENV) dataset/samples cache/demo checkpoints/demo results/demo
