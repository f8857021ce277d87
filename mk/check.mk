# SPDX-License-Identifier: Apache-2.0
# The checks: quick ones that every submission passes, and slow ones for a longer evening, each by its own
# name.
#
# A slow check builds in a folder of its own below $(BUILD), by calling make again with other flags. Its tools
# come from `make deps-check`.

FOLDERS := include examples bench src/* src/*/* tests tests/*
C_FILES := $(wildcard $(FOLDERS:%=%/*.[ch]) examples/*.cpp)
HEADERS := $(filter %.h,$(filter-out $(foreign),$(C_FILES)))

QUICK_CHECKS := check-layers check-size check-headers check-format
SLOW_CHECKS := check-gcc check-clang check-address check-threads check-valgrind check-tidy check-cppcheck
SLOW_CHECKS += check-arm64 check-load

.PHONY: deps-check check check-quick $(SLOW_CHECKS) $(QUICK_CHECKS)
deps-check: ## install the tools that the checks need
	@tools/deps build library program test check

# One after the other, each to its end, so that one evening shows everything.
check: ## all checks below, quick and slow
	@failed=; for check in $(QUICK_CHECKS) $(SLOW_CHECKS); do \
	    echo "== $$check"; $(MAKE) --no-print-directory $$check || failed="$$failed $$check"; done; \
	if [ "$$failed" ]; then echo "failed:$$failed"; exit 1; fi; echo "all checks passed"

# ---- quick

check-quick: $(QUICK_CHECKS) ## layers, sizes, headers, format

check-layers: $(call archives,$(ROOMS)) ## includes and symbols go only where mk/rooms.mk lets them
	@tools/check-layers $(BUILD)/lib

check-size: ## lengths of files, functions, lines and parameter lists
	@tools/check-size

check-headers: $(HEADERS:%.h=$(BUILD)/headers/%.ok) ## every header compiles alone
$(BUILD)/headers/%.ok: %.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) $(CFLAGS) $(OWN) -MMD -MP -MF $(@:.ok=.d) -MT $@ -fsyntax-only -include $< -x c /dev/null
	@touch $@
-include $(HEADERS:%.h=$(BUILD)/headers/%.d)

check-format: ## clang-format 14 would change nothing
	@tools/check-format $(C_FILES)

# ---- slow: the tests again, under other compilers, sanitizers and machines

again = +@$(MAKE) --no-print-directory WERROR=-Werror BUILD=$(BUILD)/$(1)

check-gcc: ## gcc, all warnings errors
	$(call again,gcc) CC=gcc all bench test
check-clang: ## clang, all warnings errors
	$(call again,clang) CC=clang all bench test

UNDEFINED := -fsanitize=address,undefined -fno-sanitize-recover=all
check-address: ## all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call again,address) CFLAGS='-O1 -g1 -fno-omit-frame-pointer $(UNDEFINED)' TIMEOUT=900 test

check-load: ## a thousand requests from 64 clients, under the same two
	$(call again,address) CFLAGS='-O1 -g1 -fno-omit-frame-pointer $(UNDEFINED)' TIMEOUT=900 FATHOM_LOAD=1000 \
	    TEST_SOURCES=tests/server/test_load.c TEST_SCRIPTS= test

CROWDED := tests/server/test_load.c tests/weights/test_read_ahead.c \
           $(shell grep -l 'machine/team\.h' tests/*/test_*.c)
check-threads: ## tests that use the team of threads, and a crowd of clients, under ThreadSanitizer
	$(call again,threads) CFLAGS='-O1 -g -fsanitize=thread' TIMEOUT=900 TEST_SOURCES='$(CROWDED)' \
	    TEST_SCRIPTS= test

PARSERS := base gguf text weights
# Sparse files as large as whole models, which valgrind and qemu have no room to map.
SPARSE  := tests/weights/test_plan.c tests/weights/test_plan_forecast.c tests/cli/test_plan.c \
           tests/weights/test_read_ahead.c
check-valgrind: ## the parsers' tests under valgrind
	$(call again,valgrind) CFLAGS='-O1 -g' TIMEOUT=900 TEST_SCRIPTS= \
	    TEST_SOURCES='$(filter-out $(SPARSE),$(wildcard $(PARSERS:%=tests/%/test_*.c)))' \
	    WRAPPER='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' test

