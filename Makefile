# With ROS 2 sourced it is used as it is; without, the environment is built from PyPI wheels.
PYTHON ?= python3
ARGS ?=
WORKERS ?= -n 2 --dist loadgroup --no-loadscope-reorder --max-worker-restart 0
RUN := ros_env/run
# Warnings are errors. The second builder reuses the pages that the first one has read.
SPHINX := $(RUN) python -m sphinx -W --keep-going -q -d docs/_build/doctrees

.DEFAULT_GOAL := help
.PHONY: help env build demo follow-demo panel bench gpu docs test test-all lint clean distclean

help: ## Show what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
	@echo "Extra arguments: make test ARGS='-k crops'. ROS 2 Kilted: ROS_WHEELS=kilted make ..."

env: ## Build or repair the environment in .venv
	@$(PYTHON) -m ros_env

build: env ## Build the package and its interfaces into install/
	@$(RUN) python -m colcon build --symlink-install --paths . --event-handlers console_start_end- $(BUILD_ARGS)

demo: build ## Track a target through a short video, results in demo_out/
	$(RUN) python -m siamdw_ros.tools.demo $(ARGS)

follow-demo: build ## Track and follow a rendered person with a base and a drone, results in follow_demo_out/
	$(RUN) python -m siamdw_ros.simulation.follow_demo $(ARGS)

panel: build ## Open the operator panel on a video in a loop (ARGS="--port 8090")
	$(RUN) python -m siamdw_ros.tools.panel_demo $(ARGS)

bench: build ## Measure speed and latency on this machine, results in bench_out/ (ARGS=--quick)
	$(RUN) python -m siamdw_ros.measurement.benchmark $(ARGS)

gpu: build ## Run the tests that need a GPU, then measure on it, results in gpu_out/
	$(RUN) python -c "import sys, torch; sys.exit(None if torch.cuda.is_available() else 'no CUDA device here')"
	$(RUN) python -m siamdw_ros.measurement.benchmark --device cuda --out gpu_out \
	    --only gpu_tests gpu_baseline gpu_vga gpu_1080p $(ARGS)

docs: build ## Build the documentation and check its links: docs/_build/html/index.html
	@$(RUN) python -m pip install --quiet --requirement ros_env/requirements-docs.txt
	$(SPHINX) -b html docs docs/_build/html
	$(SPHINX) -b linkcheck docs docs/_build/linkcheck

# What Python compiles is kept, also where the shell says otherwise: tests start many processes.
test test-all: export PYTHONDONTWRITEBYTECODE =

test: build lint ## Check the code and run the tests, less the slow ones
	$(RUN) python -m pytest $(WORKERS) -m "not slow and not timing" --durations=15 $(ARGS)
	$(RUN) python -m pytest -m "timing and not slow" $(ARGS) || [ $$? = 5 ]  # 5: none chosen

test-all: build lint ## The same with the slow ones, one after the other
	$(RUN) python -m pytest -m "" --durations=15 $(ARGS)

lint: env ## ruff and mypy
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

clean: ## Remove what the build made
	rm -rf build install log demo_out follow_demo_out bench_out gpu_out docs/_build docs/generated

distclean: clean ## Remove the environment as well
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
