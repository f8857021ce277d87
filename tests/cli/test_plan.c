/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan.c - plans and machines as pages and as JSON that parses; machines read back as they were
 * written. */
#include <jansson.h>
#include <math.h>

#include "cli/plan/machine.h"
#include "cli/plan/view.h"
#include "weights/planned.h"

static struct planned r1;

static int open_r1(void **state)
{
    (void)state;
    planned_open_r1(&r1);
    return 0;
}

static int close_r1(void **state)
{
    (void)state;
    planned_close(&r1);
    return 0;
}

static struct plan_machine workstation(void)
{
    struct plan_machine machine = invented("numa:2(memory=412316860416) core:12 pu:2", 225 * GB, 7 * GB);
    machine.rates.attention = 4e12;
    machine.rates.activations = 5e9;
    machine.rates.products[0] = (struct cpu_rate){FORMAT_Q2_K, 7168, 1e12, 2e12, 3e12};
    machine.rates.products[1] = (struct cpu_rate){FORMAT_IQ4_XS, 32, 1, 0, 0.5};
    machine.rates.n_products = 2;
    machine.lock_bytes = 8 << 20;
    return machine;
}

static struct plan planned_on(const struct plan_machine *machine, enum plan_load load)
{
    struct plan plan;
    struct error err;
    const struct plan_request request = {
        .catalog = &r1.catalog, .file = &r1.file, .machine = machine, .load = load, .chunk_tokens = 512};
    if (!plan_make(&plan, &request, &err))
        fail_msg("%s", err.text);
    return plan;
}

/* ---- machines ---- */

static bool read_text(const char *text, struct plan_machine *machine, struct error *err)
{
    struct scratch scratch;
    scratch_make(&scratch);
    bool ok = plan_machine_read(machine, scratch_write_text(&scratch, "machine.json", text), err);
    scratch_remove(&scratch);
    return ok;
}

static void machines_come_back_as_they_went(void **state)
{
    (void)state;
    struct plan_machine machine = workstation(), same;
    struct error err;
    json_t *object = plan_machine_json(&machine);
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        json_t *root = wrapped ? json_pack("{s:O, s:i}", "machine", object, "other", 1) : json_incref(object);
        char *text = json_dumps(root, JSON_REAL_PRECISION(17));
        if (!read_text(text, &same, &err))
            fail_msg("%s", err.text);
        assert_memory_equal(&machine, &same, sizeof machine);
        free(text);
        json_decref(root);
    }
    json_decref(object);
}

static void machines_may_be_described(void **state)
{
    (void)state;
    struct plan_machine machine;
    struct error err;
    if (!read_text("{\"hwloc\": \"numa:2(memory=68719476736) core:8 pu:2\", \"read_rate\": 1e11,"
                   " \"available_bytes\": 1e11}",
                   &machine, &err))
        fail_msg("%s", err.text);
    assert_int_equal(machine.n_threads, 16);
    assert_int_equal(machine.n_nodes, 2);
    assert_true(machine.memory_bytes == 128 * GIB && machine.node_bytes[1] == 64 * GIB);
    assert_true(machine.available_bytes == 100000000000 && machine.lock_bytes == UINT64_MAX);
    assert_true(machine.read_rate == 1e11);
    assert_true(read_text("{\"memory_bytes\": 5, \"threads\": 3}", &machine, &err));
    assert_true(machine.available_bytes == 5 && machine.n_threads == 3 && machine.n_nodes == 1);
}

