/* SPDX-License-Identifier: Apache-2.0 */
/* test_constraint_schema.c - JSON schemas: which texts they take, and which schemas are refused, by name and
 * place. */
#include <stdio.h>

#include "base/buffer.h"
#include "base/random.h"
#include "engine/constrained.h"

static bool any_object(struct grammar *grammar, struct text text, struct error *err)
{
    (void)text;
    return json_object_compile(grammar, err);
}

static void schema(const char *text, const char *const *good, const char *const *bad)
{
    check_texts(json_schema_compile, text, good, bad);
}

static void any_json(void **state)
{
    (void)state;
    check_texts(
        any_object, "",
        GOOD("{}", "{ }", "\n\n{\"a\":1}", "{\"a\": [1, 2.5e-3, \"x\\n\\u00e9\\ud83d\\ude00\"], \"b\": null}",
             "{\n  \"a\": {\n    \"b\": [\n      true,\n      false\n    ]\n  }\n}", "{\"é\":-0.5}"),
        BAD("", "[]", "1", "{", "{}}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":01}", "{\"a\":.5}",
            "{\"a\":1.}", "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\n\"}",
            "{a:1}", "{\"a\":tru}", "{}  ", "{    }", "\n\n\n{}", "{\"a\":\"\xff\"}"));
    schema("true", GOOD("1", "\"a\"", "[[]]", "null"), BAD("", "x"));
    schema("{\"title\":\"anything\"}", GOOD("1", "{}"), BAD("x"));
}

static void objects(void **state)
{
    (void)state;
    schema("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"},"
           "\"c\":{\"type\":\"boolean\"}},\"required\":[\"b\"]}",
           GOOD("{\"b\":\"\"}", "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"c\":true}",
                "{ \"a\": 1,\n\"b\": \"\"\n}"),
           BAD("{}", "{\"a\":1}", "{\"a\":1,\"c\":true}", "{\"b\":\"x\",\"a\":1}", "{\"b\":1}",
               "{\"b\":\"\",\"d\":1}", "{\"b\":\"\",}", "{,\"b\":\"\"}"));
    schema(
        "{\"properties\":{\"ab\":{\"type\":\"null\"},\"ac\":{\"type\":\"null\"}},\"additionalProperties\":"
        "{\"type\":\"integer\"}}",
        GOOD("{}", "{\"ab\":null}", "{\"ab\":null,\"ac\":null,\"x\":1}", "{\"a\":1,\"abc\":2,\"\":3}",
             "{\"é\":1}"),
        BAD("{\"ab\":1}", "{\"x\":null}", "{\"x\":1,\"ab\":2}", "{\"x\":1,\"ab\":null}", "{\"\\u0061b\":1}"));
    schema("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"}}",
           GOOD("{}", "{\"any\":true,\"t\\n\":false}"), BAD("{\"a\":1}"));
    schema("{\"type\":\"object\",\"required\":[\"k\",\"k\"]}", GOOD("{\"k\":1}"), BAD("{\"k\":1,\"k\":1}"));
    schema("{\"allOf\":[{\"type\":\"object\",\"required\":[\"a\",\"b\"]},{\"required\":[\"b\"]}]}",
           GOOD("{\"a\":1,\"b\":2}"), BAD("{\"a\":1,\"b\":2,\"b\":2}", "{\"a\":1}"));
    schema("{\"type\":\"object\",\"required\":[\"k\"]}", GOOD("{\"k\":1}", "{\"k\":[],\"l\":2}"),
           BAD("{}", "{\"l\":2}"));
    schema("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", GOOD("{}", "{ }"),
           BAD("{\"a\":1}"));
    schema("{\"properties\":{\"q\\\"\\\\\\né\":{\"const\":1}},\"required\":[\"q\\\"\\\\\\né\"]}",
           GOOD("{\"q\\\"\\\\\\né\":1}"), BAD("{\"q\":1}"));
}

