/* SPDX-License-Identifier: Apache-2.0 */
/* pull.c - `fathom pull`: a model from a host to disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/pull/store.h"
#include "cli/pull/transfers.h"
#include "cli/terminal.h"
#include "gguf/locate.h"

#define DEFAULT_ENDPOINT    "https://huggingface.co"
#define DEFAULT_CONNECTIONS 8
#define DEFAULT_RETRIES     8 /* with pauses that double, a minute without a byte */

struct pull {
    const char *name, *folder, *include, *endpoint;
    uint64_t n_connections, n_retries;
};

static const struct option pull_options[] = {
    {NULL, 0, "REPO[:QUANT]", INTO_TEXT(struct pull, name),
     .help = "the repository, such as unsloth/DeepSeek-R1-GGUF, and which of its models: a part of the "
             "file's or folder's name, such as UD-Q2_K_XL"},
    {"output", 'o', "DIR", INTO_TEXT(struct pull, folder),
     .help = "the folder to put the files into, under the paths that they have in the repository; by default "
             "$XDG_DATA_HOME/fathom/models/REPO, where -m REPO:QUANT finds them"},
    {"include", 0, "GLOB", INTO_TEXT(struct pull, include),
     .help = "only the files whose paths match this pattern; without QUANT, files of every kind"},
    {"endpoint", 0, "URL", INTO_TEXT(struct pull, endpoint),
     .help = "the host; by default HF_ENDPOINT, or else " DEFAULT_ENDPOINT},
    {"connections", 0, "N", INTO_COUNT(struct pull, n_connections), .low = 1, .high = TRANSFERS_MOST,
     .help = "connections to use at once; by default 8"},
    {"retries", 0, "N", INTO_COUNT(struct pull, n_retries), .high = 1000,
     .help = "attempts in a row, without a byte, before it gives up; by default 8, which take a minute"},
    {0},
};

static const struct option_group pull_groups[] = {{"Options", pull_options, 0}, {0}};

static const struct example pull_examples[] = {
    {"pull unsloth/DeepSeek-R1-GGUF", "what the repository has, since it has more than one"},
    {"pull unsloth/DeepSeek-R1-GGUF:UD-Q2_K_XL", "one of them; the same line again goes on with it"},
    {"chat -m unsloth/DeepSeek-R1-GGUF:UD-Q2_K_XL", "talk with it"},
    {"pull unsloth/DeepSeek-R1-GGUF --include '*Q4_K_M*' -o /mnt/models", "by pattern, into a folder"},
    {0},
};

const struct help pull_help = {
    .synopsis = "REPO[:QUANT] [-o DIR] [--include GLOB] [OPTION]...",
    .description =
        "Fetches a model's files from Hugging Face's host, or one with the same interface. Several pieces "
        "come at once. What was fetched lies in NAME.part, with a record of it in NAME.part.json, and "
        "after Ctrl-C, a lost connection or a power cut the same command goes on where it was; when the file "
        "changed on the host meanwhile it begins anew. A file gets its name once it is whole and, where the "
        "host tells its SHA-256, that is right; the sum is noted beside it in NAME.sha256, for 'fathom "
        "verify' and sha256sum -c; then it is not read again, and a damaged one is fetched once it was "
        "removed. Free space is looked at first.\n\n"
        "HF_TOKEN holds the token for repositories that want one; it goes to the endpoint and to no other "
        "host. Proxies are taken from https_proxy and its kin.\n\n"
        "The path of the model's first file goes to standard output.",
    .groups = pull_groups,
    .examples = pull_examples,
    .exit_status =
        "Where the repository has several models, or not the one that was asked for, they are listed "
        "on standard error, and the status is 1.",
};

/* All that is known of one run. */
struct errand {
    const struct pull *settings;
    struct host host;
    struct repository repository;
    struct repository_files files;
    struct buffer folder;
    struct download *downloads; /* [n_downloads] owned */
    size_t n_downloads;
    struct bar bar;
};

/* ---- what is wanted ---- */

static size_t count_chosen(const struct repository_files *files)
{
    size_t n_chosen = 0;
    for (size_t i = 0; i < files->n_items; i++)
        n_chosen += files->items[i].chosen;
    return n_chosen;
}

