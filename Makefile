# `make demo` and `make test` install what is missing first. Everything is built with one profile (dev) but for `make bench`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

target := $(or $(CARGO_TARGET_DIR),target)
built := $(target)/debug
# What a run of `make test` leaves for its last step.
results := $(target)/conformance.txt $(target)/nextest/whole/junit.xml $(target)/cargo-test.txt
fuzz_seconds ?= 60
# Journeys about the SQLite file itself, those that are on PostgreSQL always, and the tables, which need no office.
of_sqlite := store_faults:: audit_proofs::what_plain_sql audit_proofs::a_database_that_was_rolled_back on_postgres:: requirements::
# What shows a token away by taking its folder, which only SoftHSM notices; with any module the shim shows it.
of_softhsm := a_token_that_ an_idle_token_that_goes a_pin_changed_meanwhile
brief := KILLS=$${KILLS:-30} FAILPOINTS=$${FAILPOINTS:-1}

.PHONY: help demo test postgres kryoptic quick lint bench image faults kill fuzz openssl36 pkilint

help: ## Prints this.
	@sed -n 's/^\([a-z0-9]*\):.*## /make \1	/p' Makefile | expand -t 17

demo: ## A running office in ./demo, with a CA, a token and a device of its own (ARGS="--port-base 20000").
	@conformance/install demo
	@cargo build --locked --bin daftar
	@exec $(built)/daftar demo $(ARGS)

test: ## Every test: units, store, token, listener, walls, journeys, conformance, a short `make faults`, and whether every requirement was tried.
	@conformance/install test
	@cargo build --locked --workspace --bins
	@rm -f $(results)
	@for run in conformance/run conformance/*/run; do echo "== $$run"; NO_BUILD=1 $(brief) "$$run"; done | tee $(target)/conformance.txt
	@NEXTEST_PROFILE=whole conformance/cargo-test --workspace
	@$(MAKE) --no-print-directory kryoptic postgres
	@RESULTS="$$(ls $(results) 2>/dev/null)" cargo test --quiet --locked --workspace --test journeys -- --ignored --nocapture \
	    requirements::every_requirement_was_tried_and_every_excuse_is_needed

postgres: ## Every journey once more, each office with its records on a PostgreSQL server of its own; a part of `make test`.
	@conformance/install test
	@DAFTAR_TEST_STORE=postgres SAID=/dev/null conformance/cargo-test -p daftar --test journeys -- $(addprefix --skip ,$(of_sqlite))

kryoptic: ## The stories of the token, and an office, with the PKCS#11 module of another maker; a part of `make test`.
	@conformance/install kryoptic
	@module="$$(conformance/kryoptic)"; export DAFTAR_TEST_MODULE="$$module" SAID=/dev/null; \
	    conformance/cargo-test -p daftar --test hsm -- $(addprefix --skip ,$(of_softhsm)); \
	    conformance/cargo-test -p daftar --test journeys another_module

quick: ## Without the running office: units, walls, store, listener, requirements. Under five minutes.
	@conformance/install test
	@conformance/cargo-test --workspace --lib
	@conformance/cargo-test -p daftar --test walls --test store --test listen
	@conformance/cargo-test -p daftar --test journeys requirements

lint: ## Format, clippy, licences and sources of what is built in.
	@conformance/install lint
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@cargo fetch --locked --quiet
	@PATH="$${CARGO_HOME:-$$HOME/.cargo}/bin:$$PATH" cargo deny --offline --log-level error check bans licenses sources

bench: ## What an enrolment costs; needs a quiet machine with two cores.
	@conformance/install test
	@benches/run

openssl36: ## OpenSSL 3.6 as CMP client and as CA; builds it once, which takes some minutes.
	@conformance/install test
	@cargo build --locked --bin daftar
	@CLIENT="$$(conformance/openssl36)" NO_BUILD=1 conformance/run clients/curl.sh clients/openssl36.sh authorities/openssl.sh

pkilint: ## The rules for certificates against another linter; gets it from PyPI.
	@conformance/install demo
	@conformance/pkilint

image: ## The image of the Dockerfile, made without a daemon and tried; needs root, and some minutes.
	@conformance/install image
	@conformance/image/try

faults: ## 1,000 random kills and every failpoint 50 times, under load; SEED= and FROM= go on with a plan; BRIEF=1: 30 kills, each failpoint once.
	@conformance/install test
	@$(if $(BRIEF),$(brief),KILLS=$${KILLS:-1000} FAILPOINTS=$${FAILPOINTS:-50}) conformance/kill/run

kill: ## kill -9 of the server under load, 20 times.
	@conformance/install test
	@conformance/kill/run

fuzz: ## Every fuzz target for fuzz_seconds=60 seconds; needs a nightly toolchain.
	@conformance/install fuzz
	@for target in $$(cargo +nightly fuzz list); do \
	    mkdir -p fuzz/corpus/$$target; \
	    cargo +nightly fuzz run $$target fuzz/corpus/$$target $$(fuzz/seeds $$target) -- \
	        -max_total_time=$(fuzz_seconds) -max_len=8192 -timeout=5 -rss_limit_mb=1024; \
	done
