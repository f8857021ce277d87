/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.c - `fathom inspect`: what a model file holds, without loading it. */
#include "cli/command.h"
#include "cli/inspect/model.h"
#include "cli/setup.h"
#include "cli/terminal.h"

struct inspect {
    struct source source;
    bool tensors, json;
};

static const struct option inspect_options[] = {
    {NULL, 0, "MODEL", INTO_TEXT(struct inspect, source.name),
     .help = "a .gguf file, any shard of a split one, or a folder that holds one model"},
    {"model", 'm', "MODEL", INTO_TEXT(struct inspect, source.model),
     .help = "the same, as other commands have it"},
    {"tensors", 0, NULL, INTO_FLAG(struct inspect, tensors), .help = "list every tensor"},
    {"json", 0, NULL, INTO_FLAG(struct inspect, json), .help = "the same for programs; sizes are bytes"},
    {0},
};

static const struct option_group inspect_groups[] = {
    {"Options", inspect_options, 0},
    {0},
};

static const struct example inspect_examples[] = {
    {"inspect model.gguf", "shape, formats, and what a token costs"},
    {"inspect DeepSeek-R1-UD-Q2_K_XL/ --json | jq .all.token_bytes", "bytes of weights that a token reads"},
    {0},
};

const struct help inspect_help = {
    .synopsis = "MODEL [--tensors] [--json]",
    .description = "Shows the model's shape, the formats of its weights by part, the bytes that computing "
                   "one token reads, the "
                   "bytes that the attention cache keeps for a token, and the vocabulary. Every tensor is "
                   "checked by name, shape "
                   "and place in the file; the weights themselves are not read.",
    .groups = inspect_groups,
    .examples = inspect_examples,
};

static bool print_page(const struct inspect *inspect, const char *path, struct buffer *page,
                       struct error *err)
{
    struct inspection inspection;
    if (!inspection_open(&inspection, path, err))
        return false;
    bool ok = true;
    if (inspect->json)
        ok = inspection_json(&inspection, inspect->tensors, page, err);
    else
        inspection_show(&inspection, inspect->tensors, terminal_has_colour(stdout), page);
    inspection_close(&inspection);
    return ok && buffer_ok(page, err) && stdout_write(page->bytes, page->n_bytes, err) && stdout_flush(err);
}

int command_inspect(int argc, char **argv)
{
    struct inspect inspect = {0};
    int status;
    if (!command_begin(argc, argv, &inspect, &status))
        return status;
    if (inspect.source.name == NULL && inspect.source.model == NULL)
        return command_misused("inspect", "no model given: fathom inspect FILE.gguf");

    struct buffer path = {0}, page = {0};
    status = source_locate(&inspect.source, "inspect", &path);
    struct error err;
    if (status == STATUS_DONE && !print_page(&inspect, buffer_text(&path), &page, &err))
        status = command_failed("inspect", err.text);
    buffer_release(&path);
    buffer_release(&page);
    return status;
}
