/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - writing and reading machines. */
#include "cli/plan/machine.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

#define FILE_LIMIT ((size_t)1 << 20) /* bytes: a machine takes two kilobytes */

/* ---- writing ---- */

static void set_bytes(json_t *object, const char *key, uint64_t n_bytes)
{
    if (n_bytes <= INT64_MAX) /* more is "any number", which is what a missing key means */
        json_object_set_new(object, key, json_integer((json_int_t)n_bytes));
}

static void set_rate(json_t *object, const char *key, double rate)
{
    if (rate > 0)
        json_object_set_new(object, key, json_real(rate));
}

static json_t *rates_json(const struct plan_machine *machine)
{
    json_t *rates = json_array();
    for (size_t i = 0; i < machine->rates.n_products; i++) {
        const struct cpu_rate *rate = &machine->rates.products[i];
        json_array_append_new(rates, json_pack("{s:s, s:I, s:f, s:f, s:f}", "format",
                                               format_info(rate->format)->name, "columns",
                                               (json_int_t)rate->n_columns, "one", rate->one, "few",
                                               rate->few, "many", rate->many));
    }
    return rates;
}

json_t *plan_machine_json(const struct plan_machine *machine)
{
    json_t *object = json_object(), *nodes = json_array();
    for (uint32_t i = 0; i < machine->n_nodes; i++)
        json_array_append_new(nodes, json_integer((json_int_t)machine->node_bytes[i]));
    json_object_set_new(object, "threads", json_integer(machine->n_threads));
    json_object_set_new(object, "node_bytes", nodes);
    set_bytes(object, "memory_bytes", machine->memory_bytes);
    set_bytes(object, "available_bytes", machine->available_bytes);
    set_bytes(object, "lock_bytes", machine->lock_bytes);
    set_rate(object, "read_rate", machine->read_rate);
    set_rate(object, "drive_rate", machine->drive_rate);
    set_rate(object, "attention_rate", machine->rates.attention);
    set_rate(object, "activation_rate", machine->rates.activations);
    json_object_set_new(object, "rates", rates_json(machine));
    return object;
}

/* ---- reading ---- */

static bool read_size(const json_t *value, const char *key, uint64_t *n_bytes, struct error *err)
{
    if (!json_is_number(value) || !(json_number_value(value) >= 0 && json_number_value(value) < 0x1p63))
        return fail(err, "%s: expected a number of bytes", key);
    *n_bytes =
        json_is_integer(value) ? (uint64_t)json_integer_value(value) : (uint64_t)json_number_value(value);
    return true;
}

static bool read_rate(const json_t *value, const char *key, double *rate, struct error *err)
{
    if (!json_is_number(value) || !(json_number_value(value) >= 0) || !isfinite(json_number_value(value)))
        return fail(err, "%s: expected a rate a second", key);
    *rate = json_number_value(value);
    return true;
}

static bool read_threads(const json_t *value, uint32_t *n_threads, struct error *err)
{
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > 4096)
        return fail(err, "threads: expected a whole number from 1 to 4096");
    *n_threads = (uint32_t)n;
    return true;
}

static bool read_nodes(const json_t *value, struct plan_machine *machine, struct error *err)
{
    size_t n = json_array_size(value);
    if (n < 1 || n > PLAN_MOST_NODES)
        return fail(err, "node_bytes: expected a list of 1 to %d sizes", PLAN_MOST_NODES);
    machine->n_nodes = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        if (!read_size(json_array_get(value, i), "node_bytes", &machine->node_bytes[i], err))
            return false;
    return true;
}

static bool read_format_rate(const json_t *value, struct cpu_rate *rate, struct error *err)
{
    const char *name = json_string_value(json_object_get(value, "format"));
    json_int_t n_columns = json_integer_value(json_object_get(value, "columns"));
    if (name == NULL || !format_by_name(name, &rate->format))
        return fail(err, "rates: no format '%s'", name != NULL ? name : "");
    if (n_columns < 1 || n_columns > UINT32_MAX)
        return fail(err, "rates: columns of %s: expected a whole number, 1 or more", name);
    rate->n_columns = (uint32_t)n_columns;
    return (read_rate(json_object_get(value, "one"), "one", &rate->one, err) &&
            read_rate(json_object_get(value, "few"), "few", &rate->few, err) &&
            read_rate(json_object_get(value, "many"), "many", &rate->many, err)) ||
           fail_in(err, name);
}

