# Everything is set up in .venv on first use. Needs Python 3.11 or 3.12 and make; nothing else.
PYTHON ?= python3.11
HOME_FOLDER ?= plm
BIN := .venv/bin
SET_UP := .venv/.set-up

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-machines test-reliability audit libreoffice lint format docs docs-site bench serve clean

help: ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

$(SET_UP): pyproject.toml constraints.txt
	$$(command -v $(PYTHON) || command -v python3) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,site,test,dev]'
	@touch $(SET_UP)

demo: $(SET_UP) ## Run the whole loop on real text in ./plm and print the board.
	$(BIN)/plm-admin demo --home $(HOME_FOLDER)

test: $(SET_UP) ## Run the default tests, on two processes.
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(SET_UP) ## Run the tests that take minutes.
	$(BIN)/python -m pytest -m slow

test-machines: $(SET_UP) ## Two workers without a home, of Prefect and of Dask, one is lost.
	$(BIN)/python -m pytest -m slow -s tests/flows/test_machines.py tests/flows/test_dask.py

test-reliability: $(SET_UP) ## Kill, tear, fill and crowd it: the whole reliability suite (minutes).
	$(BIN)/python -m pytest -m "slow or not slow" tests/reliability tests/warehouse/test_exchange.py tests/test_security.py

audit: $(SET_UP) ## Compare the pinned packages with known weaknesses; needs the network.
	$(BIN)/python deployments/audit.py

LIBREOFFICE := .libreoffice
$(LIBREOFFICE): # Debian's packages of the help, unpacked; needs apt and dpkg-deb
	mkdir -p $@.tmp && cd $@.tmp && apt-get download libreoffice-help-en-us libreoffice-help-es
	for package in $@.tmp/*.deb; do dpkg-deb -x $$package $@.tmp; done
	rm $@.tmp/*.deb && mv $@.tmp $@

libreoffice: $(SET_UP) $(LIBREOFFICE) ## Train and translate on LibreOffice's help (apt, minutes).
	PLM_LIBREOFFICE=$(abspath $(LIBREOFFICE)) $(BIN)/python -m pytest -m slow -rs -s tests/proxylm/evaluation/test_libreoffice.py

lint: $(SET_UP) ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(SET_UP) ## Mend the style.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(SET_UP) ## Generate docs/schema.md and docs/cli.md.
	$(BIN)/python docs/generate.py

docs-site: $(SET_UP) ## Build docs/ as pages in .docs-site; a link that does not resolve stops it.
	$(BIN)/properdocs build

bench: $(SET_UP) ## Run the benchmarks.
	$(BIN)/python benchmarks/demo_full.py
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/many_languages.py
	$(BIN)/python benchmarks/board.py
	$(BIN)/python benchmarks/retrain.py
	$(BIN)/python benchmarks/scale.py

serve: $(SET_UP) ## Start a Prefect server, pools, deployments and a worker; Ctrl-C ends them.
	PLM_HOME=$(abspath $(HOME_FOLDER)) $(BIN)/python deployments/serve.py

clean: ## Remove the environment and caches; homes are kept.
	rm -rf .venv .audit .pytest_cache .mypy_cache .ruff_cache .hypothesis