static void arrays(void **state)
{
    (void)state;
    schema("{\"type\":\"array\",\"items\":{\"type\":\"null\"}}", GOOD("[]", "[null]", "[ null, null ]"),
           BAD("[1]", "[null,]", "[,null]", "[null null]"));
    schema("{\"type\":\"array\",\"items\":{\"const\":1},\"minItems\":2,\"maxItems\":4}",
           GOOD("[1,1]", "[1,1,1]", "[1,1,1,1]"), BAD("[]", "[1]", "[1,1,1,1,1]"));
    schema("{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":{\"const\":3},\"minItems\":1,"
           "\"maxItems\":4}",
           GOOD("[1]", "[1,2]", "[1,2,3]", "[1,2,3,3]"), BAD("[]", "[2]", "[1,3]", "[1,2,3,3,3]"));
    schema("{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false}", GOOD("[]", "[1]", "[1,2]"),
           BAD("[1,2,3]", "[2]"));
    schema("{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false,\"minItems\":2}", GOOD("[1,2]"),
           BAD("[1]", "[]"));
    schema("{\"type\":\"array\",\"maxItems\":0}", GOOD("[]", "[ ]"), BAD("[1]"));
    schema("{\"type\":\"array\",\"maxItems\":1}", GOOD("[]", "[{}]"), BAD("[1,2]"));
    schema("{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"maxItems\":1}", GOOD("[]", "[1]"), BAD("[1,2]"));
}

static void strings(void **state)
{
    (void)state;
    schema("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
           GOOD("\"ab\"", "\"é€😀\"", "\"\\n\\u0041\""), BAD("\"a\"", "\"abcd\"", "\"\""));
    schema("{\"type\":\"string\",\"pattern\":\"^[a-z]{2,3}-\\\\d+$\"}", GOOD("\"ab-1\"", "\"abc-123\""),
           BAD("\"a-1\"", "\"ab-\"", "\"xyab-1\"", "\"ab-1x\""));
    schema("{\"type\":\"string\",\"pattern\":\"b+\"}", GOOD("\"abc\"", "\"bb\"", "\"\\nb\""),
           BAD("\"ac\"", "\"\""));
    schema("{\"type\":\"string\",\"pattern\":\"^(?:a|\\\"|\\\\\\\\|\\n)*$|^z\"}",
           GOOD("\"a\\\"\\\\\\n\"", "\"\"", "\"zoo\""), BAD("\"b\"", "\"\n\""));
    schema("{\"type\":\"string\",\"pattern\":\"^[^a-c\\\"]*?\\\\.$\"}", GOOD("\"xy.\"", "\"\\\\\\n.\""),
           BAD("\"a.\"", "\"x\""));
    schema("{\"type\":\"string\",\"format\":\"date\"}", GOOD("\"anything\""), BAD("1"));
}

static void enumerations(void **state)
{
    (void)state;
    schema("{\"enum\":[\"red\",\"re\",\"green\",1,0.1,null,{\"a\":[true]},\"\\u00e9\\\"\"]}",
           GOOD("\"red\"", "\"re\"", "\"green\"", "1", "0.1", "null", "{\"a\":[true]}", "\"é\\\"\""),
           BAD("\"r\"", "\"gre\"", "2", "0.10", "{\"a\":[]}"));
    schema("{\"type\":\"string\",\"enum\":[\"a\",1]}", GOOD("\"a\""), BAD("1"));
    schema("{\"const\":\"x\"}", GOOD("\"x\""), BAD("\"y\""));
    schema("{\"type\":[\"integer\",\"null\"]}", GOOD("1", "null", "-20"), BAD("1.5", "\"\""));
}

static void references(void **state)
{
    (void)state;
    schema("{\"$defs\":{\"n/~\":{\"type\":\"integer\"}},\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
           "n~1~0\"}}",
           GOOD("[1]"), BAD("[null]"));
    const char *tree =
        "{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"kids\":{\"type\":\"array\","
        "\"items\":{\"$ref\":\"#\"}}},\"required\":[\"v\"]}";
    schema(tree, GOOD("{\"v\":1}", "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[]},{\"v\":3}]}"),
           BAD("{\"v\":1,\"kids\":[{}]}"));
    schema("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"}},"
           "\"required\":[\"next\"]}]}",
           GOOD("null", "{\"next\":{\"next\":null}}"), BAD("{}"));
}

