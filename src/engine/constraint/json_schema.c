/* SPDX-License-Identifier: Apache-2.0 */
/* json_schema.c - walks a schema and makes a grammar of it.
 *
 * A $ref becomes a rule, so schemas may lead back to themselves. Schemas that have to hold together are
 * merged first. Depth and number of schemas are bounded, as they may come from the network. */
#include "engine/constraint/json_schema.h"

#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/constraint/json_text.h"
#include "engine/constraint/schema_merge.h"

enum {
    MOST_DEPTH = 128,      /* of schemas in each other */
    MOST_SCHEMAS = 20000,  /* looked at, merged ones again */
    MOST_MERGED = 1 << 17, /* keywords and properties of schemas made on the way */
    MOST_COUNT = 1 << 20,  /* of characters or items */
};

/* A schema that a $ref leads to, and the rule that stands for it. */
struct target {
    const json_t *schema;
    uint32_t rule;
};

struct compiler {
    struct grammar *grammar;
    struct json_text json;
    const json_t *root;
    struct target targets[GRAMMAR_MOST_RULES];
    size_t n_targets;
    json_t *merged;     /* array: schemas that were made on the way */
    struct buffer path; /* of the schema looked at, for errors */
    unsigned depth, n_schemas;
    size_t n_merged;
};

static uint32_t compile(struct compiler *c, const json_t *schema);

static uint32_t refuse(struct compiler *c, const char *what)
{
    const char *path = buffer_text(&c->path);
    return grammar_fail(c->grammar, "%s: %s", path[0] != '\0' ? path : "at its top", what);
}

static uint32_t refuse_keyword(struct compiler *c, const char *keyword, const char *what)
{
    char text[128], name[TEXT_EXCERPT_BYTES];
    snprintf(text, sizeof text, "\"%.40s\" %s", text_excerpt(text_of(keyword), name), what);
    return refuse(c, text);
}

/* A schema inside, with its place in errors: "/properties/name". */
static uint32_t compile_at(struct compiler *c, const char *keyword, const char *name, const json_t *schema)
{
    size_t n_bytes = c->path.n_bytes;
    char excerpt[TEXT_EXCERPT_BYTES];
    buffer_append_format(&c->path, "/%s%s%s", keyword, name != NULL ? "/" : "",
                         name != NULL ? text_excerpt(text_of(name), excerpt) : "");
    uint32_t node = compile(c, schema);
    if (!c->path.failed && c->path.bytes != NULL) {
        c->path.n_bytes = n_bytes;
        c->path.bytes[n_bytes] = '\0';
    }
    return node;
}

/* ---- numbers ---- */

static bool count_of(struct compiler *c, const json_t *schema, const char *keyword, uint32_t *count)
{
    const json_t *value = json_object_get(schema, keyword);
    if (value == NULL)
        return true;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0) || floor(number) != number)
        return refuse_keyword(c, keyword, "is not a count"), false;
    if (number > MOST_COUNT)
        return refuse_keyword(c, keyword, "is more than 1048576"), false;
    *count = (uint32_t)number;
    return true;
}

/* A bound as a whole number: an integer's is rounded inwards. `inwards` is 1 for a lower bound, -1 for an
 * upper one. */
static bool bound_of(struct compiler *c, const json_t *value, bool whole, int inwards, int64_t *bound)
{
    double number = json_number_value(value), rounded = inwards > 0 ? ceil(number) : floor(number);
    if (!json_is_number(value) || !(fabs(number) <= (double)JSON_LARGEST / 2))
        return refuse(c, "a bound that is no number, or more than 17 digits long"), false;
    if (rounded != number && !whole)
        return refuse(c, "a bound of \"number\" has to be whole"), false;
    *bound = json_is_integer(value) ? json_integer_value(value) : (int64_t)rounded;
    return true;
}