static bool choose(struct errand *errand, struct error *err)
{
    struct repository_files *files = &errand->files;
    const char *quant = errand->repository.quant, *include = errand->settings->include;
    size_t n = repository_choose(files, quant, include), n_chosen = count_chosen(files);
    if (include != NULL ? n_chosen > 0 : n == 1)
        return include != NULL || repository_is_whole(files, err) || fail_in(err, errand->repository.name);
    struct buffer table = {0};
    repository_table(files, &table);
    fputs(buffer_text(&table), stderr);
    bool any = table.n_bytes > 0;
    buffer_release(&table);
    if (!any)
        return fail(err, "%s: has no .gguf files", errand->repository.name);
    if (include != NULL)
        return fail(err, "%s: no file matches", errand->repository.name);
    if (n == 0)
        return fail(err, "%s: has no '%s'; these are there", errand->repository.name, quant);
    return fail(err, "%s: has several%s%s; name one of them, as in fathom pull %s:QUANT",
                errand->repository.name, quant != NULL ? " of " : "", quant != NULL ? quant : "",
                errand->repository.name);
}

/* A file that somebody else put there, of the right size: it is worth reading before it is fetched again. */
static bool adopt(struct errand *errand, const struct repository_file *file, struct error *err)
{
    struct buffer path = {0};
    struct checksum sum, known;
    uint64_t n_bytes;
    buffer_append_format(&path, "%s/%s", buffer_text(&errand->folder), file->path);
    bool ok = buffer_ok(&path, err);
    if (ok && file->sum.text[0] != '\0' && file_kind(buffer_text(&path)) == FILE_REGULAR &&
        file_size(buffer_text(&path), &n_bytes, NULL) && n_bytes == file->n_bytes) {
        known = checksum_known(buffer_text(&path));
        if (known.text[0] == '\0') {
            struct bar bar = bar_begin("checking what is here", BAR_BYTES);
            const struct progress progress = {bar_report, &bar};
            ok = checksum_file(buffer_text(&path), &sum, &progress, err);
            bar_end(&bar);
            if (ok && checksum_same(&sum, &file->sum))
                ok = checksum_note(buffer_text(&path), &sum, err);
        }
    }
    buffer_release(&path);
    return ok;
}

static bool open_downloads(struct errand *errand, struct error *err)
{
    struct repository_files *files = &errand->files;
    errand->downloads = memory_allocate(count_chosen(files), sizeof *errand->downloads, "downloads", err);
    if (errand->downloads == NULL)
        return false;
    for (size_t i = 0; i < files->n_items; i++) {
        const struct repository_file *file = &files->items[i];
        if (!file->chosen)
            continue;
        struct download *download = &errand->downloads[errand->n_downloads++];
        *download = download_none();
        if (!adopt(errand, file, err) || !download_open(download, buffer_text(&errand->folder), file,
                                                        errand->settings->n_connections, err))
            return false;
        if (download->begun_anew)
            fprintf(stderr, "%s changed on the host since it was begun: it is fetched anew\n", file->path);
    }
    return true;
}

/* ---- fetching ---- */

static void count(const struct errand *errand, uint64_t *held, uint64_t *total)
{
    *held = *total = 0;
    for (size_t i = 0; i < errand->n_downloads; i++) {
        *held += errand->downloads[i].n_held;
        *total += errand->downloads[i].file->n_bytes;
    }
}

static bool check_space(const struct errand *errand, struct error *err)
{
    uint64_t wanted = 0, n_free;
    const char *folder = buffer_text(&errand->folder);
    for (size_t i = 0; i < errand->n_downloads; i++)
        wanted += errand->downloads[i].file->n_bytes - download_room(&errand->downloads[i]);
    if (!file_free_space(folder, &n_free, NULL) || n_free >= wanted)
        return true;
    return fail(err, "%s: %s are to be fetched, and %s are free there; -o DIR takes another place", folder,
                amount_bytes(wanted).text, amount_bytes(n_free).text);
}

