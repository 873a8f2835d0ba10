# Raum. `make run` and `make test` do everything, set-up included; the rest is for people who work
# on it. The logic is in scripts/; this file only names it.
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
SOAK_SECONDS ?= 600
export SOAK_SECONDS

.PHONY: build page run test bench soak sim asan man install setup tidy clean

build: # the program, at build/raum
	@scripts/build build

page: # the web app, for the next build of the program
	@scripts/page

run: setup page # installs what is missing, builds, shows the main job, then serves the page
	@scripts/build build
	@build/raum tour
	@scripts/serve_here

test: # installs what is missing, runs everything; last line: N passed, N failed
	@scripts/setup
	@scripts/test

bench: build # the budgets of ARCHITECTURE §7 beside their raw limits
	@build/raum bench

soak: # the long versions: fuzzing, valgrind, many seeds and kills, clang-tidy
	@scripts/setup --soak
	@scripts/soak

sim: # the simulation of sync: SEEDS=200 seeds from FIRST=1, in JOBS=2 processes
	@scripts/build build-soak tests/sim/sim
	@RAUM_JOBS=$(or $(JOBS),2) build-soak/tests/sim/sim $(or $(FIRST),1) $(or $(SEEDS),200)

asan: # the program and the tests under the address and undefined-behaviour sanitizers
	@scripts/build build-asan

man: build # the manual page, at build/raum.1
	@build/raum man >build/raum.1.part && mv build/raum.1.part build/raum.1

install: man # under $(PREFIX), or $(DESTDIR)$(PREFIX)
	@meson configure build -Dprefix=$(abspath $(PREFIX))
	@scripts/build build
	@meson install -C build --no-rebuild --quiet
	@install -Dm644 build/raum.1 $(DESTDIR)$(PREFIX)/share/man/man1/raum.1

setup: # only installs what is missing
	@scripts/setup

tidy: # layers, sizes, bans
	@scripts/tidy

clean:
	@rm -rf build build-* web/dist web/packed
