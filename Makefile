# Everything a developer does. `make` alone explains.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The race detector needs cgo and a C compiler; `make test RACE=` goes without.
RACE ?= $(shell [ "$$(go env CGO_ENABLED 2>/dev/null)" = 1 ] && command -v "$$(go env CC)" >/dev/null && echo -race)
# Hashing a password computes for long and shares nothing, wherever somebody signs in.
RACEFLAGS = $(RACE) $(if $(RACE),-gcflags=golang.org/x/crypto/argon2=-race=false)
# Packages that compute for long (password hashes, pictures, hostile Markdown) and
# share little: the race detector makes them ten times slower and finds nothing.
# Of the whole program's tests, those with many at a time run under it all the same.
PLAIN := /(internal/(auth|markup|media|demo|proof/(chaos/testbed|e2e))|cmd/dateline)$$
RACED := ^TestE2E_(TwoNodesManyPublishers|NodesDie|Drain)$$
# Those that take both cores for long: twelve tabs, an attack, other people's clients.
# One after the other, by `make test-long`.
LONG := ^TestE2E_(TabsShareConnections|PagesAreLikeFreshOnes|Attack|RemovalUnderFlood|OtherPeoplesClients)$$
# These are raced like the others, with a database of their own.
BESIDE := /internal/proof/(chaos/(load|netfault)|eventsource)$$
# The harness of chaos runs keeps both cores busy: alone, and without the detector.
HARNESS := /internal/proof/chaos/run$$
# PKG and RUN narrow the tests: make test-go PKG=./internal/postgres RUN=Publish
PKG ?= ./...
RUN ?= .
# Parts of the whole only: who asks for a test of the program gets it, without the detector.
WHOLE = $(filter ./....,$(PKG)$(RUN))
RACE_PROGRAM = $(and $(RACE),$(WHOLE))
# Tests wait more than they compute, but two cores do not start many browsers at a time.
# All packages are vetted together, before their tests.
TESTFLAGS ?= -p 1 -timeout 20m -vet=off

# A test database cluster for the command that follows.
TESTPG := go run $(RACE) ./internal/proof/pgtest/testpg --
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

ADMIN_SOURCES := $(shell find admin web/follow.js -type f -not -path 'admin/node_modules/*' -not -path 'admin/dist/*' -not -name '*.go' 2>/dev/null | tr ' ' '?')

.PHONY: help run build admin browsers clients test test-deps test-admin test-go test-harness test-program test-packages test-long compile lint fuzz bench chaos chaos-seeds clean FORCE

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: build ## build, start PostgreSQL if none is given, and serve on http://127.0.0.1:8080
	@exec ./bin/dateline serve $(ARGS)

build: tools bin/dateline ## build the program with the editors' page in it

admin: tools .cache/admin ## build the editors' page

test: test-deps ## install what tests need (as root), then run them all
	@$(MAKE) --no-print-directory -j 3 compile test-admin test-harness

test-deps: tools
	@.ci/deps

test-admin: .cache/admin
	cd admin && npm run check && npm test

test-go: test-harness

# One after the other: nodes, browsers and PostgreSQL of two lanes starve each other on
# two cores, until connections to the database time out.
test-harness: .cache/admin
	@$(MAKE) --no-print-directory test-program
	@$(MAKE) --no-print-directory test-packages
	@harness=$$(go list $(PKG) | grep -E '$(HARNESS)' || true); \
	  [ -z "$$harness" ] || go test -timeout 15m -run '$(RUN)' $$harness

test-long: .cache/admin ## the tests that keep the whole machine busy, one after the other
	$(TESTPG) go test $(TESTFLAGS) -count 1 -parallel 1 -run '$(LONG)' ./internal/proof/e2e

test-program: .cache/admin
	go vet $(PKG)
	@plain=$$(go list $(PKG) | grep -E '$(PLAIN)' || true); \
	  [ -z "$$plain" ] || $(TESTPG) go test $(TESTFLAGS) -parallel 4 -run '$(RUN)' $(if $(WHOLE),-skip '$(LONG)$(if $(RACE_PROGRAM),|$(RACED))') $$plain
	@[ -z '$(RACE_PROGRAM)' ] || $(TESTPG) go test $(RACEFLAGS) $(TESTFLAGS) -run '$(RACED)' ./internal/proof/e2e
	@beside=$$(go list $(PKG) | grep -E '$(BESIDE)' || true); \
	  [ -z "$$beside" ] || $(TESTPG) go test $(RACEFLAGS) $(TESTFLAGS) -run '$(RUN)' $$beside

test-packages: .cache/admin
	@raced=$$(go list $(PKG) | grep -vE '$(PLAIN)|$(BESIDE)|$(HARNESS)' || true); \
	  [ -z "$$raced" ] || $(TESTPG) go test $(RACEFLAGS) $(TESTFLAGS) -run '$(RUN)' $$raced

