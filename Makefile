# The two commands of the README, and the pieces they are made of. Everything is made inside this folder.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3.10 python3,$(shell $(name) --version >/dev/null 2>&1 && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
# Files of tests are shared among so many processes; each may take 1.5 GB.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
export NEURODEPLOY_LAVA_ENV ?= $(CURDIR)/.venv-lava

.PHONY: demo test check install lava lint types docs package exports clean

demo: install
	$(BIN)/neurodeploy run digits --out runs/digits --overwrite

test: install lava
	NEURODEPLOY_REQUIRE_LAVA=1 $(PYTEST)

# What to run before a commit: style, types, and the tests that are quick and need neither Lava nor data.
check: lint types
	$(PYTEST) -q -m "not slow and not lava and not data and not notebook"

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt neurodeploy/installed.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,augment,lamb]"
	$(BIN)/neurodeploy frameworks setup
	touch $@

lava: install
	$(BIN)/neurodeploy lava setup

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# The pages in docs/ as a site, in site/; a warning is an error, and so is anything that would be loaded from the net.
docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Wheel and sdist, and what they do outside the checkout.
package: install lava
	.ci/package

# The small exports in exports/, trained anew: needs NEURODEPLOY_DATA for braille7.
exports: install
	for recipe in digits braille7; do \
		$(BIN)/neurodeploy run $$recipe --out runs/export-$$recipe --overwrite --set certificate.lava=never && \
		$(BIN)/neurodeploy export runs/export-$$recipe --out exports/$$recipe/w8/model.nir --overwrite || exit 1; \
	done

clean:
	rm -rf $(VENV) .venv-lava runs site
