# kubelambda: every development task. `make help` explains each target.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT ?= 9000
NAMESPACE ?= kubelambda
KUBECONFIG := $(CURDIR)/.cluster/kubeconfig
export KUBECONFIG
export PATH := $(CURDIR)/.cluster/bin:$(PATH)
export UV_FROZEN := 1

BIN := .venv/bin

.PHONY: help
help: ## Explain each target
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Install what is needed and serve examples/ at http://127.0.0.1:9000 (PORT=n for another port)
	@NEWEST_PYTHON=1 hack/uv sync $(if $(wildcard .venv),--quiet,) --no-dev --inexact --extra local
	@exec $(BIN)/kubelambda local start examples --port $(PORT)

.PHONY: test
test: venv ## Run all tests that need neither root nor a cluster, in parallel (about five minutes on two cores)
	@hack/test $(PYTEST_ARGS)

.PHONY: test-compiled
test-compiled: venv ## Compile the hot modules as for the image and run the gateway's tests on that wheel (needs gcc; takes minutes the first time)
	@hack/test-compiled $(PYTEST_ARGS)

.PHONY: e2e
e2e: venv ## Run the end-to-end tests on the cluster of .cluster/kubeconfig, which is started if there is none (WORKERS=n in parallel)
	@hack/e2e $(PYTEST_ARGS)

.PHONY: soak
soak: venv ## Run the end-to-end tests that take minutes: upgrade and rollback under load, hundreds of functions at once
	@MARK=soak hack/e2e $(PYTEST_ARGS)

.PHONY: soak-memory
soak-memory: venv ## Offer load for an hour (MINUTES=15: less), pure and compiled; prints how memory grows with each request
	@hack/soak-memory $(MINUTES)

.PHONY: soak-properties
soak-properties: venv ## Run the property tests with fifty times as many examples as make test does (half an hour)
	@$(BIN)/pytest tests/unit -m hypothesis --hypothesis-profile long --timeout 3600 -n auto $(PYTEST_ARGS)

.PHONY: soak-images
soak-images: venv ## Build every runtime's image that is tested and run the conformance suite of the runtimes in them, without a cluster (buildah, root; an hour the first time)
	@RUNTIMES=all hack/images
	@hack/image-roots
	@RUNTIMES=all $(BIN)/pytest tests/conformance/runtimes -n 2 --dist loadgroup $(PYTEST_ARGS)

.PHONY: conformance
conformance: venv ## Run the conformance suites of the Lambda API and the runtimes against the release on the cluster (make test: local mode)
	@hack/cluster-context
	@LAMBDA_TARGET=cluster LAMBDA_CODE_HOST=$$(hack/test-server code) \
		$(BIN)/pytest -n $(or $(WORKERS),4) --dist loadgroup --timeout=300 --durations=15 \
		tests/conformance/lambda_api tests/conformance/runtimes $(PYTEST_ARGS)

.PHONY: local-runtimes
local-runtimes: ## Fetch and compile what local mode needs for Java, Node.js (the SDK) and .NET functions (INSTALL=1: install missing languages with apt)
	@hack/local-runtimes $(if $(INSTALL),--install)

.PHONY: test-runtimes
test-runtimes: venv ## Install every language (root) and run the whole conformance matrix of the runtimes in local mode
	@hack/local-runtimes --install
	@KUBELAMBDA_ALL_RUNTIMES=1 $(BIN)/pytest tests/conformance/runtimes $(PYTEST_ARGS)

.PHONY: node-runtimes
node-runtimes: ## Build the Node runtimes with AWS's clients for local mode, as their images have them (three minutes)
	@hack/node-runtimes

.PHONY: test-node-runtimes
test-node-runtimes: venv ## Do the same in build/, and run Node's part of the conformance suite on it
	@export KUBELAMBDA_CACHE=$(CURDIR)/build/cache && hack/node-runtimes && \
		$(BIN)/pytest tests/conformance/runtimes -k nodejs $(PYTEST_ARGS)

.PHONY: test-clients
test-clients: venv ## Fetch AWS's SDKs for JavaScript and Go and run them against local mode
	@built=$$(hack/client-sdks --install) && KUBELAMBDA_CLIENTS=$$built $(BIN)/pytest tests/conformance/clients $(PYTEST_ARGS)

.PHONY: bench
bench: venv ## Measure and print a table (BENCH=gateway: one group; AGAINST=REV: alternating with that revision; docs/performance.md)
	@hack/bench $(BENCH) $(if $(COMPILED),--compiled) $(if $(AGAINST),--against $(AGAINST)) $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: venv
venv:
	@hack/uv sync --quiet --all-extras

.PHONY: check
check: lint crds-check chart-check test ## Run everything in CI that needs no cluster: lint, types, layers, generated files, tests

.PHONY: lint
lint: venv ## Run ruff, mypy, import-linter, gofmt, go vet and, if helm is installed, helm lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@hack/agent-lint
	@if command -v helm >/dev/null; then helm lint --quiet charts/kubelambda; else echo "helm lint: no helm on PATH; make cluster-up builds one"; fi

.PHONY: format
format: venv ## Format Python and Go
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@gofmt -w runtimes/agent tests/cluster tests/bench/load tests/conformance/clients tests/conformance/runtimes

.PHONY: crds
crds: venv ## Write crds/ and the chart's copies from the pydantic models
	@$(BIN)/python -m kubelambda.api.crd

.PHONY: crds-check
crds-check: venv ## Fail if the checked-in CRDs differ from what the models give
	@$(BIN)/pytest -q tests/unit/api

.PHONY: chart-check
chart-check: venv ## Render the chart and check the result (needs helm; make e2e runs this, too)
	@$(BIN)/pytest -q tests/charts

.PHONY: runtime-table
runtime-table: ## Write the table of runtime identifiers into the chart's values and docs/runtimes.md
	@hack/runtime-table write

.PHONY: lock
lock: ## Resolve the dependencies again and write uv.lock
	@env -u UV_FROZEN hack/uv lock

.PHONY: cluster-up
cluster-up: ## Start a cluster in .cluster/ (kind if docker is running, otherwise a bare one-node Kubernetes; needs root)
	@tests/cluster/up

.PHONY: cluster-down
cluster-down: ## Remove that cluster and everything that it created, even if cluster-up crashed halfway
	@tests/cluster/down

.PHONY: cluster-check
cluster-check: ## Check that cluster-down leaves nothing behind, even if cluster-up crashed halfway (needs root)
	@tests/cluster/check-updown

.PHONY: images
images: ## Build the images with docker or buildah and load them into the cluster (RUNTIMES=all: every runtime that is tested)
	@hack/images

.PHONY: install
install: ## Install or upgrade the chart with the images of `make images` (SCOPE=Namespaced for one namespace, STORAGE=none for no volume)
	@hack/install

.PHONY: uninstall
uninstall: ## Remove the release; the CRDs and your functions' objects stay
	@helm uninstall kubelambda --namespace $(NAMESPACE) --wait --ignore-not-found

.PHONY: gateway-url
gateway-url: ## Print the URL of the Lambda API on the cluster
	@hack/gateway-url

.PHONY: clean
clean: ## Remove what builds and tests left in this tree (but not the cluster or the caches)
	@rm -rf .venv build dist bench-results .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .kubelambda operator/kubelambda/local/bin
