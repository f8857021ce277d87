/* SPDX-License-Identifier: Apache-2.0 */
/* test_options.c - tables against command lines: every way to give a value, a reason for every refusal. */
#include "check.h"
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

struct shared {
    uint64_t threads;
    const char *model;
};

struct settings {
    const char *before, *after; /* arguments */
    bool raw;
    uint64_t count, size;
    double temperature;
    int cache, think;
    struct option_list rules;
    struct shared shared;
};

static const struct option_choice caches[] = {{"f16", 7}, {"f32", 8}, {"q8_0", CHOICE_NOT_BUILT}, {0}};
static const struct option_choice thinks[] = {{"auto", 1}, {"force", 2}, {0}};

static const struct option own[] = {
    {.argument = "IN", INTO_TEXT(struct settings, before), .help = "h"},
    {.argument = "OUT", INTO_TEXT(struct settings, after), .help = "h"},
    {"raw", 'r', NULL, INTO_FLAG(struct settings, raw), .help = "h"},
    {"max-new-tokens", 'n', "N", INTO_COUNT(struct settings, count), .low = 1, .high = 100, .help = "h"},
    {"seed", 0, "S", INTO_COUNT(struct settings, count), .help = "h"},
    {"ram", 0, "SIZE", INTO_SIZE(struct settings, size), .low = 1024, .help = "h"},
    {"temp", 0, "T", INTO_NUMBER(struct settings, temperature), .low = -1, .high = 2, .help = "h"},
    {"kv", 0, NULL, INTO_CHOICE(struct settings, cache), .choices = caches, .help = "h"},
    {"think", 0, NULL, INTO_CHOICE(struct settings, think), .choices = thinks, .help = "h"},
    {"place", 0, "R=H", INTO_LIST(struct settings, rules), .help = "h"},
    {0},
};
static const struct option common[] = {
    {"threads", 't', "N", INTO_COUNT(struct shared, threads), .low = 1, .help = "h"},
    {"model", 'm', "MODEL", INTO_TEXT(struct shared, model), .help = "h"},
    {0},
};
static const struct option_group groups[] = {
    {"Options", own, 0},
    {"Common", common, offsetof(struct settings, shared)},
    {0},
};

/* Reads a command line of words with one space between them. */
static enum options_result read_line(const char *line, struct settings *settings, struct error *err)
{
    static char text[512];
    char *argv[32];
    int argc = 0;
    *settings = (struct settings){0};
    err->text[0] = '\0';
    snprintf(text, sizeof text, "test%s%s", *line != '\0' ? " " : "", line);
    for (char *at = text; at != NULL && argc < 31;) {
        argv[argc++] = at;
        at = strchr(at, ' ');
        if (at != NULL)
            *at++ = '\0';
    }
    return options_read(groups, argc, argv, settings, err);
}

static struct settings read_well(const char *line)
{
    struct settings settings;
    struct error err;
    if (read_line(line, &settings, &err) != OPTIONS_READ)
        fail_msg("'%s' was refused: %s", line, err.text);
    return settings;
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(read_well("-n 5").count, 5);
    assert_int_equal(read_well("-n5").count, 5);
    assert_int_equal(read_well("--max-new-tokens 5").count, 5);
    assert_int_equal(read_well("--max_new_tokens=5").count, 5);
    assert_int_equal(read_well("-n 5 -n 6").count, 6);
    assert_true(read_well("--seed 18446744073709551615").count == UINT64_MAX);
    assert_true(read_well("--raw").raw);
    assert_true(read_well("-r").raw);
    assert_true(read_well("--ram 24G").size == (uint64_t)24 << 30);
    assert_true(read_well("--temp -0.5").temperature == -0.5);
    assert_true(read_well("--temp=1e-3").temperature == 1e-3);
    assert_int_equal(read_well("--kv f32").cache, 8);
    assert_int_equal(read_well("-t 9").shared.threads, 9);
    assert_string_equal(read_well("--model=a=b").shared.model, "a=b");
    assert_string_equal(read_well("--model=").shared.model, "");
    assert_string_equal(read_well("-m --raw").shared.model, "--raw");
    assert_string_equal(read_well("-m -").shared.model, "-");
    assert_false(read_well("-m --raw").raw);
}

static void lists_grow(void **state)
{
    (void)state;
    assert_int_equal(read_well("").rules.n_items, 0);
    struct option_list rules = read_well("--place a=b -n 5 --place=c=d").rules;
    assert_int_equal(rules.n_items, 2);
    assert_string_equal(rules.items[0], "a=b");
    assert_string_equal(rules.items[1], "c=d");

    char *argv[1 + 2 * (OPTION_LIST_MOST + 1)] = {"test"};
    for (int i = 1; i <= 2 * (OPTION_LIST_MOST + 1); i += 2) {
        argv[i] = "--place";
        argv[i + 1] = "x=y";
    }
    struct settings settings = {0};
    struct error err;
    assert_int_equal(options_read(groups, 1 + 2 * OPTION_LIST_MOST, argv, &settings, &err), OPTIONS_READ);
    assert_int_equal(settings.rules.n_items, OPTION_LIST_MOST);
    settings = (struct settings){0};
    assert_int_equal(options_read(groups, 3 + 2 * OPTION_LIST_MOST, argv, &settings, &err), OPTIONS_WRONG);
    assert_string_equal(err.text, "--place: given more than 64 times");
}