static bool read_rates(const json_t *value, struct plan_machine *machine, struct error *err)
{
    if (!json_is_array(value) || json_array_size(value) > CPU_MOST_RATES)
        return fail(err, "rates: expected a list of %d at most", CPU_MOST_RATES);
    machine->rates.n_products = json_array_size(value);
    for (size_t i = 0; i < machine->rates.n_products; i++)
        if (!read_format_rate(json_array_get(value, i), &machine->rates.products[i], err))
            return false;
    return true;
}

static bool read_hwloc(const json_t *value, struct plan_machine *machine, struct error *err)
{
    struct topology topology;
    if (!json_is_string(value))
        return fail(err, "hwloc: expected a text such as 'numa:2(memory=68719476736) core:8 pu:2'");
    if (!topology_read(&topology, json_string_value(value), err))
        return fail_in(err, "hwloc");
    *machine = plan_machine_of(&topology, 0);
    topology_release(&topology);
    return true;
}

static bool read_key(const char *key, const json_t *value, struct plan_machine *machine, struct error *err)
{
    if (strcmp(key, "threads") == 0)
        return read_threads(value, &machine->n_threads, err);
    if (strcmp(key, "node_bytes") == 0)
        return read_nodes(value, machine, err);
    if (strcmp(key, "memory_bytes") == 0)
        return read_size(value, key, &machine->memory_bytes, err);
    if (strcmp(key, "available_bytes") == 0)
        return read_size(value, key, &machine->available_bytes, err);
    if (strcmp(key, "lock_bytes") == 0)
        return read_size(value, key, &machine->lock_bytes, err);
    if (strcmp(key, "read_rate") == 0)
        return read_rate(value, key, &machine->read_rate, err);
    if (strcmp(key, "drive_rate") == 0)
        return read_rate(value, key, &machine->drive_rate, err);
    if (strcmp(key, "attention_rate") == 0)
        return read_rate(value, key, &machine->rates.attention, err);
    if (strcmp(key, "activation_rate") == 0)
        return read_rate(value, key, &machine->rates.activations, err);
    if (strcmp(key, "rates") == 0)
        return read_rates(value, machine, err);
    return strcmp(key, "hwloc") == 0 || fail(err, "no key '%s' in a machine", key);
}

static bool read_machine(json_t *object, struct plan_machine *machine, struct error *err)
{
    const char *key;
    json_t *value;
    *machine = (struct plan_machine){.n_threads = 1, .n_nodes = 1, .lock_bytes = UINT64_MAX};
    if (!json_is_object(object))
        return fail(err, "expected an object that describes a machine");
    const json_t *hwloc = json_object_get(object, "hwloc");
    if (hwloc != NULL && !read_hwloc(hwloc, machine, err))
        return false;
    json_object_foreach(object, key, value)
    {
        if (!read_key(key, value, machine, err))
            return false;
    }
    if (machine->memory_bytes == 0)
        return fail(err, "memory_bytes is missing");
    if (json_object_get(object, "available_bytes") == NULL)
        machine->available_bytes = machine->memory_bytes;
    return true;
}

bool plan_machine_read(struct plan_machine *machine, const char *path, struct error *err)
{
    struct buffer text = {0};
    json_error_t reason;
    json_t *root = NULL;
    bool ok = file_read(&text, path, FILE_LIMIT, err);
    if (ok) {
        root = json_loadb(buffer_text(&text), text.n_bytes, JSON_REJECT_DUPLICATES, &reason);
        ok = root != NULL || fail(err, "line %d: %s", reason.line, reason.text);
    }
    if (ok) {
        json_t *inner = json_object_get(root, "machine");
        ok = read_machine(inner != NULL ? inner : root, machine, err);
    }
    json_decref(root);
    buffer_release(&text);
    return ok;
}