static void bad_machines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1"},
        {"{\"memory_bytes\": 1,}", "line 1"},
        {"[]", "expected an object"},
        {"{}", "memory_bytes is missing"},
        {"{\"memory_bytes\": -1}", "memory_bytes: expected a number of bytes"},
        {"{\"memory_bytes\": 1e30}", "memory_bytes: expected"},
        {"{\"memory_bytes\": \"64G\"}", "memory_bytes: expected"},
        {"{\"memory_bytes\": 1, \"memory\": 1}", "no key 'memory' in a machine"},
        {"{\"memory_bytes\": 1, \"memory_bytes\": 1}", "duplicate"},
        {"{\"memory_bytes\": 1, \"threads\": 0}", "threads: expected"},
        {"{\"memory_bytes\": 1, \"threads\": 1.5}", "threads: expected"},
        {"{\"memory_bytes\": 1, \"node_bytes\": []}", "node_bytes: expected a list"},
        {"{\"memory_bytes\": 1, \"node_bytes\": [1, null]}", "node_bytes: expected"},
        {"{\"memory_bytes\": 1, \"read_rate\": -1}", "read_rate: expected"},
        {"{\"memory_bytes\": 1, \"rates\": [{\"format\": \"Q9_K\"}]}", "no format 'Q9_K'"},
        {"{\"memory_bytes\": 1, \"rates\": [{\"format\": \"Q4_K\"}]}", "columns of Q4_K: expected"},
        {"{\"memory_bytes\": 1, \"rates\": [{\"format\": \"Q4_K\", \"columns\": 256}]}",
         "Q4_K: one: expected"},
        {"{\"memory_bytes\": 1, \"rates\": 1}", "rates: expected"},
        {"{\"hwloc\": \"numa:x\"}", "hwloc: not a description"},
        {"{\"hwloc\": 1}", "hwloc: expected"},
        {"{\"machine\": 1}", "expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_machine machine;
        struct error err = {0};
        if (read_text(cases[i].text, &machine, &err))
            fail_msg("%s was taken", cases[i].text);
        assert_mentions(err.text, cases[i].says);
    }
    struct plan_machine machine;
    assert_false(plan_machine_read(&machine, "/absent", NULL));
}

/* ---- JSON ---- */

static json_t *parsed(struct buffer *page)
{
    json_error_t err;
    json_t *root = json_loads(buffer_text(page), 0, &err);
    if (root == NULL)
        fail_msg("line %d: %s", err.line, err.text);
    buffer_release(page);
    return root;
}

static json_t *plan_as_json(const struct plan *plan, const struct plan_machine *machine)
{
    struct buffer page = {0};
    struct error err;
    const struct plan_view view = {plan, machine, &r1.file, "f16", NULL};
    assert_true(plan_json(&view, &page, &err));
    return parsed(&page);
}

static double number_at(const json_t *object, const char *a, const char *b, const char *c)
{
    const char *const keys[] = {a, b, c};
    for (size_t i = 0; i < 3 && keys[i] != NULL; i++)
        object = json_object_get(object, keys[i]);
    if (!json_is_number(object))
        fail_msg("%s.%s.%s is no number", a, b != NULL ? b : "", c != NULL ? c : "");
    return json_number_value(object);
}

static void plans_are_json(void **state)
{
    (void)state;
    struct plan_machine machine = workstation();
    struct plan plan = planned_on(&machine, PLAN_LOAD_AUTO);
    json_t *root = plan_as_json(&plan, &machine);
    assert_true(number_at(root, "context", NULL, NULL) == 32768);
    assert_true(number_at(root, "all", "homes", "copy") == (double)plan.all.n_bytes);
    assert_true(number_at(root, "memory", "needed", NULL) == (double)plan.needed_bytes);
    assert_true(number_at(root, "machine", "read_rate", NULL) == 225 * GB);
    assert_true(fabs(number_at(root, "forecast", "answer_first", "low") - plan.forecast.first.low) < 1e-5);
    double sum = 0;
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(root, "parts"), i, part)
    {
        sum += number_at(part, "bytes", NULL, NULL);
    }
    assert_true(sum == number_at(root, "all", "bytes", NULL));
    assert_mentions(json_string_value(json_object_get(json_object_get(root, "forecast"), "sentence")),
                    "limit");
    assert_true(json_is_false(json_object_get(root, "exceeds_memory")));
    json_decref(root);
    plan_release(&plan);

    machine.read_rate = 0;
    plan = planned_on(&machine, PLAN_LOAD_MAP);
    root = plan_as_json(&plan, &machine);
    assert_true(json_is_null(json_object_get(root, "forecast")));
    json_decref(root);
    plan_release(&plan);
}

/* ---- pages ---- */

/* Runs of white space become one space: where lines break is not the point. */
static void join_lines(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        bool space = *from == ' ' || *from == '\n';
        if (!space || (to > text && to[-1] != ' '))
            *to++ = space ? ' ' : *from;
    }
    *to = '\0';
}

/* Lines of 80 columns at most, colour not counted, and what they say. */
static void assert_page(struct buffer *page, const char *const *mentions)
{
    for (char *line = page->bytes, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        if (end - line > (*line == '\033' ? 90 : 80) || (end > line && end[-1] == ' '))
            fail_msg("%td columns: '%.*s'", end - line, (int)(end - line), line);
    }
    join_lines(page->bytes);
    for (; *mentions != NULL; mentions++)
        assert_mentions(buffer_text(page), *mentions);
    buffer_release(page);
}