static void arguments(void **state)
{
    (void)state;
    struct settings both = read_well("first -n 5 second");
    assert_string_equal(both.before, "first");
    assert_string_equal(both.after, "second");
    assert_int_equal(both.count, 5);
    assert_string_equal(read_well("-").before, "-");
    assert_string_equal(read_well("-r -- --raw").before, "--raw");
    assert_null(read_well("").before);
}

static void aliases(void **state)
{
    (void)state;
    assert_string_equal(read_well("--gguf_path x").shared.model, "x");
    assert_int_equal(read_well("--cpu_infer 3").shared.threads, 3);
    assert_int_equal(read_well("--cpu-infer=3").shared.threads, 3);
    assert_true(read_well("--temperature 1").temperature == 1.0);
    assert_int_equal(read_well("--force_think").think, 2);
}

static void help_comes_first(void **state)
{
    (void)state;
    struct settings settings;
    struct error err;
    assert_int_equal(read_line("-n 5 --help --nonsense", &settings, &err), OPTIONS_HELP);
    assert_int_equal(read_line("-h", &settings, &err), OPTIONS_HELP);
    assert_int_equal(read_line("-- -h", &settings, &err), OPTIONS_READ);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"-n", "-n: needs a value, N"},
        {"--kv", "--kv: needs a value, f16 or f32"},
        {"-n 0", "-n 0: expected a whole number from 1 to 100"},
        {"-n 101", "-n 101: expected a whole number from 1 to 100"},
        {"-n -1", "-n -1: expected a whole number from 1 to 100"},
        {"-n 5x", "-n 5x: expected a whole number from 1 to 100"},
        {"-n +5", "-n +5: expected a whole number from 1 to 100"},
        {"--max_new_tokens=", "--max_new_tokens : expected a whole number from 1 to 100"},
        {"--seed 18446744073709551616", "--seed 18446744073709551616: expected a whole number, 0 or more"},
        {"--cpu_infer 0", "--cpu_infer 0: expected a whole number, 1 or more"},
        {"--temp 3", "--temp 3: expected a number from -1 to 2"},
        {"--temp nan", "--temp nan: expected a number from -1 to 2"},
        {"--temp inf", "--temp inf: expected a number from -1 to 2"},
        {"--temp 1.0.0", "--temp 1.0.0: expected a number from -1 to 2"},
        {"--ram much", "--ram much: expected a size, such as 640M or 24G"},
        {"--ram 1000", "--ram 1000: expected a size of 1.0 KiB or more"},
        {"--kv f64", "--kv f64: expected f16 or f32"},
        {"--kv q8_0", "--kv q8_0: not built yet; use f16 or f32"},
        {"--raw=yes", "--raw takes no value"},
        {"-ry", "-r takes no value"},
        {"--force_think=1", "--force_think takes no value"},
        {"--gpu 24G", "--gpu: not built yet; everything runs on the CPU"},
        {"--tmep 1", "no option --tmep; did you mean --temp?"},
        {"--Temp 1", "no option --Temp; did you mean --temp?"},
        {"--cpu-infre 1", "no option --cpu-infre; did you mean --cpu-infer?"},
        {"--total_context 1",
         "no option --total_context; 'fathom help test' lists them"}, /* there is no --ctx-size */
        {"--unheard-of=1", "no option --unheard-of; 'fathom help test' lists them"},
        {"-temp 1", "no option -temp; did you mean --temp?"},
        {"-q", "no option -q; 'fathom help test' lists them"},
        {"a b c", "unexpected argument 'c'; 'fathom help test' says what it takes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings;
        struct error err;
        assert_int_equal(read_line(cases[i].line, &settings, &err), OPTIONS_WRONG);
        assert_string_equal(err.text, cases[i].reason);
    }

    struct settings settings;
    struct error err;
    char line[200] = "--";
    memset(line + 2, 'x', sizeof line - 3);
    assert_int_equal(read_line(line, &settings, &err), OPTIONS_WRONG);
    assert_string_equal(err.text, "no option --xxxxxxxxxxxxxxxxxx...; 'fathom help test' lists them");
    assert_int_equal(read_line("--model_path x", &settings, &err), OPTIONS_WRONG);
    assert_non_null(strstr(err.text, "-m"));
    assert_int_equal(read_line("--optimize_config_path x", &settings, &err), OPTIONS_WRONG);
    assert_non_null(strstr(err.text, "-m"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),  cmocka_unit_test(lists_grow),       cmocka_unit_test(arguments),
        cmocka_unit_test(aliases), cmocka_unit_test(help_comes_first), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
