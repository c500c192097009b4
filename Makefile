# `make` lists the targets. They need only make and Python 3.11 or newer, and install everything else
# into .venv.

# `value` keeps a $ in the path, which make would expand.
override MUSIC := $(value MUSIC)
export MUSIC

PYTHON ?= python3.13 python3.12 python3.11 python3.14 python3
CORPUS = ../shared/corpus
VENV_PYTHON = .venv/bin/python
# The data folder that the committed supervisord.conf is for.
DEFAULT_DATA = "$$HOME/.local/share/musicfleet"

.PHONY: help run test pytest lint format coverage pythons units bench docs wheel constraints sbom clean default-instance

help:
	@echo 'make run MUSIC=~/Music  scan a folder of music, and print where to look next'
	@echo 'make run                the same with a small library of generated music'
	@echo 'make test               lint, types, import contract, drift, tests'
	@echo 'make lint               the same without the tests'
	@echo 'make format             repair what ruff can repair, and format'
	@echo 'make coverage           run TESTS (all), and list the lines that none of them ran'
	@echo 'make pythons            types and the tests of noxfile.py on each declared Python that is installed'
	@echo 'make units              run the rendered units under a real systemd; as root'
	@echo 'make bench              compare what musicfleet reads from CORPUS ($(CORPUS)) with the truth'
	@echo 'make docs               render the tables of docs/, build docs/ as a site in site/'
	@echo 'make wheel              build the wheel into dist/'
	@echo 'make constraints        write constraints.txt: the newest version of each package that is used'
	@echo 'make sbom               write dist/musicfleet.cdx.json: what an installation by constraints.txt holds'
	@echo 'make clean              remove .venv and the caches of the tools'
	@echo 'FLEET_DATA_DIR=DIR sets the data folder, PYTHON=… the Python of .venv.'

run: .venv/installed default-instance
	@[ -n "$$MUSIC" ] || MUSIC=$$($(VENV_PYTHON) -m demo) || exit; \
	.venv/bin/fleet scan -- "$$MUSIC"; code=$$?; \
	case $$code in 0|3) ;; *) exit $$code ;; esac; \
	data=$$($(VENV_PYTHON) -c 'from db.settings import data_dir; print(data_dir())'); \
	case $$FLEET_DATABASE_URL in \
	  postgres*) sql='psql "$$FLEET_DATABASE_URL" -c' ;; \
	  *) sql="sqlite3 '$$data/library.db'" ;; \
	esac; \
	echo; \
	echo 'Where to look next'; \
	[ "$$FLEET_WEB" = off ] || { page=$$(.venv/bin/fleet web --where) && echo "  web UI    $$page"; }; \
	[ -z "$$FLEET_DATA_DIR" ] || echo "  first     export FLEET_DATA_DIR='$$data'"; \
	echo "  library   $$sql 'SELECT entity_type, COUNT(*) FROM covers GROUP BY entity_type'"; \
	echo '  fleet     .venv/bin/fleet status'; \
	echo "            .venv/bin/supervisorctl -c '$$data/supervisord.conf' status"; \
	echo '  problems  .venv/bin/fleet problems'; \
	echo '  stop it   .venv/bin/fleet down'

# Both at once, the lint's output in one piece and pytest's, for its +, as it comes; either may fail.
test: .venv/tested
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target pytest lint

# Tests spend half of their time waiting for processes, so six at once fit on two cores. The tests
# of a file run in one process, and those of a folder with one fleet: see tests/distribution.py.
# Tests of this file begin a make of their own, which knows nothing of this one's jobs.
# A new clone has the tests compiled once, and not by each process.
pytest: .venv/tested
	@[ -d tests/__pycache__ ] || $(VENV_PYTHON) -m pytest --collect-only --quiet >/dev/null || :
	+env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(VENV_PYTHON) -m pytest -n 6 --dist loadfile

lint: .venv/tested default-instance
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/fleet config check queues.toml
	FLEET_QUEUES=queues.toml .venv/bin/fleet config write --check
	FLEET_QUEUES=small .venv/bin/fleet config write --check
	FLEET_QUEUES=large .venv/bin/fleet config write --check
	$(VENV_PYTHON) docs/render.py --check

format: .venv/tested
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

# Runs the fleet under a real systemd, as a service and by the units of its programs; needs root.
units: .venv/tested
	TEST_SYSTEMD=1 $(VENV_PYTHON) -m pytest -q tests/deploy/test_systemd.py

# Measures the processes that tests start too. The file of one that was killed is not whole: hence -W.
coverage: .venv/dev
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest -n 6 --dist loadfile $(TESTS); code=$$?; \
	$(VENV_PYTHON) -W ignore -m coverage combine --quiet && .venv/bin/coverage report && exit $$code

pythons: .venv/dev
	.venv/bin/nox

bench: .venv/installed
	$(VENV_PYTHON) -m bench tags $(CORPUS)

docs: .venv/tested
	$(VENV_PYTHON) docs/render.py
	.venv/bin/zensical build --clean --strict

wheel: .venv/installed
	rm -rf build
	$(VENV_PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

# For every Python at once, by markers. Installed by: pip install -c constraints.txt musicfleet
constraints: .venv/dev
	.venv/bin/uv pip compile --quiet --universal --upgrade --python-version 3.11 --extra postgres \
	  --extra s3 --extra notify --extra parquet --no-annotate --custom-compile-command \
	  'make constraints' setup.cfg --output-file constraints.txt

# CycloneDX, of an environment of its own: with versions, licences and addresses of all packages.
sbom: .venv/dev
	rm -rf build && mkdir -p build dist
	$(VENV_PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt '.[postgres,s3,notify,parquet]'
	build/sbom/bin/python -m pip uninstall --quiet --yes pip setuptools
	.venv/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
	  --output-file dist/musicfleet.cdx.json build/sbom/bin/python

clean:
	rm -rf .venv .nox build dist site .cache .coverage* *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Built from scratch when the list of packages has changed.
.venv/installed: setup.cfg pyproject.toml
	@for python in $(PYTHON); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null && found=$$python && break; \
	  bare=$$python; \
	done; \
	if [ -z "$$found$$bare" ]; then \
	  echo 'Python 3.11 or newer is needed, and none of these is it: $(PYTHON)' \
	    '— install one, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; \
	elif [ -z "$$found" ]; then \
	  echo "$$bare lacks the venv module — install it; Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Installing into .venv for $$found. The first time this takes a minute or two, for SciPy" \
	  'and FFmpeg come with it.' >&2; \
	"$$found" -m venv --clear .venv && \
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --editable . && \
	touch $@

.venv/tested: .venv/installed
	@echo 'Installing what the tests need.' >&2
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.venv/dev: .venv/tested
	@echo 'Installing nox, coverage, pre-commit, uv and cyclonedx-bom.' >&2
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Makes the data folder and the database that plain `supervisord -c supervisord.conf` needs.
PREPARE = from db import settings; from worker.host.locks import open_migrated; \
  settings.prepare_data_dir(); open_migrated()

default-instance: .venv/installed
	@fault=$$(FLEET_DATA_DIR=$(DEFAULT_DATA) FLEET_DATABASE_URL= $(VENV_PYTHON) -c '$(PREPARE)' 2>&1) || \
	  echo "Plain supervisord will not run: $$(echo "$$fault" | tail -n 1)" >&2
