# Everything a stranger needs: `make demo`, `make test`; `make help` lists the rest.
# The environment is .venv; delete it (or `make clean`) to start again.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo lab test test-cluster test-browser test-kernels lint fmt bench docs package replay check clean FORCE

# The dashboard's front end: built only for what needs it, and only when its sources changed.
FRONT := ray_jupyter/dashboard/static/made_from.txt
$(VENV)/.has-test $(VENV)/.has-examples $(VENV)/.has-browser $(VENV)/.has-package: $(FRONT)

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.has-demo  ## run notebooks/01_pi.ipynb and print what it measured
	@$(BIN)/python notebooks/run.py notebooks/01_pi.ipynb
	@echo "open it in JupyterLab: make lab"

lab: $(VENV)/.has-examples  ## open the first notebook in JupyterLab
	$(BIN)/jupyter lab notebooks/01_pi.ipynb

test: $(VENV)/.has-test  ## run the tests (under ten minutes on two cores)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-cluster: $(VENV)/.has-test  ## run all tests on Ray clusters, which they start
	RJ_CLUSTER=all $(BIN)/python -m pytest tests/integration tests/notebooks -m cluster $(ARGS)
	$(BIN)/python -m pytest tests/integration/test_ray_in_short.py $(ARGS)

test-browser: $(VENV)/.has-browser  ## run the tests of the dashboard in Chromium
	RJ_BROWSER=all $(BIN)/python -m pytest tests/browser $(ARGS)

# Each in a folder that goes before what the environment has.
KERNELS ?= 6.29.5 7.0.1 7.1.0 7.3.0 7.4.0
KERNEL_TESTS := $(addprefix tests/notebooks/test_,kernel.py output.py rich_output.py strips.py stop.py redefined.py)
test-kernels: $(KERNELS:%=$(VENV)/kernels/%/.has)  ## run the tests of cells, output, strips and Stop on every ipykernel
	@for version in $(KERNELS); do \
	  export PYTHONPATH=$(CURDIR)/$(VENV)/kernels/$$version; \
	  $(BIN)/python -c "import ipykernel as k; assert k.__version__ == '$$version', k.__version__" && \
	  echo "ipykernel $$version" && $(BIN)/python -m pytest -q $(KERNEL_TESTS) $(ARGS) || exit 1; \
	done

$(VENV)/kernels/%/.has: | $(VENV)/.has-test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(@D) ipykernel==$* nest_asyncio
	@touch $@

lint: $(VENV)/.has-lint  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache  # its cache misses modules that are new

fmt: $(VENV)/.has-lint  ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.has-bench  ## measure beside Ray, Dask and the others (installs them)
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.has-docs  ## build the documentation into build/docs; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -c docs -b html . build/docs
	@echo "open build/docs/docs/index.html"

package: $(VENV)/.has-package  ## build wheel and sdist into dist, and check them
	$(BIN)/python labextension/front_end.py --must  # nobody shall get a wheel without it
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

replay: $(VENV)/.has-test  ## show the dashboard with a recorded session, in the browser
	$(BIN)/python -m ray_jupyter.dashboard.replay $(ARGS)

check: lint test demo package  ## what CI runs

clean:  ## remove the environment and every cache
	rm -rf $(VENV) labextension/node_modules labextension/lib ray_jupyter/labextension ray_jupyter/dashboard/static build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per extra of pyproject.toml: the second `make` installs nothing.
$(VENV)/.has-%: pyproject.toml | $(BIN)/python
	@echo "installing ray_jupyter[$*] into $(VENV) ..."
	@RAY_JUPYTER_FRONT_END=skip $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

$(FRONT): FORCE
	@$(PYTHON) labextension/front_end.py

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || \
	  { echo "ray_jupyter needs Python 3.10 or newer, and there is no '$(PYTHON)': try make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "ray_jupyter needs Python 3.10 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1): try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
