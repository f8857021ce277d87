#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each limit of check-size, a little over and just kept.
. "$(dirname "$0")/tree.sh"
find tools mk -type f ! -name check-size -delete # the real ones are judged elsewhere

spdx='/* SPDX-License-Identifier: Apache-2.0 */'

lines() { # n copies of a line
    yes "$2" | head -n "$1"
}
function_of() { # a function of n lines, signature and braces counted
    printf 'void f(void)\n{\n'
    lines $(($1 - 3)) '    g();'
    printf '}\n'
}
check() { # standard input as a source file: caught with the text $1, or passed where there is none
    { echo "$spdx"; cat; } | put src/base/x.c
    if [ -n "$1" ]; then catches "$1" tools/check-size; else passes tools/check-size; fi
}
columns() { # a comment of n columns
    printf '/*%s*/\n' "$(lines $(($1 - 4)) "${2-x}" | tr -d '\n')"
}

echo 'int x;' | check ''
lines 599 'int x;' | check ''
lines 600 'int x;' | check 'src/base/x.c:601: file of 601 lines, at most 600'
function_of 60 | check ''
function_of 61 | check 'src/base/x.c:2: function of 61 lines, at most 60'
{ echo '/* long: a state machine. */'; function_of 100; } | check ''
{ echo '/* long: a state machine. */'; function_of 101; } | check 'function of 101 lines, at most 100'
{ echo '/* long: the first. */'; function_of 61; echo; function_of 61; } | check 'x.c:65: function of 61'
columns 110 | check ''
columns 111 | check 'src/base/x.c:2: 111 columns, at most 110'
columns 110 'é' | check ''
echo 'int f(int a, int b, int c, int d, int e, int g);' | check ''
printf 'int f(int a, int b, int c,\n      int d, /* two, three */\n      int e, int g, int h)\n{\n}\n' |
    check '7 parameters'
many='int f(int a, int b, int c, int d, int e, int g, int h)'
printf '/* theirs: they call it. */\n%s\n{\n}\n' "$many" | check ''
printf '/* theirs: they call it. */\nint x;\n%s;\n' "$many" | check '7 parameters'
echo 'int f(int a, void (*b)(int, int, int), int c, int d, int e, int g);' | check ''
echo 'int f(int a, const char *s, ...) __attribute__((format(printf, 2, 3)));' | check ''
printf 'static const int table[] = {\n%s\n};\n' "$(lines 70 '    1, 2, 3, 4, 5, 6, 7, 8,')" | check ''

{ echo "$spdx"; lines 900 'int x;'; } | put src/base/codebook_x.c
echo 'int x;' | check ''
{ echo "$spdx"; lines 450 'int x;'; } | put include/fathom.h
catches 'include/fathom.h:451: file of 451 lines, at most 450' tools/check-size
rm -r include

echo 'int x;' | put src/base/y.c
catches 'src/base/y.c:1: 0 SPDX lines' tools/check-size
{ echo "$spdx"; echo "$spdx"; } | put src/base/y.c
catches 'src/base/y.c:1: 2 SPDX lines' tools/check-size
rm src/base/y.c
echo 'echo' | put tests/x/test_x.sh
catches 'tests/x/test_x.sh:1: 0 SPDX lines' tools/check-size

finish