/* Of a bound and an exclusive one, the narrower. */
static bool range_of(struct compiler *c, const json_t *schema, bool whole, struct json_text_range *range)
{
    const json_t *low = json_object_get(schema, "minimum"),
                 *above = json_object_get(schema, "exclusiveMinimum");
    const json_t *high = json_object_get(schema, "maximum"),
                 *below = json_object_get(schema, "exclusiveMaximum");
    int64_t exclusive;
    *range = (struct json_text_range){.has_low = low != NULL || above != NULL,
                                      .has_high = high != NULL || below != NULL};
    if (low != NULL && !bound_of(c, low, whole, 1, &range->low))
        return false;
    if (high != NULL && !bound_of(c, high, whole, -1, &range->high))
        return false;
    if (above != NULL) {
        if (!bound_of(c, above, whole, -1, &exclusive))
            return false;
        range->above_low = low == NULL || exclusive >= range->low;
        range->low = range->above_low ? exclusive : range->low;
    }
    if (below != NULL) {
        if (!bound_of(c, below, whole, 1, &exclusive))
            return false;
        range->below_high = high == NULL || exclusive <= range->high;
        range->high = range->below_high ? exclusive : range->high;
    }
    return true;
}

static uint32_t compile_number(struct compiler *c, const json_t *schema, unsigned types)
{
    struct json_text_range range;
    bool whole = (types & SCHEMA_NUMBER) == 0;
    if (!range_of(c, schema, whole, &range))
        return GRAMMAR_NOTHING;
    return whole ? json_text_integer(c->grammar, &range) : json_text_number(c->grammar, &range);
}

/* ---- strings ---- */

static uint32_t compile_string(struct compiler *c, const json_t *schema)
{
    struct grammar *g = c->grammar;
    const json_t *pattern = json_object_get(schema, "pattern");
    uint32_t least = 0, most = GRAMMAR_NO_END;
    if (!count_of(c, schema, "minLength", &least) || !count_of(c, schema, "maxLength", &most))
        return GRAMMAR_NOTHING;
    if (pattern != NULL && (least > 0 || most != GRAMMAR_NO_END))
        return refuse_keyword(c, "pattern", "beside a length is not supported");
    if (pattern != NULL && !json_is_string(pattern))
        return refuse_keyword(c, "pattern", "is not a string");
    if (pattern != NULL)
        return json_text_pattern(&c->json, json_string_value(pattern), json_string_length(pattern));
    uint32_t content = grammar_repeat(g, c->json.character, least, most);
    return grammar_sequence(g, c->json.quote, grammar_sequence(g, content, c->json.quote));
}

/* ---- enumerations ---- */

/* As people write it: 0.1, where 15 digits are enough to read the same number again, not
 * 0.10000000000000001. */
static char *spell(const json_t *value)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    char *text = json_dumps(value, flags | JSON_REAL_PRECISION(15));
    json_t *again = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    bool is_same = again != NULL && json_equal(again, value);
    json_decref(again);
    if (is_same)
        return text;
    free(text);
    return json_dumps(value, flags);
}

static uint32_t compile_values(struct compiler *c, const json_t *values, unsigned types)
{
    size_t n = json_array_size(values), n_texts = 0, i;
    const json_t *value;
    struct text *texts = memory_allocate(n, sizeof *texts, "a schema", NULL);
    if (texts == NULL)
        return refuse(c, "no memory");
    json_array_foreach(values, i, value)
    {
        char *text = schema_type_has(types, value) ? spell(value) : NULL;
        if (text != NULL)
            texts[n_texts++] = text_of(text);
    }
    uint32_t node = json_text_one_of(c->grammar, texts, n_texts);
    for (i = 0; i < n_texts; i++)
        free((char *)texts[i].bytes);
    memory_free(texts);
    return node;
}

/* `enum` and `const`: the values that are of the right type. Other keywords beside them would have to be
 * checked value by value, and are refused. */
