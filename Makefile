# SPDX-License-Identifier: Apache-2.0
# Fathom's build: one program, one library in two shapes, and their tests. `make help` lists the goals.
#
# Everything made lies under $(BUILD). mk/rooms.mk holds the rooms of src/ and what each may include; a room
# becomes one archive, and whatever is linked takes the archives of its room and of all that the room may
# reach. mk/check.mk holds the checks. Yours to set: CC CFLAGS LDFLAGS BUILD PREFIX DESTDIR, V=1 to see every
# command.

include mk/rooms.mk

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
# The C++ compiler that goes with CC: only an example needs one.
ifeq ($(origin CXX),default)
CXX := $(subst clang,clang++,$(subst gcc,g++,$(patsubst cc,c++,$(firstword $(CC)))))
CXX += $(wordlist 2,$(words $(CC)),$(CC))
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules $(if $(filter 0,$(MAKELEVEL)),-j$(shell nproc))
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

# ---- libraries, found by pkg-config; some goals install what is missing, the others say so and stop

LIBRARIES := $(shell tools/deps --modules library)
PROGRAM_LIBRARIES := $(shell tools/deps --modules program)

goals   := $(or $(MAKECMDGOALS),all)
offline := help clean clients deps deps-check format uninstall check-size check-format
ifneq ($(filter-out $(offline),$(goals)),)
needs := build library program $(if $(filter test demo check% fuzz%,$(goals)),test)
# `make -n` brings included files up to date as well, and must not install anything.
dry_run  := $(findstring n,$(filter-out -% %=%,$(firstword $(MAKEFLAGS))))
installs := $(if $(dry_run),,$(filter test demo check% fuzz%,$(goals)))
include $(BUILD)/libraries.mk
endif