static void say_finished(void *listener, const struct download *download)
{
    struct errand *errand = listener;
    bar_end(&errand->bar);
    fprintf(stderr, "%s  %s%s\n", download->file->path, amount_bytes(download->file->n_bytes).text,
            download->file->sum.text[0] != '\0' ? ", SHA-256 as listed" : "");
}

static bool fetch(struct errand *errand, struct error *err)
{
    uint64_t held, total;
    count(errand, &held, &total);
    errand->bar = bar_begin("fetching", BAR_BYTES);
    errand->bar.done_before = held;
    const struct progress progress = {bar_report, &errand->bar};
    const struct transfer_job job = {.host = &errand->host,
                                     .repo = errand->repository.name,
                                     .downloads = errand->downloads,
                                     .n_downloads = errand->n_downloads,
                                     .n_connections = errand->settings->n_connections,
                                     .progress = &progress,
                                     .finished = say_finished,
                                     .listener = errand};
    bool ok = transfers_run(&job, err);
    bar_end(&errand->bar);
    count(errand, &held, &total);
    if (!ok && interrupted())
        fail(err, "stopped with %s of %s here; the same command goes on", amount_bytes(held).text,
             amount_bytes(total).text);
    return ok;
}

/* ---- the command ---- */

/* One line for each model, that of its first file, and for each other file. */
static bool print_paths(const struct errand *errand, struct error *err)
{
    struct buffer page = {0};
    for (size_t i = 0; i < errand->n_downloads; i++) {
        struct shard_name shard;
        const char *path = buffer_text(&errand->downloads[i].path);
        if (!shard_name_read(&shard, path) || shard.number == 1)
            buffer_append_format(&page, "%s\n", path);
    }
    bool ok = buffer_ok(&page, err) && stdout_write(page.bytes, page.n_bytes, err) && stdout_flush(err);
    buffer_release(&page);
    if (ok && terminal_is(stderr) && errand->settings->folder == NULL && errand->settings->include == NULL)
        fprintf(stderr, "talk with it: fathom chat -m %s\n", errand->settings->name);
    return ok;
}

static bool run(struct errand *errand, struct error *err)
{
    const struct pull *settings = errand->settings;
    if (settings->folder != NULL)
        buffer_append_text(&errand->folder, settings->folder);
    else if (!store_folder(&errand->repository, &errand->folder, err))
        return false;
    if (!buffer_ok(&errand->folder, err) || !host_init(&errand->host, err))
        return false;
    if (errand->host.token != NULL && host_is_plain(&errand->host))
        fprintf(stderr, "%s is no https:// address: HF_TOKEN goes there in the clear\n",
                errand->host.endpoint);
    bool ok = host_list(&errand->host, errand->repository.name, &errand->files, err) && choose(errand, err) &&
              open_downloads(errand, err) && check_space(errand, err) && fetch(errand, err) &&
              print_paths(errand, err);
    host_release();
    return ok;
}

static const char *set_in_environment(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

int command_pull(int argc, char **argv)
{
    struct pull settings = {.n_connections = DEFAULT_CONNECTIONS, .n_retries = DEFAULT_RETRIES};
    struct errand errand = {.settings = &settings};
    struct error err;
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    if (settings.name == NULL)
        return command_misused(argv[0], "no repository given: fathom pull ORG/NAME:QUANT");
    if (!repository_read(&errand.repository, settings.name))
        return command_misused(argv[0], "'%s' is no repository: expected ORG/NAME or ORG/NAME:QUANT",
                               settings.name);
    if (settings.folder != NULL && settings.folder[0] == '\0')
        return command_misused(argv[0], "-o: no folder given");
    if (settings.endpoint == NULL)
        settings.endpoint = set_in_environment("HF_ENDPOINT");
    errand.host = (struct host){.endpoint = settings.endpoint != NULL ? settings.endpoint : DEFAULT_ENDPOINT,
                                .token = set_in_environment("HF_TOKEN"),
                                .n_retries = settings.n_retries};
    interrupt_catch();
    status = run(&errand, &err) ? STATUS_DONE : command_failed(argv[0], err.text);

    for (size_t i = 0; i < errand.n_downloads; i++)
        download_close(&errand.downloads[i]);
    memory_free(errand.downloads);
    repository_release(&errand.files);
    buffer_release(&errand.folder);
    return status;
}