static uint32_t compile_enumeration(struct compiler *c, const json_t *schema)
{
    struct error err = {""};
    const json_t *values = json_object_get(schema, "enum"), *only = json_object_get(schema, "const"), *value;
    const char *keyword;
    unsigned types = SCHEMA_ANY;
    json_object_foreach((json_t *)schema, keyword,
                        value) if (schema_types_of(keyword) !=
                                   0) return refuse_keyword(c, keyword,
                                                            "beside \"enum\" or \"const\" is not supported");
    if (json_object_get(schema, "type") != NULL && !schema_types(schema, &types, &err))
        return refuse(c, err.text);
    if (values != NULL && only != NULL)
        return refuse_keyword(c, "const", "beside \"enum\" is not supported");
    if (values != NULL && !json_is_array(values))
        return refuse_keyword(c, "enum", "is not an array");
    if (values != NULL)
        return compile_values(c, values, types);
    json_t *one = json_pack("[O]", only);
    uint32_t node = compile_values(c, one, types);
    json_decref(one);
    return node;
}

/* ---- arrays ---- */

/* What follows item number i, from the last listed one backwards; `rest` are those behind the listed ones. */
static uint32_t compile_array(struct compiler *c, const json_t *schema)
{
    struct grammar *g = c->grammar;
    const json_t *prefix = json_object_get(schema, "prefixItems"), *items = json_object_get(schema, "items");
    uint32_t least = 0, most = GRAMMAR_NO_END, n_prefix = (uint32_t)json_array_size(prefix);
    if (!count_of(c, schema, "minItems", &least) || !count_of(c, schema, "maxItems", &most))
        return GRAMMAR_NOTHING;
    if ((prefix != NULL && !json_is_array(prefix)) || json_is_array(items))
        return refuse_keyword(c, prefix != NULL ? "prefixItems" : "items", "has the wrong type");
    if (least > most)
        return GRAMMAR_NOTHING;
    uint32_t item = items != NULL ? compile_at(c, "items", NULL, items) : c->json.value;
    uint32_t least_rest = least > n_prefix ? least - n_prefix : 0;
    uint32_t most_rest = most == GRAMMAR_NO_END ? most : most > n_prefix ? most - n_prefix : 0;
    uint32_t more = grammar_sequence(g, c->json.comma, item), node; /* items with a comma before each */
    node = grammar_repeat(g, more, least_rest, most_rest);
    for (uint32_t i = n_prefix; i-- > 1 && !g->failed;) {
        uint32_t one = compile_at(c, "prefixItems", NULL, json_array_get(prefix, i));
        node = grammar_sequence(g, c->json.comma, grammar_sequence(g, one, node));
        if (i >= most)
            node = GRAMMAR_EMPTY;
        else if (i >= least)
            node = grammar_optional(g, node);
    }
    if (n_prefix > 0)
        item = compile_at(c, "prefixItems", NULL, json_array_get(prefix, 0));
    else if (most != 0) /* the first has no comma */
        node = grammar_repeat(g, more, least > 0 ? least - 1 : 0, most == GRAMMAR_NO_END ? most : most - 1);
    node = most == 0 ? GRAMMAR_NOTHING : grammar_sequence(g, item, node);
    return json_text_members(&c->json, "[]", node, least == 0);
}

/* ---- objects ---- */

struct property {
    uint32_t member; /* its name, colon and value */
    bool is_required;
};