.PHONY: missing
lacking := $(if $(needs),$(shell CC='$(CC)' tools/deps --list $(needs)))
$(BUILD)/libraries.mk: Makefile tools/deps $(if $(lacking),missing)
	@CC='$(CC)' tools/deps $(if $(installs),,--tell) $(needs)
	@mkdir -p $(@D)
	@for ask in 'LIBRARY_CFLAGS --cflags $(LIBRARIES)' 'LIBRARY_LIBS --libs $(LIBRARIES)' \
	    'PROGRAM_CFLAGS --cflags $(PROGRAM_LIBRARIES)' 'PROGRAM_LIBS --libs $(PROGRAM_LIBRARIES)'; do \
	    flags=$$($(PKG_CONFIG) $${ask#* }) || exit 1; echo "$${ask%% *} := $$flags"; done > $@

# ---- flags

# Products and sums round one by one, on every compiler: fused operations are written as intrinsics, never
# chosen.
DIALECT := -std=c17 -D_GNU_SOURCE -DFATHOM_VERSION='"$(VERSION)"' -ffp-contract=off -fno-math-errno
DIALECT += -fPIC -fvisibility=hidden -pthread -Iinclude -Isrc
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
WARNINGS += -Wno-missing-field-initializers
WERROR  ?=

# What hardening costs nothing here. Fortified calls need an optimiser, and hide from sanitizers what they
# look for.
optimised := $(filter-out -O0,$(filter -O%,$(CFLAGS)))
sanitized := $(findstring -fsanitize,$(CFLAGS))
HARDENING := -fstack-protector-strong
HARDENING += $(if $(sanitized),,$(if $(optimised),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))

# One binary for every x86-64: each folder of an instruction set has its own flags, the rest stays at the
# baseline. CFLAGS such as -march=native must not widen the vectors of AVX2.
machine    := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
baseline   := $(if $(filter x86_64,$(machine)),-march=x86-64)
of_256     := -mavx2 -mfma -mf16c -mbmi2
isa_avx2   := $(of_256) -mno-avx512f
isa_vnni   := $(isa_avx2) -mavxvnni
isa_avx512 := $(of_256) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni
isa_vbmi   := $(isa_avx512) -mavx512vbmi -mgfni
isa_amx    := $(isa_vbmi) -mamx-tile -mamx-int8 -mamx-bf16
isa_others := $(if $(filter x86_64,$(machine)),neon,avx2 avx512 amx lanes)
foreign    := $(isa_others:%=src/kernel/%/%)

FLAGS = $(DIALECT) $(baseline) $(HARDENING) $(WARNINGS) $(WERROR) $(LIBRARY_CFLAGS)
LINK  = $(CC) $(FLAGS) $(CFLAGS) -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS  = $(LIBRARY_LIBS) -lm -pthread

# Objects follow a file that holds the flags, so other flags in the same folder build everything again.
settings = $(CC) $(FLAGS) $(CFLAGS) $(isa_vnni) $(isa_amx) $(KERNEL_CFLAGS)
ifneq ($(needs),)
ifneq ($(file <$(BUILD)/flags),$(settings))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/flags,$(settings))
endif
endif

# ---- objects and archives

sources  = $(sort $(filter-out $(foreign),$(wildcard src/$(1)/*.c src/$(1)/*/*.c)))
objects  = $(patsubst %.c,$(BUILD)/%.o,$(1))
archives = $(patsubst %,$(BUILD)/lib/%.a,$(1))
# Rooms that $(1) may reach, itself included; behind the public header stands engine.
below    = $(sort $(1) $(foreach room,$(1),$(patsubst fathom.h,engine,$(may_$(room)))))
closure  = $(if $(filter-out $(1),$(below)),$(call closure,$(below)),$(1))
group    = -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

SOURCES := $(foreach room,$(ROOMS),$(call sources,$(room)))
SOURCES += $(wildcard tests/*.c tests/*/*.c bench/*.c)
-include $(patsubst %.c,$(BUILD)/%.d,$(SOURCES))

# Flags of their own for what is made of some sources: objects, and what mk/check.mk makes of them.
made = $(patsubst %,%/$(1)%,$(BUILD) $(BUILD)/headers $(BUILD)/tidy)
$(call made,src/kernel/avx2/) $(call made,src/kernel/lanes/): private OWN := $(isa_avx2) $(KERNEL_CFLAGS)
$(call made,src/kernel/avx2/vnni_): private OWN := $(isa_vnni) $(KERNEL_CFLAGS)
$(call made,src/kernel/avx512/): private OWN := $(isa_avx512) $(KERNEL_CFLAGS)
$(call made,src/kernel/avx512/vbmi_): private OWN := $(isa_vbmi) $(KERNEL_CFLAGS)
$(call made,src/kernel/avx512/amx_): private OWN := $(isa_amx) $(KERNEL_CFLAGS)
$(call made,tests/) $(call made,bench/): private OWN := -Itests
$(call made,tests/kernel/amx_): private OWN := -Itests $(if $(filter x86_64,$(machine)),$(isa_avx512))
users_of_libraries := $(addprefix src/,server/ $(addprefix cli/,chat/line pull.c pull/))
$(foreach user,$(users_of_libraries),$(call made,$(user))): private OWN := $(PROGRAM_CFLAGS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) $(CFLAGS) $(OWN) -MMD -MP -c $< -o $@

# What the assembler includes, the compiler's list of dependencies leaves out.
$(BUILD)/src/server/page/files.o: $(foreach end,html css svg js,$(wildcard src/server/page/*.$(end)))

# The folders' own times say that a file came or went.
define archive_rule
$(BUILD)/lib/$(1).a: $(call objects,$(2)) $(3)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$(AR) rcs $$@ $$(filter %.o,$$^)
endef
folders  = $(wildcard src/$(1) src/$(1)/*/)
$(foreach room,$(ROOMS),$(eval $(call archive_rule,$(room),$(call sources,$(room)),$(call folders,$(room)))))
# What tests share: every source in tests/ that is no program of its own.
shared := $(filter-out tests/fuzz/% $(wildcard tests/*/test_*.c),$(wildcard tests/*.c tests/*/*.c))
$(eval $(call archive_rule,tests,$(shared),tests $(wildcard tests/*/)))

# ---- the program and the library

PROGRAM := $(BUILD)/fathom
SHARED  := libfathom.so.$(VERSION)
SONAME  := libfathom.so.$(firstword $(subst ., ,$(VERSION)))

.PHONY: all
all: $(PROGRAM) $(BUILD)/libfathom.a $(BUILD)/$(SHARED) ## the program and both libraries

# What the program looks for beside itself, or once it is installed in share/fathom.
SHIPPED := $(notdir $(wildcard models/minnow.*))
$(PROGRAM): | $(SHIPPED:%=$(BUILD)/%)
all test-programs: $(SHIPPED:%=$(BUILD)/%)
$(SHIPPED:%=$(BUILD)/%): $(BUILD)/%: models/%
	@mkdir -p $(@D)
	@ln -sf $(abspath $<) $@

$(PROGRAM) $(BUILD)/tests/cli/test_% $(BUILD)/tests/server/test_%: private LIBS += $(PROGRAM_LIBS)
$(PROGRAM): $(call archives,$(call closure,cli))
	$(call say,LINK,$@)
	$(Q)$(LINK) -pie $(group) $(LIBS) -o $@

# One object in which everything but fathom_* is local, so that a program's own `fail` never meets ours.
library_objects := $(call objects,$(foreach room,$(call closure,engine),$(call sources,$(room))))
$(BUILD)/libfathom.a: $(library_objects)
	$(call say,AR,$@)
	$(Q)$(CC) -r -nostdlib $^ -o $(BUILD)/libfathom.o
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/libfathom.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $(BUILD)/libfathom.o

$(BUILD)/$(SHARED): $(library_objects) mk/fathom.map
	$(call say,LINK,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=mk/fathom.map $(filter %.o,$^) $(LIBS) -o $@
	@ln -sf $(SHARED) $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $(BUILD)/libfathom.so

# ---- tests: tests/ROOM/test_NAME.c is a cmocka program over its room, test_NAME.sh a script

ONLY ?= *
TEST_SOURCES ?= $(wildcard tests/$(ONLY)/test_*.c)
TEST_SCRIPTS ?= $(wildcard tests/$(ONLY)/test_*.sh)
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
has_cxx  := $(shell command -v $(firstword $(CXX)))
EXAMPLES += $(if $(has_cxx),$(patsubst %.cpp,$(BUILD)/%,$(wildcard examples/*.cpp)))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))

define test_rule
$(BUILD)/tests/$(1)/test_%: $(BUILD)/tests/$(1)/test_%.o $(call archives,tests $(call closure,$(1)))
	$$(call say,LINK,$$@)
	$$(Q)$$(LINK) $$< $$(group) -lcmocka $$(LIBS) -o $$@
endef
$(foreach room,$(ROOMS),$(eval $(call test_rule,$(room))))

# Examples see what an installation gives, the header and the shared library; benches may use any room.
EXAMPLE_FLAGS = -Wall -Wextra -Wpedantic $(WERROR) $(CFLAGS) -Iinclude
EXAMPLE_LIBS  = -L$(BUILD) -lfathom -Wl,-rpath,$(abspath $(BUILD)) $(LDFLAGS)
$(BUILD)/examples/%: examples/%.c include/fathom.h $(BUILD)/$(SHARED) $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 $(EXAMPLE_FLAGS) $< $(EXAMPLE_LIBS) -o $@
$(BUILD)/examples/%: examples/%.cpp include/fathom.h $(BUILD)/$(SHARED) $(BUILD)/flags
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(EXAMPLE_FLAGS) $< $(EXAMPLE_LIBS) -o $@
$(BUILD)/bench/%: $(BUILD)/bench/%.o $(call archives,tests $(call closure,engine))
	$(call say,LINK,$@)
	$(Q)$(LINK) $< $(group) $(LIBS) -o $@

.PHONY: test test-programs examples bench
test: test-programs ## build and run all tests; ONLY=gguf: those of one room
	@FATHOM=$(PROGRAM) EXAMPLES=$(BUILD)/examples tools/run-tests $(TESTS) $(TEST_SCRIPTS)
test-programs: $(TESTS) $(if $(filter tests/cli/% tests/clients/%,$(TEST_SCRIPTS)),$(PROGRAM)) examples
examples: $(EXAMPLES) ## the programs in examples/, over the public header alone
bench: $(BENCHES) ## build the measurements in bench/

# Checks that build in folders of their own find the clients in the first one.
CLIENTS ?= $(BUILD)/clients
export CLIENTS
.PHONY: clients
clients: $(CLIENTS)/made ## fetch the Python packages that tests/clients runs, or skips
$(CLIENTS)/made: tests/clients/requirements.txt
	@tools/deps clients
	$(call say,FETCH,$<)
	@rm -rf $(@D)
	$(Q)python3 -m venv $(@D)
	$(Q)$(@D)/bin/pip install --quiet --disable-pip-version-check --retries 1 --no-compile -r $<
	@touch $@

# ---- the main job, from a clean checkout

.PHONY: demo
demo: all ## build, talk with the small model that ships, and say how to get DeepSeek-R1
	@echo
	@printf '%s\n' 'Count from one to ten in French.' 'Now give pronunciation tips.' | $(PROGRAM) chat --temp 0
	@echo
	@$(PROGRAM) plan --suggest

# ---- installation

$(BUILD)/fathom.1: $(PROGRAM)
	$(Q)$(WRAPPER) $< help --man > $@

$(BUILD)/fathom.pc: mk/fathom.pc.in Makefile
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBRARIES@|$(LIBRARIES)|' $< > $@

root := $(DESTDIR)$(PREFIX)
.PHONY: install uninstall
install: all $(BUILD)/fathom.1 $(BUILD)/fathom.pc ## into PREFIX (/usr/local), under DESTDIR
	install -d $(addprefix $(root)/,bin include lib/pkgconfig share/man/man1 share/doc/fathom share/fathom)
	install -m 755 $(PROGRAM) $(root)/bin/fathom
	install -m 644 include/fathom.h $(root)/include/fathom.h
	install -m 644 $(BUILD)/libfathom.a $(root)/lib/libfathom.a
	install -m 755 $(BUILD)/$(SHARED) $(root)/lib/$(SHARED)
	ln -sf $(SHARED) $(root)/lib/$(SONAME)
	ln -sf $(SONAME) $(root)/lib/libfathom.so
	install -m 644 $(BUILD)/fathom.pc $(root)/lib/pkgconfig/fathom.pc
	install -m 644 $(BUILD)/fathom.1 $(root)/share/man/man1/fathom.1
	install -m 644 LICENSE NOTICE $(root)/share/doc/fathom
	$(if $(SHIPPED),install -m 644 $(SHIPPED:%=models/%) $(root)/share/fathom)
uninstall: ## remove what install put there
	rm -f $(addprefix $(root)/,bin/fathom include/fathom.h share/man/man1/fathom.1)
	rm -f $(addprefix $(root)/lib/,libfathom.a $(SHARED) $(SONAME) libfathom.so pkgconfig/fathom.pc)
	rm -rf $(addprefix $(root)/share/,doc/fathom fathom)

# ---- the rest

.PHONY: deps format clean help
deps: ## install the libraries and tools that are missing
	@tools/deps build library program test

format: ## clang-format over all sources
	clang-format -i $(C_FILES)

clean: ## remove what was built
	rm -rf $(BUILD)

include mk/check.mk

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile mk/check.mk
