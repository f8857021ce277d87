/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - the same for programs: sizes in bytes, rates and speeds a second. */
#include "cli/plan/view.h"

#include <jansson.h>

#include "cli/json_page.h"
#include "cli/plan/machine.h"
#include "kernel/kernel.h"

static void set_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *name, const char *text)
{
    json_t *value = json_string(text);
    json_object_set_new(object, name, value != NULL ? value : json_null());
}

/* ---- a plan ---- */

static json_t *part_json(const char *name, const struct plan_part *part)
{
    json_t *object = json_object(), *homes = json_object();
    set_text(object, "name", name);
    set_number(object, "tensors", part->n_tensors);
    set_number(object, "bytes", part->n_bytes);
    set_number(object, "token_bytes", part->token_bytes);
    for (enum home_kind kind = 0; kind < HOME_KINDS; kind++)
        set_number(homes, home_name((struct home){kind, HOME_ALL_NODES}).text, part->home_bytes[kind]);
    json_object_set_new(object, "homes", homes);
    return object;
}

static json_t *memory_json(const struct plan *plan)
{
    json_t *object = json_object();
    set_number(object, "weights", plan->all.n_bytes - plan->mapped_bytes);
    set_number(object, "mapped_weights", plan->mapped_bytes);
    set_number(object, "cache", plan->cache_bytes);
    set_number(object, "cache_token", plan->cache_token_bytes);
    set_number(object, "buffers", plan->step_bytes);
    set_number(object, "vocabulary", plan->words_bytes);
    set_number(object, "needed", plan->needed_bytes);
    set_number(object, "reserve", plan->reserve_bytes);
    set_number(object, "budget", plan->budget_bytes);
    return object;
}

static json_t *speed_json(const struct plan_speed *speed)
{
    static const char *const limits[PLAN_LIMITS] = {"memory", "cores", "attention", "drive"};
    json_t *object = json_object(), *seconds = json_object();
    json_object_set_new(object, "low", json_real(speed->low));
    json_object_set_new(object, "high", json_real(speed->high));
    set_text(object, "limit", limits[speed->limit]);
    for (enum plan_limit i = 0; i < PLAN_LIMITS; i++)
        json_object_set_new(seconds, limits[i], json_real(speed->seconds[i]));
    json_object_set_new(object, "seconds", seconds);
    return object;
}

static json_t *forecast_json(const struct plan_view *view)
{
    const struct plan_forecast *forecast = &view->plan->forecast;
    if (!forecast->known)
        return json_null();
    struct buffer sentence = {0};
    plan_sentence(view, &sentence);
    json_t *object = json_object();
    json_object_set_new(object, "answer_first", speed_json(&forecast->first));
    json_object_set_new(object, "answer_last", speed_json(&forecast->last));
    json_object_set_new(object, "prompt", speed_json(&forecast->chunk));
    set_number(object, "chunk_tokens", forecast->chunk_tokens);
    set_number(object, "drive_token_bytes_low", forecast->drive_low_bytes);
    set_number(object, "drive_token_bytes_high", forecast->drive_high_bytes);
    set_text(object, "sentence", buffer_text(&sentence));
    buffer_release(&sentence);
    return object;
}

bool plan_json(const struct plan_view *view, struct buffer *page, struct error *err)
{
    const struct plan *plan = view->plan;
    json_t *root = json_object(), *parts = json_array();
    for (enum part part = 0; part < PART_COUNT; part++)
        if (plan->parts[part].n_tensors > 0)
            json_array_append_new(parts, part_json(part_name(part), &plan->parts[part]));
    set_text(root, "path", gguf_path(view->file));
    json_object_set_new(root, "parts", parts);
    json_object_set_new(root, "all", part_json("all", &plan->all));
    json_object_set_new(root, "memory", memory_json(plan));
    set_number(root, "context", plan->n_context);
    set_number(root, "most_context", plan->most_context);
    set_text(root, "cache_format", view->cache_name);
    json_object_set_new(root, "exceeds_memory", json_boolean(plan->exceeds_memory));
    set_text(root, "why", plan->why);
    json_object_set_new(root, "forecast", forecast_json(view));
    json_object_set_new(root, "machine", plan_machine_json(view->machine));
    return json_page(root, page, err);
}

/* ---- a machine ---- */

static json_t *gpus_json(const struct gpus *gpus)
{
    static const char *const drivers[] = {
        [GPU_NO_DRIVER] = "none", [GPU_REFUSED] = "refused", [GPU_DRIVER] = "works"};
    json_t *object = json_object(), *list = json_array();
    for (size_t i = 0; i < gpus->n_items; i++) {
        json_t *gpu = json_object();
        set_text(gpu, "name", gpus->items[i].name);
        set_number(gpu, "memory_bytes", gpus->items[i].memory_bytes);
        json_array_append_new(list, gpu);
    }
    set_text(object, "driver", drivers[gpus->driver]);
    json_object_set_new(object, "cuda", json_integer(gpus->version));
    json_object_set_new(object, "gpus", list);
    return object;
}

static json_t *drive_json(const struct drive *drive)
{
    json_t *object = json_object();
    set_text(object, "device", drive->device);
    set_text(object, "kind", drive_kind_name(drive->kind));
    set_text(object, "model", drive->model);
    set_text(object, "file_system", drive->file_system);
    set_number(object, "free_bytes", drive->free_bytes);
    return object;
}

bool machine_json(const struct machine_view *view, struct buffer *page, struct error *err)
{
    const struct report *report = &view->report;
    json_t *root = json_object(), *abilities = json_array(), *faults = json_array();
    for (enum ability a = 0; a < ABILITY_COUNT; a++)
        if (report->abilities[a])
            json_array_append_new(abilities, json_string(ability_name(a)));
    for (size_t i = 0; i < view->n_faults; i++)
        json_array_append_new(
            faults, json_pack("{s:s, s:s}", "what", view->faults[i].what, "cure", view->faults[i].cure));
    set_text(root, "processor", report->processor);
    set_text(root, "system", report->system);
    set_text(root, "distribution", report->distribution);
    json_object_set_new(root, "virtual_machine", json_boolean(report->virtual_machine));
    set_number(root, "cores", view->topology.n_cores);
    set_number(root, "hardware_threads", view->topology.n_processors);
    json_object_set_new(root, "quota", json_real(view->topology.quota));
    set_text(root, "isa", isa_name(isa_best()));
    json_object_set_new(root, "abilities", abilities);
    json_object_set_new(root, "drive", drive_json(&view->drive));
    json_object_set_new(root, "gpu", gpus_json(&view->gpus));
    json_object_set_new(root, "faults", faults);
    json_object_set_new(root, "machine", plan_machine_json(&view->machine));
    return json_page(root, page, err);
}