/* Among the first n. */
static bool is_among(const json_t *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

static bool is_listed(const json_t *list, const char *name)
{
    return is_among(list, json_array_size(list), name);
}

/* A property's name as JSON spells it, then its value. */
static uint32_t member_of(struct compiler *c, const char *name, uint32_t value)
{
    struct grammar *g = c->grammar;
    json_t *string = json_string(name);
    char *text = json_dumps(string, JSON_ENCODE_ANY);
    json_decref(string);
    if (text == NULL)
        return refuse(c, "no memory");
    uint32_t node = grammar_literal(g, text, strlen(text));
    free(text);
    return grammar_sequence(g, node, grammar_sequence(g, c->json.colon, value));
}

/* The listed properties in their order, then those that are required and not listed. */
static size_t list_properties(struct compiler *c, const json_t *schema, uint32_t other, struct property *list)
{
    json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required"), *one;
    const char *name;
    json_t *value;
    size_t n = 0, i;
    json_object_foreach(properties, name, value) list[n++] = (struct property){
        member_of(c, name, compile_at(c, "properties", name, value)), is_listed(required, name)};
    json_array_foreach(required, i, one)
    {
        name = json_string_value(one);
        if (c->grammar->failed) /* it has grown too large, or that was said already */
            break;
        if (name == NULL)
            refuse_keyword(c, "required", "is not a list of names");
        else if (json_object_get(properties, name) == NULL && !is_among(required, i, name))
            list[n++] = (struct property){member_of(c, name, other), true};
    }
    return n;
}

/* A member that none of the listed or required names has. */
static uint32_t other_member(struct compiler *c, const json_t *schema, uint32_t value)
{
    struct grammar *g = c->grammar;
    json_t *properties = json_object_get(schema, "properties"), *item;
    const json_t *required = json_object_get(schema, "required"), *one;
    const char *name;
    size_t n = 0, i;
    struct text *names =
        memory_allocate(json_object_size(properties) + json_array_size(required), sizeof *names, "", NULL);
    if (names == NULL)
        return refuse(c, "no memory");
    json_object_foreach(properties, name, item) names[n++] = text_of(name);
    json_array_foreach(required, i, one) if (json_is_string(one)) names[n++] =
        text_of(json_string_value(one));
    uint32_t key = json_text_other_name(&c->json, names, n);
    memory_free(names);
    return grammar_sequence(g, key, grammar_sequence(g, c->json.colon, value));
}

/* From the last property backwards: `first` is what may stand from here on when nothing stood before, `next`
 * when something did. */
static uint32_t order_properties(struct compiler *c, const struct property *list, size_t n, uint32_t other)
{
    struct grammar *g = c->grammar;
    uint32_t next = grammar_repeat(g, grammar_sequence(g, c->json.comma, other), 0, GRAMMAR_NO_END);
    uint32_t first = grammar_sequence(g, other, next);
    while (n-- > 0) {
        uint32_t from_here = grammar_sequence(g, list[n].member, next);
        first = grammar_either(g, from_here, list[n].is_required ? GRAMMAR_NOTHING : first);
        from_here = grammar_sequence(g, c->json.comma, from_here);
        next = grammar_either(g, from_here, list[n].is_required ? GRAMMAR_NOTHING : next);
    }
    return first;
}

static uint32_t compile_object(struct compiler *c, const json_t *schema)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    const json_t *more = json_object_get(schema, "additionalProperties");
    if (properties != NULL && !json_is_object(properties))
        return refuse_keyword(c, "properties", "is not an object");
    if (required != NULL && !json_is_array(required))
        return refuse_keyword(c, "required", "is not an array");
    if (properties == NULL && required == NULL && (more == NULL || json_is_true(more)))
        return c->json.object;
    bool is_open = more != NULL ? !json_is_false(more) : properties == NULL;
    uint32_t value = more != NULL ? compile_at(c, "additionalProperties", NULL, more) : c->json.value;
    uint32_t other = is_open ? other_member(c, schema, value) : GRAMMAR_NOTHING;
    size_t most = json_object_size(properties) + json_array_size(required), n;
    struct property *list = memory_allocate(most, sizeof *list, "a schema", NULL);
    if (list == NULL)
        return refuse(c, "no memory");
    n = list_properties(c, schema, value, list);
    bool may_be_empty = json_array_size(required) == 0;
    uint32_t members = order_properties(c, list, n, other);
    memory_free(list);
    return json_text_members(&c->json, "{}", members, may_be_empty);
}

/* ---- schemas of schemas ---- */

/* Keeps a schema that was made here until all is done. */
static const json_t *keep(struct compiler *c, json_t *made, const struct error *err)
{
    if (made == NULL || json_array_append_new(c->merged, made) != 0) {
        refuse(c, err->text[0] != '\0' ? err->text : "no memory");
        return NULL;
    }
    c->n_merged += 1 + json_object_size(made) + json_object_size(json_object_get(made, "properties")) +
                   json_array_size(json_object_get(made, "required"));
    if (c->n_merged > MOST_MERGED) {
        refuse(c, "too much to join");
        return NULL;
    }
    return made;
}