# What needs no built page is checked and compiled while npm is at work.
compile:
	@go vet ./internal/...
	@go build $(RACEFLAGS) ./internal/...

lint: .cache/admin ## vet, format and lint
	go vet ./...
	@unformatted=$$(gofmt -l cmd internal migrations web admin/*.go); \
	  [ -z "$$unformatted" ] || { echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; }
	$(GOLANGCI) run

# Each target in turn, on one processor. Only our own code and what parses for it is
# watched for new paths: to watch the whole standard library takes three times as long.
# FuzzCost measures long texts, which takes a thousand times as long as the others do.
FUZZ_EXECS ?= 5000000
FUZZ ?= .
FUZZED := dateline/... encoding/json net/url mime/multipart net/textproto image/... golang.org/x/net/html \
  github.com/yuin/goldmark/... github.com/microcosm-cc/... github.com/golang-jwt/... github.com/google/uuid

fuzz: .cache/admin ## look for inputs that break a promise: make fuzz FUZZ=Body FUZZ_EXECS=100000
	@mkdir -p .cache/fuzz
	@for package in $$(go list ./... | grep -v /node_modules/); do \
	  dir=$$(go list -f '{{.Dir}}' $$package); \
	  targets=$$(grep -hoE '^func Fuzz\w+' $$dir/*_test.go 2>/dev/null | cut -c6- | grep -E '$(FUZZ)' || true); \
	  [ -n "$$targets" ] || continue; \
	  go test -c $(FUZZED:%=-gcflags=%=-d=libfuzzer) -o .cache/fuzz/test $$package; \
	  for target in $$targets; do \
	    echo "$$package $$target"; \
	    execs=$(FUZZ_EXECS); [ $$target != FuzzCost ] || execs=$$((execs / 1000 + 1)); \
	    (cd $$dir && $(CURDIR)/.cache/fuzz/test -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $${execs}x \
	      -test.parallel 1 -test.fuzzminimizetime 1000x -test.fuzzcachedir $(CURDIR)/.cache/fuzz/corpus/$$package); \
	  done; \
	done

# Generators of other people read the document as they do for our users: what it
# leaves out or says wrongly does not compile.
browsers: tools .cache/admin ## share connections among the tabs of Firefox and WebKitGTK, too
	@.ci/deps browsers
	$(TESTPG) go test -tags browsers -timeout 8m -parallel 1 -run 'TestE2E_TabsShareConnectionsIn' ./internal/proof/e2e

clients: tools ## generate clients in Go and TypeScript from the OpenAPI document, and compile them
	@mkdir -p .cache/clients internal/proof/clients/go/api
	go run ./internal/proof/clients/document 3.0 > .cache/clients/openapi-3.0.json
	go run ./internal/proof/clients/document 3.1 > .cache/clients/openapi-3.1.json
	cd internal/proof/clients/go && go tool oapi-codegen -generate types,client -package api -o api/api.go ../../../../.cache/clients/openapi-3.0.json && go vet ./...
	cd internal/proof/clients/ts && npm ci --ignore-scripts --no-audit --no-fund && npm run generate && npm run check

bench: test-deps .cache/admin ## measure
	$(TESTPG) go test -run '^$$' -bench . -benchmem $(PKG)

chaos: test-deps .cache/admin ## break a whole installation for an hour and judge it (CHAOS='--profile soak --for 1h', '--help')
	go run ./cmd/chaos $(CHAOS)

chaos-seeds: test-deps .cache/admin ## play again all runs of chaos that were violated once (.ci/chaos-seeds)
	@grep -vE '^(#|$$)' .ci/chaos-seeds | while read -r options; do \
	  echo "chaos $$options"; \
	  go run ./cmd/chaos $$options </dev/null; \
	done

clean: ## remove what was built; the data stays
	rm -rf bin .cache admin/node_modules internal/proof/clients/ts/node_modules internal/proof/clients/go/api
	find admin/dist -mindepth 1 -not -name .gitkeep -delete

# What the other targets need on the machine.
.PHONY: tools
tools:
	@command -v go >/dev/null || { echo "Go is missing: install Go $$(sed -n 's/^go //p' go.mod) or newer from go.dev/dl"; exit 1; }
	@command -v npm >/dev/null || { echo "Node.js is missing: install Node.js 20.19 or newer, with npm, from nodejs.org"; exit 1; }
	@node -e "const [a, b] = process.versions.node.split('.'); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)" \
	  || { echo "Node.js $$(node --version) is too old: install 20.19 or newer"; exit 1; }

bin/dateline: FORCE .cache/admin
	go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/dateline

# Stamps: the packages follow the lock file, the built page follows its sources.
.cache/npm: admin/package.json admin/package-lock.json
	cd admin && npm ci --ignore-scripts --no-audit --no-fund
	@mkdir -p .cache && touch $@

.cache/admin: .cache/npm $(ADMIN_SOURCES)
	cd admin && npm run build
	@touch $@