static void combined(void **state)
{
    (void)state;
    schema("{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", GOOD("1", "\"a\""), BAD("null"));
    schema("{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},"
           "{\"properties\":{\"b\":{\"const\":1}},\"required\":[\"b\"]}]}",
           GOOD("{\"a\":5,\"b\":1}"), BAD("{\"a\":5}", "{\"b\":1}"));
    schema("{\"allOf\":[{\"type\":\"integer\",\"minimum\":3},{\"maximum\":5,\"minimum\":2}]}", GOOD("3", "5"),
           BAD("2", "6"));
    schema("{\"$defs\":{\"n\":{\"type\":\"number\"}},\"$ref\":\"#/$defs/n\",\"minimum\":0,\"maximum\":1}",
           GOOD("0.5", "1"), BAD("1.5"));
    schema("{\"type\":\"object\",\"properties\":{\"k\":{\"enum\":[\"a\",\"b\"]}},\"required\":[\"k\"],"
           "\"anyOf\":["
           "{\"properties\":{\"x\":{\"const\":1}},\"required\":[\"x\"]},{\"properties\":{\"y\":{\"const\":2}}"
           "}]}",
           GOOD("{\"k\":\"a\",\"x\":1}", "{\"k\":\"b\"}", "{\"k\":\"b\",\"y\":2}"),
           BAD("{\"x\":1}", "{\"k\":\"b\",\"y\":1}"));
}

/* Each integer about the bounds, and numbers with a fraction, against plain comparison. */
static void numbers(void **state)
{
    (void)state;
    struct random random = random_seeded(17);
    for (int trial = 0; trial < 40; trial++) {
        char text[160], number[48];
        struct constrained c;
        size_t n_taken;
        int64_t low = (int64_t)random_below(&random, 400) - 200,
                high = low + (int64_t)random_below(&random, 300);
        bool above = random_below(&random, 3) == 0, below = random_below(&random, 3) == 0;
        bool whole = trial % 2 == 0;
        snprintf(text, sizeof text, "{\"type\":\"%s\",\"%s\":%lld,\"%s\":%lld}", whole ? "integer" : "number",
                 above ? "exclusiveMinimum" : "minimum", (long long)low,
                 below ? "exclusiveMaximum" : "maximum", (long long)high);
        struct error err;
        struct grammar empty = {0};
        bool possible = grammar_init(&empty, &err) && json_schema_compile(&empty, text_of(text), &err);
        grammar_release(&empty);
        if (!possible) {
            assert_true(low == high || (whole && above && below && high == low + 1));
            continue;
        }
        constrained_open(&c, json_schema_compile, text);
        for (int64_t tenths = 10 * low - 35; tenths < 10 * high + 35; tenths++) {
            if (whole && tenths % 10 != 0)
                continue;
            bool right = (above ? tenths > 10 * low : tenths >= 10 * low) &&
                         (below ? tenths < 10 * high : tenths <= 10 * high);
            int64_t size = tenths < 0 ? -tenths : tenths;
            snprintf(number, sizeof number, whole ? "%s%lld" : "%s%lld.%lld0", tenths < 0 ? "-" : "",
                     (long long)size / 10, (long long)size % 10);
            if (constrained_takes(&c, text_of(number), &n_taken) != right)
                fail_msg("seed 17, %s: %s", text, number);
        }
        constrained_close(&c);
    }
    schema("{\"type\":\"integer\",\"minimum\":0}", GOOD("0", "7", "12345678901234567"),
           BAD("-1", "00", "1.0"));
    schema("{\"type\":\"integer\",\"maximum\":-5}", GOOD("-5", "-77"), BAD("-4", "0", "5"));
    schema("{\"type\":\"number\",\"exclusiveMinimum\":0}", GOOD("0.001", "3", "99.5"), BAD("0", "0.0", "-1"));
    schema("{\"type\":\"integer\",\"minimum\":0.5,\"maximum\":2.5}", GOOD("1", "2"), BAD("0", "3"));
}