static const json_t *merge(struct compiler *c, const json_t *one, const json_t *other)
{
    struct error err = {""};
    return keep(c, schema_merge(one, other, &err), &err);
}

static const json_t *without(struct compiler *c, const json_t *schema, const char *keyword, const char *other)
{
    return keep(c, schema_without(schema, keyword, other), &(struct error){""});
}

/* Is there nothing in it but remarks? */
static bool says_nothing(const json_t *schema)
{
    const char *keyword;
    json_t *value;
    json_object_foreach((json_t *)schema, keyword, value) if (!schema_is_remark(keyword)) return false;
    return true;
}

static uint32_t compile_reference(struct compiler *c, const json_t *schema)
{
    struct error err = {""};
    const json_t *reference = json_object_get(schema, "$ref");
    const json_t *target =
        schema_find(c->root, json_is_string(reference) ? json_string_value(reference) : "", &err);
    if (target == NULL)
        return refuse(c, err.text);
    const json_t *rest = without(c, schema, "$ref", "$ref");
    if (rest == NULL)
        return GRAMMAR_NOTHING;
    if (!says_nothing(rest)) {
        const json_t *merged = merge(c, target, rest);
        return merged != NULL ? compile(c, merged) : GRAMMAR_NOTHING;
    }
    for (size_t i = 0; i < c->n_targets; i++)
        if (c->targets[i].schema == target)
            return grammar_call(c->grammar, c->targets[i].rule);
    uint32_t rule = grammar_rule(c->grammar);
    if (c->grammar->failed)
        return GRAMMAR_NOTHING;
    c->targets[c->n_targets++] = (struct target){target, rule};
    grammar_define(c->grammar, rule, compile(c, target));
    return grammar_call(c->grammar, rule);
}

static uint32_t compile_all(struct compiler *c, const json_t *schema)
{
    const json_t *parts = json_object_get(schema, "allOf"), *part;
    const json_t *whole = without(c, schema, "allOf", "allOf");
    struct error err = {""};
    size_t i;
    if (!json_is_array(parts))
        return refuse_keyword(c, "allOf", "is not an array");
    json_array_foreach(parts, i, part)
    {
        const json_t *reference = json_object_get(part, "$ref");
        if (reference != NULL && says_nothing(without(c, part, "$ref", "$ref")))
            part = schema_find(c->root, json_is_string(reference) ? json_string_value(reference) : "", &err);
        if (part == NULL)
            return refuse(c, err.text);
        if (whole == NULL || (whole = merge(c, whole, part)) == NULL)
            return GRAMMAR_NOTHING;
    }
    return whole != NULL ? compile(c, whole) : GRAMMAR_NOTHING;
}

/* One of several; that no other holds as well, which oneOf asks for, is not checked. */
static uint32_t compile_any(struct compiler *c, const json_t *schema, const char *keyword)
{
    const json_t *parts = json_object_get(schema, keyword), *part;
    const json_t *rest = without(c, schema, keyword, keyword);
    uint32_t node = GRAMMAR_NOTHING;
    size_t i;
    if (!json_is_array(parts))
        return refuse_keyword(c, keyword, "is not an array");
    json_array_foreach(parts, i, part)
    {
        if (rest == NULL || c->grammar->failed)
            return GRAMMAR_NOTHING;
        if (!says_nothing(rest)) {
            json_t *both = json_pack("{s:[O,O]}", "allOf", rest, part);
            part = keep(c, both, &(struct error){""});
        }
        if (part != NULL)
            node = grammar_either(c->grammar, node, compile_at(c, keyword, NULL, part));
    }
    return node;
}

