# The usual targets over Meson (meson.build). `make help` lists them.

PREFIX ?= /usr/local
# Below PREFIX. Meson's own guess is lib64 on a Debian without dpkg-dev, where nothing looks.
LIBDIR ?= lib
MESON ?= meson
# Warnings are errors where the compiler is known: WERROR=true.
WERROR ?= false
# Jobs of ninja and of the tests; empty: as many as there are cores.
JOBS ?=
# Photographs for tests, which are not part of the project.
SERIALEYE_PHOTOS ?= $(wildcard $(abspath ../shared/photos))
ifneq ($(SERIALEYE_PHOTOS),)
export SERIALEYE_PHOTOS
endif

NINJA_FLAGS := $(if $(JOBS),-j$(JOBS))
# Limits of time are for machines that stand still, so they are wide.
TEST_FLAGS := --print-errorlogs --timeout-multiplier 5 $(if $(JOBS),--num-processes $(JOBS))
SANITIZED := --buildtype=debugoptimized -Db_lundef=false

.PHONY: all check check-all portable deb install uninstall clean help

all: build/build.ninja
	ninja -C build $(NINJA_FLAGS)

help:
	@echo 'make             build/serialeye and build/libserialeye.so'
	@echo 'make check       all tests, then again with the address, undefined and thread sanitizers'
	@echo 'make check-all   that, every allocation failing once, clang, fuzzing, ONNX Runtime, schemathesis'
	@echo 'make portable    a folder that runs on machines without the libraries'
	@echo 'make deb         Debian packages of the program and of the models'
	@echo 'make install     PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) DESTDIR=$(DESTDIR)'
	@echo 'make uninstall   takes the same files away'
	@echo 'make clean       removes all build folders'

build/build.ninja:
	$(MESON) setup build --prefix='$(PREFIX)' --libdir='$(LIBDIR)' -Dwerror=$(WERROR)

build-asan/build.ninja:
	$(MESON) setup build-asan -Dtests=enabled $(SANITIZED) -Db_sanitize=address,undefined -Dwerror=$(WERROR)

build-tsan/build.ninja:
	$(MESON) setup build-tsan -Dtests=enabled $(SANITIZED) -Db_sanitize=thread -Dwerror=$(WERROR)

build-clang/build.ninja:
	CC=clang CXX=clang++ $(MESON) setup build-clang -Dtests=enabled -Dwerror=$(WERROR)

# Every build folder is tested even if the one before it failed.
check: build/build.ninja build-asan/build.ninja build-tsan/build.ninja
	$(MESON) configure build -Dtests=enabled
	tools/test_folders '$(NINJA_FLAGS)' '$(TEST_FLAGS)' build build-asan build-tsan

check-all: build/build.ninja build-asan/build.ninja build-tsan/build.ninja build-clang/build.ninja
	$(MESON) configure build -Dtests=enabled
	$(MESON) configure build-asan -Dsweep_step=1
	status=0; \
	tools/test_folders '$(NINJA_FLAGS)' '$(TEST_FLAGS) --timeout-multiplier 20' \
		build build-asan build-tsan build-clang || status=1; \
	tools/fuzz build-fuzz 60 || status=1; \
	tools/oracle/check build || status=1; \
	tools/api/check build || status=1; \
	exit $$status

portable:
	tools/portable build-portable

deb:
	tools/deb

install: build/build.ninja
	$(MESON) configure build --prefix='$(PREFIX)' --libdir='$(LIBDIR)'
	ninja -C build $(NINJA_FLAGS)
	DESTDIR='$(DESTDIR)' $(MESON) install -C build --no-rebuild
	if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

uninstall:
	DESTDIR='$(DESTDIR)' tools/uninstall build

clean:
	rm -rf build build-asan build-tsan build-clang build-fuzz build-oracle build-api build-portable build-deb
