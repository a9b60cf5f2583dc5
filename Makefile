# make run      install what is missing, build, and run the server
# make check    install what is missing, and run every test, also under the sanitizers
# make help     all the rest

# One build is one VARIANT in a folder of its own: release, asan, tsan, fuzz, cov, lint.
VARIANT := release
MINUTES := 30
B := build/$(VARIANT)

CC_fuzz := clang
CC_cov := clang
CC_lint := clang
CC = $(or $(CC_$(VARIANT)),gcc)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wconversion
FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
FLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan := -O1 -g -fsanitize=thread
# The counters are in the profile itself, mapped: a program that is killed loses none.
FLAGS_cov := -O1 -g -fprofile-instr-generate=$(CURDIR)/build/cov/profile/%m%c.profraw \
	-fcoverage-mapping -fprofile-update=atomic -mllvm -runtime-counter-relocation -Qunused-arguments
FLAGS_fuzz := -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=all
# The release of xmlrpc-c is known only once its package is there: evaluated when first used.
XMLRPC_C_VERSION = $(shell xmlrpc-c-config --version | awk -F. '{ print $$1 * 100 + $$2 }')
CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -pthread $(WARNINGS) $(THREAD_SAFETY) $(FLAGS_$(VARIANT)) \
	$(COVERAGE_$(VARIANT)) $(EXTRA_CFLAGS) \
	-DLOOKOUT_XMLRPC_C_VERSION=$(XMLRPC_C_VERSION)
# libexpat before xmlrpc-c: its bundled parser exports an XML_SetHashSalt of its own.
LDFLAGS = $(FLAGS_$(VARIANT)) -pthread
# A seventh of a small call's instructions, and half of a large one's, beside glibc's malloc: see
# doc/PERFORMANCE.md. "make MALLOC=" does without. The sanitizers bring their own.
MALLOC := -lmimalloc
MALLOC_release = $(MALLOC)
SERVER_LIBS = $(MALLOC_$(VARIANT)) -lexpat $(shell xmlrpc-c-config abyss-server --libs) -lsqlite3 -lm
# libxmlrpc_client brings the libcurl that it was built with; ours would need curl's own package.
CLIENT_LIBS = -lexpat $(filter-out -lcurl,$(shell xmlrpc-c-config client --libs)) -lm