TIDY := $(filter-out $(foreign),$(filter src/%.c,$(C_FILES)))
check-tidy: $(TIDY:%.c=$(BUILD)/tidy/%.ok) ## clang-tidy
$(BUILD)/tidy/%.ok: %.c .clang-tidy $(HEADERS)
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(FLAGS) $(OWN) $(FACTS) 2> $(@:.ok=.log) || { cat $(@:.ok=.log); exit 1; }
	@touch $@
$(BUILD)/tidy/%.ok: private FACTS := -include tools/tidy.h
$(BUILD)/tidy/src/base/error.ok: private FACTS :=
$(BUILD)/tidy/src/kernel/avx512/vbmi_%.ok: OWN := $(isa_vbmi)

# Not asked: what it says of sound code (float rows in byte buffers, a bound known on another path), its own
# limits.
CPPCHECK_WRONG := invalidPointerCast arrayIndexThenCheck arrayIndexOutOfBoundsCond internalAstError
check-cppcheck: ## cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 -j $(shell nproc) \
	    $(CPPCHECK_WRONG:%=--suppress=%) -D__x86_64__ -D__BYTE_ORDER__=1 -D__ORDER_LITTLE_ENDIAN__=1 \
	    -Iinclude -Isrc src

# The sysroot is unpacked from the distribution's own arm64 packages; the system stays as it is. qemu keeps
# tables for all that a program maps, so its memory is limited; and it shows a program maps that are not its
# own.
ARM64_BYTES := 8589934592
UNEMULATED  := tests/machine/test_pages.c tests/weights/test_catalog.c tests/weights/test_read_ahead.c \
               tests/cli/test_plan.sh
SYSROOT := $(abspath $(BUILD)/arm64-sysroot)
check-arm64: export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
check-arm64: export PKG_CONFIG_LIBDIR := $(SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig
check-arm64: ## cross-build for arm64, tests under qemu
	@tools/arm64-sysroot $(SYSROOT)
	$(call again,arm64) CC='aarch64-linux-gnu-gcc --sysroot=$(SYSROOT)' AR=aarch64-linux-gnu-ar \
	    OBJCOPY=aarch64-linux-gnu-objcopy TIMEOUT=3600 \
	    WRAPPER='prlimit --as=$(ARM64_BYTES) qemu-aarch64 -L $(SYSROOT)' \
	    TEST_SOURCES='$(filter-out $(UNEMULATED) $(SPARSE),$(TEST_SOURCES))' \
	    TEST_SCRIPTS='$(filter-out $(UNEMULATED),$(TEST_SCRIPTS))' all test

# ---- fuzzing: tests/fuzz/fuzz_NAME.c over tests/corpus/NAME; what is found new lies in $(BUILD)/fuzz/found

# The parsers never reach the unrolled kernels, which clang would instrument for half an hour.
FUZZ_SECONDS ?= 30
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_$(ONLY).c))
.PHONY: fuzz $(FUZZERS:%=fuzz-%)
fuzz: ## libFuzzer, FUZZ_SECONDS=30 each; ONLY=gguf: one of them
	$(call again,fuzz) CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link $(UNDEFINED)' \
	    KERNEL_CFLAGS=-fno-sanitize=all $(FUZZERS:%=fuzz-%)

$(FUZZERS:%=fuzz-%): fuzz-%: $(BUILD)/tests/fuzz/fuzz_%
	@mkdir -p $(BUILD)/found/$*
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=$(BUILD)/found/$*- \
	    $(BUILD)/found/$* $(wildcard tests/corpus/$*) > $(BUILD)/found/$*.log 2>&1 || \
	    { tail -n 60 $(BUILD)/found/$*.log; exit 1; }
	@printf '  %-12s %s\n' $* "$$(grep '^Done' $(BUILD)/found/$*.log)"
$(BUILD)/tests/fuzz/fuzz_%: private LIBS += $(PROGRAM_LIBS)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(call archives,tests $(call closure,server))
	$(Q)$(LINK) -fsanitize=fuzzer $< $(group) $(LIBS) -o $@