#define PAGE_MENTIONS(page, ...) assert_page(page, (const char *const[]){__VA_ARGS__, NULL})

static void pages_say_what_a_plan_is(void **state)
{
    (void)state;
    struct buffer page = {0};
    struct plan_machine machine = workstation();
    struct plan plan = planned_on(&machine, PLAN_LOAD_AUTO);
    struct plan_view view = {&plan, &machine, &r1.file, "f16", NULL};
    plan_show(&view, false, &page);
    PAGE_MENTIONS(&page, "routed experts", "copied", "32768 tokens in f16; up to 163840 fit",
                  "tokens a second", "memory is the limit: a token reads", "copied: mapped pages");
    plan_release(&plan);

    machine = desktop(96, 80 * GB, 11.5 * GB);
    plan = planned_on(&machine, PLAN_LOAD_AUTO);
    plan_show(&view, true, &page);
    PAGE_MENTIONS(&page, "\033[1m", "at a time, of", "the drive is the limit: ", "how unevenly");
    plan_release(&plan);

    machine.drive_rate = 0;
    plan = planned_on(&machine, PLAN_LOAD_AUTO);
    view.drive_silence = "has holes";
    plan_show(&view, false, &page);
    PAGE_MENTIONS(&page, "come from a drive whose rate is not known: has holes", "kept free");
    plan_release(&plan);
}

static struct machine_view invented_view(void)
{
    struct machine_view view = {.machine = workstation()};
    assert_true(topology_read(&view.topology, "numa:2(memory=412316860416) core:12 pu:2", NULL));
    view.topology.quota = 6.5;
    strcpy(view.report.processor, "AMD Ryzen Threadripper PRO 7965WX 24-Cores");
    strcpy(view.report.system, "Linux 6.1.0 x86_64");
    view.report.abilities[ABILITY_AVX2] = view.report.abilities[ABILITY_AMX_TILE] = true;
    view.report.amx = PERMISSION_REFUSED;
    view.report.modules = (struct memory_modules){8, 8, 4800};
    view.report.lock_limit = UINT64_MAX;
    view.report.huge_pages = HUGE_PAGES_OFF;
    view.drive = (struct drive){DRIVE_NVME, "ext4", "nvme0n1", "Fast Drive", 0, GIB};
    view.gpus = (struct gpus){.driver = GPU_DRIVER, .version = 12040, .n_items = 1};
    view.gpus.items[0] = (struct gpu){"NVIDIA RTX A6000", 48 * GIB, 8, 6};
    view.n_faults = faults_find(&view.report, &view.topology, view.faults);
    return view;
}

static void machines_have_a_page_too(void **state)
{
    (void)state;
    struct machine_view view = invented_view();
    struct buffer page = {0};
    machine_show(&view, false, &page);
    PAGE_MENTIONS(&page, "Threadripper PRO 7965WX", "24 with 2 hardware threads each, on 2 memory nodes",
                  "a quota of 6.5", "refuses AMX", "8 at 4800 MT/s", "225 GB/s", "node1: 384.0 GiB",
                  "NVMe, nvme0n1 (Fast Drive), ext4, 1.0 GiB free", "driver for CUDA 12.4",
                  "NVIDIA RTX A6000, 48.0 GiB, compute capability 8.6", "what costs speed",
                  "transparent huge pages are off", "6.5 of 24 cores");
    struct error err;
    assert_true(machine_json(&view, &page, &err));
    json_t *root = parsed(&page);
    assert_int_equal(json_array_size(json_object_get(root, "faults")), view.n_faults);
    assert_int_equal(json_array_size(json_object_get(json_object_get(root, "gpu"), "gpus")), 1);
    assert_true(number_at(root, "machine", "read_rate", NULL) == 225 * GB);
    json_decref(root);

    view.n_faults = 0;
    view.gpus = (struct gpus){.driver = GPU_REFUSED, .refusal = 100};
    view.machine.read_rate = 0;
    machine_show(&view, true, &page);
    PAGE_MENTIONS(&page, "nothing known costs speed", "CUDA error 100", "not measured");
    topology_release(&view.topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_come_back_as_they_went), cmocka_unit_test(machines_may_be_described),
        cmocka_unit_test(bad_machines_are_named),          cmocka_unit_test(plans_are_json),
        cmocka_unit_test(pages_say_what_a_plan_is),        cmocka_unit_test(machines_have_a_page_too),
    };
    return cmocka_run_group_tests(tests, open_r1, close_r1);
}