static uint32_t compile_types(struct compiler *c, const json_t *schema)
{
    struct grammar *g = c->grammar;
    struct error err = {""};
    unsigned types;
    uint32_t node = GRAMMAR_NOTHING;
    if (!schema_types(schema, &types, &err))
        return refuse(c, err.text);
    if (types == SCHEMA_ANY && says_nothing(schema))
        return c->json.value;
    if ((types & SCHEMA_OBJECT) != 0)
        node = grammar_either(g, node, compile_object(c, schema));
    if ((types & SCHEMA_ARRAY) != 0)
        node = grammar_either(g, node, compile_array(c, schema));
    if ((types & SCHEMA_STRING) != 0)
        node = grammar_either(g, node, compile_string(c, schema));
    if ((types & (SCHEMA_NUMBER | SCHEMA_INTEGER)) != 0)
        node = grammar_either(g, node, compile_number(c, schema, types));
    if ((types & SCHEMA_BOOLEAN) != 0)
        node = grammar_either(
            g, node, grammar_either(g, grammar_literal(g, "true", 4), grammar_literal(g, "false", 5)));
    if ((types & SCHEMA_NULL) != 0)
        node = grammar_either(g, node, grammar_literal(g, "null", 4));
    return node;
}

/* Every keyword is honoured, a remark, or refused by name. */
static bool check_keywords(struct compiler *c, const json_t *schema)
{
    static const char *const others[] = {"type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"};
    const char *keyword;
    json_t *value;
    json_object_foreach((json_t *)schema, keyword, value)
    {
        bool known = schema_is_remark(keyword) || schema_types_of(keyword) != 0;
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            known |= strcmp(keyword, others[i]) == 0;
        if (!known)
            return refuse_keyword(c, keyword, "is not supported"), false;
    }
    return true;
}

static uint32_t compile_object_schema(struct compiler *c, const json_t *schema)
{
    if (!check_keywords(c, schema))
        return GRAMMAR_NOTHING;
    if (json_object_get(schema, "$ref") != NULL)
        return compile_reference(c, schema);
    if (json_object_get(schema, "allOf") != NULL)
        return compile_all(c, schema);
    if (json_object_get(schema, "anyOf") != NULL)
        return compile_any(c, schema, "anyOf");
    if (json_object_get(schema, "oneOf") != NULL)
        return compile_any(c, schema, "oneOf");
    if (json_object_get(schema, "enum") != NULL || json_object_get(schema, "const") != NULL)
        return compile_enumeration(c, schema);
    return compile_types(c, schema);
}

static uint32_t compile(struct compiler *c, const json_t *schema)
{
    if (c->grammar->failed)
        return GRAMMAR_NOTHING;
    if (c->depth == MOST_DEPTH)
        return refuse(c, "schemas nested too deeply");
    if (++c->n_schemas > MOST_SCHEMAS)
        return refuse(c, "too many schemas");
    if (json_is_boolean(schema))
        return json_is_true(schema) ? c->json.value : GRAMMAR_NOTHING;
    if (!json_is_object(schema))
        return refuse(c, "a schema is an object, true or false");
    c->depth++;
    uint32_t node = compile_object_schema(c, schema);
    c->depth--;
    return node;
}

/* ---- the whole ---- */

bool json_object_compile(struct grammar *grammar, struct error *err)
{
    struct json_text json;
    json_text_init(&json, grammar);
    return grammar_finish(grammar, json_text_answer(&json, json.object), err);
}

bool json_schema_compile(struct grammar *grammar, struct text text, struct error *err)
{
    json_error_t where;
    json_t *root = json_loadb(text.bytes, text.n_bytes, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return fail(err, "line %d: %s", where.line, where.text);
    struct compiler *c = memory_allocate(1, sizeof *c, "a schema", err);
    bool done = c != NULL;
    if (done) {
        *c = (struct compiler){.grammar = grammar, .root = root, .merged = json_array()};
        json_text_init(&c->json, grammar);
        uint32_t value = compile(c, root);
        done = grammar_finish(grammar, json_text_answer(&c->json, value), err);
        json_decref(c->merged);
        buffer_release(&c->path);
    }
    memory_free(c);
    json_decref(root);
    return done;
}
