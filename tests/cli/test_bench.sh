#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom bench` over a tiny model: every form can be read, figures are positive, wrong lists are refused, and
# nothing is written outside its cache folder.
. tests/cli/check.sh
model=$work/tiny.gguf
cache=$work/cache
export XDG_CACHE_HOME="$cache"
run forge --preset tiny -o "$model"
expect_status 0

bench() { # options...
    run bench -m "$model" -r 2 "$@"
    expect_status 0
    [ ! -s "$err" ] || wrong "expected nothing on standard error"
}

# CSV: a head and a line for each test, all with as many fields; the names hold commas, so they are quoted.
bench -p 16,48 -n 4 -d 70,0,70 --csv
sed 's/"[^"]*"/name/' "$out" >"$work/csv"
[ "$(wc -l <"$work/csv")" = 7 ] || wrong "expected a head and six tests"
awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "$work/csv" || wrong "the lines have different lengths"
awk -F, 'NR > 1 { print $2, $3 }' "$work/csv" | tr '\n' ';' >"$work/tests"
[ "$(cat "$work/tests")" = "pp16 0;pp48 0;tg4 0;pp16 70;pp48 70;tg4 70;" ] ||
    wrong "other tests than asked for: $(cat "$work/tests")"
awk -F, 'NR > 1 && !($4 > 0 && $5 > 0 && $6 >= $4 && $4 >= $5 && $7 == 2 && $15 > 0 && $16 > 0) { exit 1 }
         NR > 1 && (($8 > 0) + ($9 > 0) != 1 || !($10 > 0)) { exit 1 }' "$work/csv" ||
    wrong "a figure is not positive, or lowest, median and highest are out of order"

# JSON: balanced outside of its strings, and no figure is zero.
bench -p 16 -n 0 --json
brackets=$(sed 's/"[^"]*"//g' "$out" | tr -cd '{}[]' | sed ':again; s/{}//; s/\[\]//; t again')
[ -z "$brackets" ] || wrong "brackets are not balanced: $brackets"
for key in read_bytes core_products all_products tokens_per_second lowest share_of_peak token_bytes; do
    grep -Eq "\"$key\": [0-9.e]*[1-9]" "$out" || wrong "there is no positive $key"
done
grep -q '"kind": "answer"' "$out" && wrong "-n 0 timed an answer"

# The table and its Markdown form.
bench -p 0 -n 3
grep -Eq '^  tg3 +0 +[0-9.]+ ' "$out" || wrong "there is no line for tg3"
grep -q 'pp' "$out" && wrong "-p 0 timed a prompt"
grep -Eq '^  all weights +[0-9.]+ +100% ' "$out" || wrong "there is no sum of the parts"
awk 'length > 100' "$out" | grep . && wrong "lines are longer than 100 columns"
bench -p 8 -n 2 --md
grep -Eq '^\| pp8 \| 0 \| [0-9.]+ \|' "$out" || wrong "there is no row for pp8"

# A conversation: the second turn finds the first one's prompt held.
bench --chat -n 6 --csv
[ "$(wc -l <"$out")" = 3 ] || wrong "expected two turns"
awk -F, 'NR == 2 && $4 != 0 { exit 1 } NR == 3 && !($4 > 0 && $5 > $4) { exit 1 }
         NR > 1 && !($2 > 0 && $6 >= 1 && $6 <= 6) { exit 1 }' "$out" || wrong "unlikely turns"
printf 'one, "two"\n\nthree\r\nfour' >"$work/messages"
bench --chat "$work/messages" -n 2 --csv
grep -q '^"one, ""two""",' "$out" || wrong "a message with a comma and quotes is not quoted"
grep -q '^three,' "$out" && grep -q '^four,' "$out" || wrong "expected a turn for each line"

# What a plan says of the same tests, beside them.
bench -p 16 -n 4 -d 0,40 --forecast --csv
head -n 1 "$out" | grep -q ',percent_of_peak,forecast_tokens_per_second,' || wrong "there is no forecast"
sed 's/"[^"]*"/name/' "$out" | awk -F, 'NR > 1 && !($11 > 0) { exit 1 }' || wrong "a test has no forecast"
bench -p 16 -n 0 --forecast
grep -Eq '^  pp16 .*  [0-9.]+, [+-][0-9]+%$' "$out" || wrong "the forecast is not held against the time"

# What is wrong is said before anything is computed.
refused() { # status, text, options...
    expected=$1 text=$2
    shift 2
    run bench "$@"
    expect_refusal "$expected" "$text"
}
many=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
for list in "" x 1,,2 1, ,1 -1 1.5 16777217 99999999999999999999 "1 2" $many; do
    refused 2 "-p $list: expected" -m "$model" -p "$list"
    refused 2 "-d $list: expected" -m "$model" -d "$list"
done
refused 2 "nothing to time" -m "$model" -p 0 -n 0
refused 2 "nothing to answer with" -m "$model" --chat -n 0
refused 2 "-r 0" -m "$model" -r 0
refused 2 "exclude each other" -m "$model" --json --csv
refused 2 "unexpected argument 'x'" -m "$model" x
refused 2 "add -m MODEL" --chat
refused 2 "not about --chat" -m "$model" --chat --forecast
refused 2 "no forecast for --exact" -m "$model" --exact --forecast
refused 2 "no forecast for --exact" --exact
refused 2 "leave one out" -m "$model" --mix q4_0
refused 2 "leave -p and -d out" -m "$model" --chat -p 5
refused 2 "expected one of f32" --mix q9
refused 2 "take a context of 612 tokens" -m "$model" -p 512 -d 100 -c 600
refused 1 "$work/absent.gguf" -m "$work/absent.gguf"
refused 1 "$work/absent" -m "$model" --chat "$work/absent"
: >"$work/empty"
refused 1 "holds no message" -m "$model" --chat "$work/empty"
refused 1 "made for 4096" -m "$model" -p 4097

# Without a model: a file that is not bench's own is left alone, and so is a folder that cannot be made.
expect_absent "$cache"
mkdir -p "$cache/fathom"
for layers in 0+2 0+1; do cp "$model" "$cache/fathom/r1-q2_k_xl-$layers.gguf"; done
run bench
expect_status 1
expect_err "move it away"
expect_same "$model" "$cache/fathom/r1-q2_k_xl-0+2.gguf"
: >"$work/file"
XDG_CACHE_HOME=$work/file
run bench
expect_status 1
expect_err "$work/file"

finish