CORE := $(wildcard core/*.c)
METHODS := $(wildcard methods/*.c)
TEST_METHODS := $(wildcard test/methods/*.c examples/methods/*.c)
TEST_DISK := test/vfs.c test/disk.c
# What our own code allocates with: test/allocator.c stands before it.
ALLOCATING := malloc calloc realloc reallocarray aligned_alloc strdup strndup realpath \
	asprintf vasprintf __asprintf_chk __vasprintf_chk
WRAPPED := $(ALLOCATING:%=-Wl,--wrap=%)
CLI := $(wildcard cli/*.c)
CLIENT_CORE := core/text.c core/xml.c core/xml_self_test.c
PRODUCT := server.c client.c $(CORE) $(METHODS) $(CLI) $(wildcard examples/methods/*.c)
SOURCES := $(PRODUCT) $(wildcard test/*.c test/methods/*.c test/fuzz/*.c test/fuzz/gate/*.c bench/*.c)
COMMA := ,
BENCHES := lookout load waiters stock_abyss
# Peers that not every machine has what it takes to build: the comparison goes without them.
OPTIONAL_BENCHES := ros go

# Where "make install" puts things; DESTDIR, if given, before it.
PREFIX := /usr/local
TO = $(DESTDIR)$(PREFIX)
DOCUMENTS := doc/API.md SECURITY.md CHANGELOG.md LICENSE
DOCUMENTS_TO := share/doc/lookout
INSTALLED := bin/lookoutd bin/lookout share/man/man1/lookoutd.1 share/man/man1/lookout.1 \
	$(addprefix $(DOCUMENTS_TO)/,$(notdir $(DOCUMENTS)))

FUZZERS := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
UNIT_TESTS := $(patsubst test/%.c,%,$(wildcard test/test_*.c))

objects = $(patsubst %.c,$(B)/%.o,$(1))

# gcc has no such warning: see core/lock.h. All our locks are in core.
$(B)/core/%.o $(B)/core/%.tidy: THREAD_SAFETY = $(if $(findstring clang,$(CC)),-Wthread-safety -Werror=thread-safety)

# What libexpat has deprecated since 2.8 is all that Debian 12's has.
$(B)/core/xml.o $(B)/core/xml.tidy $(B)/core/xml_self_test.o $(B)/core/xml_self_test.tidy \
	$(B)/test/hidden_xml.o: WARNINGS += -Wno-deprecated-declarations

# Compilers are what takes long.
PARALLEL_MAKE = $(MAKE) --no-print-directory --jobs=$(shell nproc) --output-sync

.PHONY: all run check check-debian13 lint fuzz cov bite crash stop soak demo screenshots bench docs \
	interop dist install uninstall clean help build-packages check-packages interop-peers variant \
	fuzzers tidy FORCE

all: server client

help:
	@echo 'To use it:'
	@echo '  make run            install what is missing, build, run the server: ARGS=--help'
	@echo '  make demo           a server and three clients, shown on this terminal'
	@echo '  make server client  build ./server and ./client only'
	@echo '  make install        as lookoutd and lookout, with their manual pages: PREFIX=/usr/local,'
	@echo '                      and DESTDIR'
	@echo '  make uninstall      remove what that puts there'
	@echo 'To change it:'
	@echo '  make check          install what is missing, run all tests, also under the sanitizers'
	@echo '  make check-debian13 the same on Debian 13, in a root that root makes in build/debian13'
	@echo '  make lint           what compilers and tests do not see: clang-tidy, cppcheck, locks,'
	@echo '                      who includes whom, lengths, layout, scripts'
	@echo '  make docs           doc/API.md, doc/server.1, doc/client.1 again, from the programs'
	@echo '  make interop        doc/INTEROP.md again: ten clients run the same steps'
	@echo '  make compile_commands.json   for editors'
	@echo '  make clean          remove what was built'
	@echo 'To try it hard:'
	@echo '  make cov            which branches of our own code the tests take'
	@echo '  make fuzz           look for inputs that break a promise, SECONDS=15 a fuzzer'
	@echo '  make crash          kill a loaded server 200 times: nothing acknowledged may be lost'
	@echo '  make bite           take out the guards one by one: the hostile cases must fail'
	@echo '  make stop           stop a server under full load 100 times: each within 3 s'
	@echo '  make soak           good and bad clients for MINUTES=30, also with VARIANT=tsan'
	@echo '  make bench          bench/RESULTS.md: beside other servers, in 20 minutes; then what must be'
	@echo '                      quick, events, slow clients. ARGS=--quick is a short comparison'
	@echo 'To release it:'
	@echo '  make screenshots    take the pictures in screenshots/ again'
	@echo '  make dist           the zip of sources and screenshots'

# The packages come first, in a make of its own: only then is there an xmlrpc-c-config to ask.
run: build-packages
	@$(MAKE) --no-print-directory server client
	@exec ./server $(ARGS)

check:
	@packaging/install-packages build check fuzz lint
	@for variant in release asan tsan; do \
		$(PARALLEL_MAKE) VARIANT=$$variant variant || exit; \
	done
	@$(PARALLEL_MAKE) VARIANT=fuzz fuzzers
	-@$(MAKE) --no-print-directory --keep-going interop-peers
	@test/run release asan tsan fuzz lint

lint: build-packages
	@packaging/install-packages lint tidy
	@$(PARALLEL_MAKE) --keep-going VARIANT=lint tidy
	@test/run lint

check-debian13:
	@packaging/check-debian13

SECONDS := 15
fuzz: build-packages
	@packaging/install-packages fuzz
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzzers
	@test/fuzz/run -s $(SECONDS)

cov: check-packages
	@packaging/install-packages cov
	@$(MAKE) --no-print-directory VARIANT=cov variant
	-@$(MAKE) --no-print-directory --keep-going interop-peers
	@rm -rf build/cov/profile
	-@test/run cov
	@test/coverage/report

demo: check-packages
	@$(MAKE) --no-print-directory server client
	@examples/demo

crash: check-packages
	@$(MAKE) --no-print-directory VARIANT=release build/release/test/server
	@test/crash $(ARGS)

bite: check-packages
	@$(MAKE) --no-print-directory VARIANT=release variant
	@test/run -k test_bite release

stop: check-packages
	@$(MAKE) --no-print-directory $(B)/test/server
	@test/stop --variant $(VARIANT) $(ARGS)

soak: check-packages
	@$(MAKE) --no-print-directory $(B)/test/server
	@test/soak --variant $(VARIANT) --minutes $(MINUTES) $(ARGS)

bench: build-packages
	@packaging/install-packages --optional bench
	@$(MAKE) --no-print-directory VARIANT=release build/release/test/server \
		$(BENCHES:%=build/release/bench/%)
	@$(MAKE) --no-print-directory --keep-going --silent VARIANT=release \
		$(OPTIONAL_BENCHES:%=build/release/bench/%) >build/release/bench/optional.log 2>&1 || \
		echo 'not built, for reasons in build/release/bench/optional.log: a peer' >&2
	@bench/compare $(ARGS)
	@bench/bounds
	@bench/events
	@bench/slow

screenshots: build-packages
	@packaging/install-packages check screenshots
	@$(MAKE) --no-print-directory server client
	@screenshots/take

docs: check-packages
	@$(MAKE) --no-print-directory server client
	@doc/make-api ./server >doc/API.md.new && mv doc/API.md.new doc/API.md
	@for program in server client; do \
		doc/make-man ./$$program doc/$$program.1.in >doc/$$program.1.new && \
		mv doc/$$program.1.new doc/$$program.1 || exit; \
	done

# How each file is compiled: a list that clangd and other tools read.
compile_commands.json: FORCE
	$(file >$@,[$(subst } {,}$(COMMA) {,$(foreach source,$(SOURCES),{"directory": "$(CURDIR)", \
		"file": "$(source)", "command": "$(CC) $(CFLAGS) -c $(source)"}))])
	@:

install:
	@$(MAKE) --no-print-directory VARIANT=release build/release/server build/release/client
	install -D build/release/server "$(TO)/bin/lookoutd"
	install -D build/release/client "$(TO)/bin/lookout"
	install -D -m 644 doc/server.1 "$(TO)/share/man/man1/lookoutd.1"
	install -D -m 644 doc/client.1 "$(TO)/share/man/man1/lookout.1"
	install -D -m 644 -t "$(TO)/$(DOCUMENTS_TO)" $(DOCUMENTS)

uninstall:
	rm -f $(INSTALLED:%="$(TO)/%")
	[ ! -d "$(TO)/$(DOCUMENTS_TO)" ] || rmdir --ignore-fail-on-non-empty "$(TO)/$(DOCUMENTS_TO)"

interop: check-packages
	@$(MAKE) --no-print-directory VARIANT=release variant interop-peers
	@doc/make-interop build/release/test/server build/release/client >doc/INTEROP.md.new && \
		mv doc/INTEROP.md.new doc/INTEROP.md

dist:
	@packaging/install-packages dist
	@packaging/make-dist

build-packages:
	@packaging/install-packages build

check-packages:
	@packaging/install-packages build check

clean:
	rm -rf build server client compile_commands.json lookout-*.zip

# What a person runs is the release build, at the root.
server client: FORCE
	@$(MAKE) --no-print-directory VARIANT=release build/release/$@
	@cmp -s build/release/$@ $@ || cp build/release/$@ $@
FORCE:

# clang-tidy, again only for what has changed.
tidy: $(PRODUCT:%.c=$(B)/%.tidy)
	@:
$(B)/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -Werror -fsyntax-only -MMD -MP -MT $@ -MF $(@:.tidy=.d) $<
	@echo clang-tidy $<
	@clang-tidy --quiet $< -- $(CFLAGS) 2>$(@:.tidy=.log) || { cat $(@:.tidy=.log) >&2; false; }
	@touch $@

# All that the tests of one variant need.
variant: $(B)/server $(B)/client $(B)/test/server $(B)/test/client $(B)/test/unguarded \
	$(B)/test/untested $(B)/bench/load $(UNIT_TESTS:%=$(B)/test/%)

$(B)/server: $(call objects,server.c $(CORE) $(METHODS))
	$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)

$(B)/client: $(call objects,client.c $(CLI) $(CLIENT_CORE))
	$(CC) $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

# The server with the tests' own methods and the example's: each was added by adding its file. Its
# disk and its memory fail when a test wants them to.
$(B)/test/server: $(call objects,server.c $(CORE) $(METHODS) $(TEST_METHODS) $(TEST_DISK) \
		test/allocator.c)
	$(CC) $(LDFLAGS) $(WRAPPED) -o $@ $^ $(SERVER_LIBS)

# The client whose memory does.
$(B)/test/client: $(call objects,client.c $(CLI) $(CLIENT_CORE) test/allocator.c)
	$(CC) $(LDFLAGS) $(WRAPPED) -o $@ $^ $(CLIENT_LIBS)

# A server in which xml.c's functions do not take the place of libxmlrpc's: it must refuse to serve.
# What differs comes first: by it LLVM tells programs of the same size apart, for their profiles.
$(B)/test/unguarded: $(B)/test/hidden_xml.o \
		$(call objects,server.c $(filter-out core/xml.c,$(CORE)) $(METHODS))
	$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)
$(B)/test/hidden_xml.o: core/xml.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fvisibility=hidden -c -o $@ $<

# A server built for a release of xmlrpc-c that no test ever met, and which finds the one that its
# tests name: it must refuse to serve. core/abyss.c is compiled with what that release changed.
$(B)/test/untested: $(B)/test/untested_abyss.o $(B)/test/release.o \
		$(call objects,server.c $(filter-out core/abyss.c,$(CORE)) $(METHODS))
	$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)
$(B)/test/untested_abyss.o: core/abyss.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -ULOOKOUT_XMLRPC_C_VERSION -DLOOKOUT_XMLRPC_C_VERSION=160 -c -o $@ $<

# A unit test takes of core what it uses, and the methods of its own name; a whole house has all.
$(B)/libcore.a: $(call objects,$(CORE))
	rm -f $@ && $(AR) rcs $@ $^
$(B)/libcli.a: $(call objects,$(CLI))
	rm -f $@ && $(AR) rcs $@ $^
$(B)/libtest.a: $(call objects,$(TEST_DISK))
	rm -f $@ && $(AR) rcs $@ $^
$(B)/test/test_%: $(B)/test/test_%.o $(B)/libcore.a $(B)/libcli.a $(B)/libtest.a
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/libtest.a $(B)/libcli.a $(B)/libcore.a \
		-lcmocka $(SERVER_LIBS) $(CLIENT_LIBS)
$(patsubst methods/%.c,$(B)/test/test_%,$(METHODS)): $(B)/test/test_%: $(B)/methods/%.o
$(B)/test/test_ownership: $(call objects,$(METHODS))

fuzzers: $(FUZZERS:%=$(B)/fuzz/%)
# The edges that count are those of what is tried. Comparisons are not traced: that takes half of
# the speed, and the dictionaries know the words.
$(B)/core/%.o $(B)/cli/%.o $(B)/methods/%.o $(B)/test/fuzz/gate/turns_%.o: \
	COVERAGE_fuzz := -fsanitize-coverage=inline-8bit-counters,pc-table
$(B)/fuzz/%: $(B)/test/fuzz/fuzz_%.o $(B)/libcore.a $(B)/libcli.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(SERVER_LIBS)
$(B)/fuzz/xml $(B)/fuzz/gate: $(call objects,$(METHODS))
$(B)/fuzz/gate: $(call objects,$(wildcard test/fuzz/gate/*.c))

$(B)/bench/load $(B)/bench/waiters: $(B)/bench/client.o
$(B)/bench/load $(B)/bench/waiters: $(B)/bench/%: $(B)/bench/%.o
	$(CC) $(LDFLAGS) -o $@ $^

# What is compared: the server as it is, and the two methods that the peers have too.
$(B)/bench/lookout: $(call objects,server.c $(CORE) $(METHODS) test/methods/test_sleep.c)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)
$(B)/bench/stock_abyss: $(B)/bench/peers/stock_abyss.o
	$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)
$(B)/bench/ros: bench/peers/ros.cpp
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 -Wall -Wextra $(FLAGS_$(VARIANT)) -o $@ $< -lxmlrpcpp
$(B)/bench/go: bench/peers/go/main.go
	@mkdir -p $(@D)
	go build -o $@ $<

# Clients of the interop tests that no package has ready: one is compiled, one comes from npm, in the
# versions, and with the contents, that package-lock.json has. Without them their tests fail.
interop-peers: build/interop/kolo build/interop/node_modules/.package-lock.json
build/interop/kolo: test/interop/peers/go/main.go
	@mkdir -p $(@D)
	GO111MODULE=off GOPATH=/usr/share/gocode go build -o $@ $<
build/interop/node_modules/.package-lock.json: $(wildcard test/interop/peers/node/*.json)
	@mkdir -p $(@D)/..
	@cp $^ $(@D)/..
	npm ci --prefix $(@D)/.. --ignore-scripts --no-audit --no-fund
	@touch $@

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
