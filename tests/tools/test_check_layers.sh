#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each arrow that check-layers forbids, in one file of an otherwise good tree; then calls between built rooms.
. "$(dirname "$0")/tree.sh"

check() { # a file, an include as written, and what is said about it; nothing is said about what is allowed
    echo "#include $2" | put "$1"
    if [ -n "$3" ]; then catches "$1:1: $3" tools/check-layers; else passes tools/check-layers; fi
    rm "$1"
}

check src/gguf/x.c '"base/error.h"' ''
check src/gguf/x.c '"gguf/gguf.h"' ''
check src/base/x.c '"gguf/gguf.h"' 'base may not include "gguf/gguf.h"'
check src/text/x.c '"quant/format.h"' 'text may not include "quant/format.h"'
check src/machine/x.c '"quant/format.h"' 'machine may not include "quant/format.h"'
check src/server/x.c '"engine/engine.h"' 'server may not include "engine/engine.h"'
check src/server/x.c '"fathom.h"' ''
check src/model/x.c '"fathom.h"' 'model may not include "fathom.h"'
check src/base/x.c '"error.h"' 'base may not include "error.h"'
check src/base/x.c '  "gguf/gguf.h" /* why not */' 'base may not include'
check src/attic/x.c '"base/error.h"' 'room attic is not in mk/rooms.mk'

check src/kernel/avx2/x.c '"kernel/generic/generic.h"' ''
check src/kernel/avx2/x.c '"kernel/lanes/lanes.h"' ''
check src/kernel/avx2/x.c '"kernel/kernel.h"' ''
check src/kernel/avx2/x.c '"kernel/avx512/dot.h"' 'kernel/avx2 may not include "kernel/avx512/dot.h"'
check src/kernel/avx2/x.c '<immintrin.h>' ''
check src/kernel/generic/x.c '<immintrin.h>' 'kernel/generic may not include <immintrin.h>'
check src/base/x.c '<immintrin.h>' 'base may not include <immintrin.h>'

check src/machine/x.c '<hwloc.h>' ''
check src/base/x.c '<hwloc.h>' 'base may not include <hwloc.h>, only machine may'
check src/engine/x.c '<pcre2.h>' 'engine may not include <pcre2.h>'
check src/cli/x.c '<jansson.h>' ''
check src/base/x.c '<cmocka.h>' 'base may not include <cmocka.h>'
check src/base/x.c '<sys/mman.h>' ''
check src/base/x.c '<glib.h>' '<glib.h> is not of C or POSIX'

check examples/x.c '"fathom.h"' ''
check examples/x.c '<fathom.h>' ''
check examples/x.c '"base/error.h"' 'examples may not include "base/error.h"'
check examples/x.c '<unistd.h>' '<unistd.h> is not of the C standard'
check include/fathom.h '<sys/types.h>' '<sys/types.h> is not of the C standard'
check tests/base/test_x.c '<cmocka.h>' ''
check tests/base/test_x.c '"engine/engine.h"' ''
check tests/base/test_x.c '<immintrin.h>' 'tests may not include <immintrin.h>'
check tests/base/test_x.c '"attic/x.h"' '"attic/x.h" is in no room'

# ---- built rooms

build() { # room; its source on standard input
    put "src/$1/x.c"
    mkdir -p build/lib
    ${CC:-cc} -c "src/$1/x.c" -o "build/$1.o" && ar rcs "build/lib/$1.a" "build/$1.o"
}
echo 'int below(void) { return 1; }' | build base
echo 'int above(void) { return 1; } int fathom_above(void) { return 1; }' | build engine
echo 'int below(void); int side(void) { return below(); }' | build gguf
passes tools/check-layers
echo 'int above(void); int side(void) { return above(); }' | build gguf
catches 'src/gguf/gguf.o: calls above of engine' tools/check-layers
catches 'src/gguf/gguf.o: calls above of engine' tools/check-layers build/lib
touch -d 'next minute' src/gguf/x.c
passes tools/check-layers
echo 'int fathom_above(void); int side(void) { return fathom_above(); }' | build gguf
catches 'src/gguf/gguf.o: calls fathom_above of engine' tools/check-layers
rm build/lib/gguf.a
echo 'int fathom_above(void); int serve(void) { return fathom_above(); }' | build server
passes tools/check-layers
echo 'int above(void); int serve(void) { return above(); }' | build server
catches 'src/server/server.o: calls above of engine' tools/check-layers
rm build/lib/server.a

echo 'int printf(const char *, ...); void f(void) { printf("%d", 1); }' | build cli
passes tools/check-layers
echo 'int printf(const char *, ...); void f(void) { printf("%d", 1); }' | build text
catches 'src/text/text.o: printf: only cli prints' tools/check-layers
echo 'char *getenv(const char *); char *f(void) { return getenv("HOME"); }' | build text
catches 'src/text/text.o: getenv: only cli' tools/check-layers
echo 'static int calls; int f(void) { return calls++; }' | build text
catches 'src/text/text.o: variable calls can change' tools/check-layers
echo 'static int first = 1; int f(void) { return first++; }' | build text
catches 'src/text/text.o: variable first can change' tools/check-layers
echo 'static const char *const names[] = {"a", "b"}; const char *f(int i) { return names[i]; }' | build text
passes tools/check-layers

finish