static void refused(void **state)
{
    (void)state;
    compile_call *json = json_schema_compile;
    check_refused(json, "{", "line 1");
    check_refused(json, "3", "object, true or false");
    check_refused(json, "false", "nothing can satisfy");
    check_refused(
        json,
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"multipleOf\":3}}}}",
        "/properties/a/items: \"multipleOf\" is not supported");
    check_refused(json, "{\"not\":{}}", "\"not\"");
    check_refused(json, "{\"patternProperties\":{}}", "\"patternProperties\"");
    check_refused(json, "{\"uniqueItems\":true}", "\"uniqueItems\"");
    check_refused(json, "{\"type\":\"text\"}", "\"type\"");
    check_refused(json, "{\"$ref\":\"http://x\"}", "leads out");
    check_refused(json, "{\"$ref\":\"#/$defs/x\"}", "leads nowhere");
    check_refused(json, "{\"$ref\":\"#\"}", "can never end");
    check_refused(json, "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "can never end");
    check_refused(json, "{\"type\":\"string\",\"minLength\":-1}", "\"minLength\"");
    check_refused(json, "{\"type\":\"string\",\"maxLength\":1e300}", "\"maxLength\"");
    check_refused(json, "{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "assertion");
    check_refused(json, "{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"}", "escape");
    check_refused(json, "{\"type\":\"string\",\"pattern\":\"a\",\"minLength\":1}", "beside a length");
    check_refused(json, "{\"type\":\"number\",\"minimum\":0.5}", "whole");
    check_refused(json, "{\"type\":\"integer\",\"minimum\":1e300}", "17 digits");
    check_refused(json, "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "nothing can satisfy");
    check_refused(json, "{\"enum\":[]}", "nothing can satisfy");
    check_refused(json, "{\"enum\":[\"a\"],\"minLength\":1}", "beside \"enum\"");
    check_refused(json, "{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "common type");
    check_refused(json, "{\"a\":1,\"a\":2}", "duplicate");
}

/* Schemas made to be large: an answer comes soon, and it is no. */
static void monsters(void **state)
{
    (void)state;
    static const char *const parts[][3] = {
        {"", "{\"items\":", "{}"},
        {"", "{\"allOf\":[", ""},
        {"{\"anyOf\":[",
         "{\"properties\":{\"a\":{},\"b\":{},\"c\":{},\"d\":{},\"e\":{}},\"additionalProperties\":true},",
         "{}]}"},
        {"{\"$defs\":{\"a\":{\"anyOf\":[", "{\"$ref\":\"#/$defs/a\",\"minimum\":1},",
         "{}]}},\"$ref\":\"#/$defs/a\"}"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct buffer text = {0};
        buffer_append_text(&text, parts[i][0]);
        for (int n = 0; n < 1500; n++)
            buffer_append_text(&text, parts[i][1]);
        buffer_append_text(&text, parts[i][2]);
        for (int n = 0; i == 0 && n < 1500; n++)
            buffer_append_text(&text, "}");
        check_refused(json_schema_compile, buffer_text(&text), "");
        buffer_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_json), cmocka_unit_test(objects),      cmocka_unit_test(arrays),
        cmocka_unit_test(strings),  cmocka_unit_test(enumerations), cmocka_unit_test(references),
        cmocka_unit_test(combined), cmocka_unit_test(numbers),      cmocka_unit_test(refused),
        cmocka_unit_test(monsters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
