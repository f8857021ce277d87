/* SPDX-License-Identifier: Apache-2.0 */
/* repository.c - which files a name means. In a sorted list the shards of a model stand together, so a model
 * is a span of the list. */
#include "cli/pull/repository.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/memory.h"
#include "gguf/locate.h"

#define ENDING       ".gguf"
#define DEEPEST      8 /* folders below the top; repositories of models have one or two */
#define PART_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* ---- names ---- */

bool repository_read(struct repository *repository, const char *given)
{
    size_t n_owner = strspn(given, PART_LETTERS);
    if (n_owner == 0 || given[0] == '.' || given[n_owner] != '/')
        return false;
    const char *model = given + n_owner + 1;
    size_t n_model = strspn(model, PART_LETTERS), n_name = n_owner + 1 + n_model;
    if (n_model == 0 || model[0] == '.' || n_name > REPOSITORY_NAME_BYTES)
        return false;
    if (model[n_model] != '\0' && (model[n_model] != ':' || model[n_model + 1] == '\0'))
        return false;
    *repository = (struct repository){.quant = model[n_model] == ':' ? model + n_model + 1 : NULL};
    memcpy(repository->name, given, n_name);
    return true;
}

/* ---- the list ---- */

/* A host's answer must not lead out of the folder that it is put into. */
static bool stays_inside(const char *path)
{
    if (path[0] == '\0' || path[0] == '/')
        return false;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
            return false;
    }
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F || *at == '\\')
            return false;
    return true;
}

struct repository_file *repository_add(struct repository_files *files, const char *path, struct error *err)
{
    if (!stays_inside(path)) {
        fail(err, "the path '%s' leads out of its folder", path);
        return NULL;
    }
    if (files->n_items == files->capacity) {
        size_t more = files->capacity > 0 ? 2 * files->capacity : 32;
        struct repository_file *items =
            memory_grow(files->items, files->capacity, more, sizeof *items, "a list of files", err);
        files->items = items;
        files->capacity = items != NULL ? more : 0;
        if (items == NULL) {
            files->n_items = 0;
            return NULL;
        }
    }
    struct repository_file *file = &files->items[files->n_items];
    *file = (struct repository_file){.path = memory_copy_text(path, strlen(path), "a path", err)};
    if (file->path == NULL)
        return NULL;
    files->n_items++;
    return file;
}

static bool add_below(struct repository_files *files, const char *top, const char *inner, int depth,
                      struct error *err)
{
    struct buffer folder = {0}, path = {0};
    struct file_names names = {0};
    buffer_append_format(&folder, "%s/%s", top, inner);
    bool ok = buffer_ok(&folder, err) && file_names_read(&names, buffer_text(&folder), err);
    for (size_t i = 0; ok && i < names.n_names; i++) {
        buffer_clear(&folder);
        buffer_clear(&path);
        buffer_append_format(&path, "%s%s%s", inner, inner[0] != '\0' ? "/" : "", names.names[i]);
        buffer_append_format(&folder, "%s/%s", top, buffer_text(&path));
        ok = buffer_ok(&folder, err) && buffer_ok(&path, err);
        enum file_kind kind = ok ? file_kind(buffer_text(&folder)) : FILE_MISSING;
        if (kind == FILE_FOLDER && depth < DEEPEST) {
            ok = add_below(files, top, buffer_text(&path), depth + 1, err);
        } else if (kind == FILE_REGULAR && stays_inside(buffer_text(&path))) {
            struct repository_file *file = repository_add(files, buffer_text(&path), err);
            ok = file != NULL && file_size(buffer_text(&folder), &file->n_bytes, err);
        }
    }
    file_names_release(&names);
    buffer_release(&folder);
    buffer_release(&path);
    return ok;
}

bool repository_add_folder(struct repository_files *files, const char *folder, struct error *err)
{
    return add_below(files, folder, "", 0, err) || fail_in(err, folder);
}

void repository_release(struct repository_files *files)
{
    for (size_t i = 0; i < files->n_items; i++)
        memory_free(files->items[i].path);
    memory_free(files->items);
    *files = (struct repository_files){0};
}

/* ---- models ---- */

/* A model's path without its number and ending, and into how many it was cut: what its shards share. */
struct stem {
    const char *text;
    size_t n_bytes;    /* 0: the file is no model */
    uint32_t n_shards; /* 0: the file is no shard */
};

static struct stem stem_of(const struct repository_file *file)
{
    struct shard_name shard;
    size_t n_bytes = strlen(file->path), n_ending = strlen(ENDING);
    if (shard_name_read(&shard, file->path))
        return (struct stem){file->path, shard.stem_bytes, shard.n_shards};
    bool model = n_bytes > n_ending && strcmp(file->path + n_bytes - n_ending, ENDING) == 0;
    return (struct stem){file->path, model ? n_bytes - n_ending : 0, 0};
}

static bool same_model(struct stem a, struct stem b)
{
    return a.n_bytes > 0 && a.n_bytes == b.n_bytes && memcmp(a.text, b.text, a.n_bytes) == 0;
}

/* By stem, and of one stem by the number of shards, and these in order. */
static int compare_files(const void *a, const void *b)
{
    const struct repository_file *left = a, *right = b;
    struct stem l = stem_of(left), r = stem_of(right);
    size_t n_left = l.n_bytes > 0 ? l.n_bytes : strlen(left->path);
    size_t n_right = r.n_bytes > 0 ? r.n_bytes : strlen(right->path);
    int order = memcmp(left->path, right->path, n_left < n_right ? n_left : n_right);
    if (order == 0 && n_left != n_right)
        return n_left < n_right ? -1 : 1;
    if (order == 0 && l.n_shards != r.n_shards)
        return l.n_shards < r.n_shards ? -1 : 1;
    return order != 0 ? order : strcmp(left->path, right->path);
}

void repository_sort(struct repository_files *files)
{
    if (files->n_items > 0)
        qsort(files->items, files->n_items, sizeof *files->items, compare_files);
}

/* The next model at or behind *at; false: there is none. Its files are [*at, *at + *n_files). */
static bool next_model(const struct repository_files *files, size_t *at, size_t *n_files)
{
    while (*at < files->n_items && stem_of(&files->items[*at]).n_bytes == 0)
        ++*at;
    if (*at >= files->n_items)
        return false;
    struct stem first = stem_of(&files->items[*at]);
    for (*n_files = 1; *at + *n_files < files->n_items; ++*n_files) {
        struct stem next = stem_of(&files->items[*at + *n_files]);
        if (!same_model(first, next) || first.n_shards != next.n_shards)
            break;
    }
    return true;
}

/* What all models' paths begin with, up to a dash: nobody wants to read or type it again. */
static size_t shared_bytes(const struct repository_files *files)
{
    struct stem first = {0};
    size_t shared = 0, n_models = 0;
    for (size_t at = 0, n = 0; next_model(files, &at, &n); at += n, n_models++) {
        struct stem stem = stem_of(&files->items[at]);
        if (n_models == 0)
            first = stem, shared = stem.n_bytes;
        size_t same = 0;
        while (same < shared && same < stem.n_bytes && stem.text[same] == first.text[same])
            same++;
        shared = same;
    }
    if (n_models < 2)
        return 0;
    while (shared > 0 && first.text[shared - 1] != '-' && first.text[shared - 1] != '/')
        shared--;
    return shared;
}

/* A model's name in a list of its kind: without what all share, and of FOLDER/NAME that is the folder. */
static struct stem label_of(const struct repository_file *file, size_t shared)
{
    struct stem stem = stem_of(file);
    stem.text += shared, stem.n_bytes -= shared;
    const char *slash = memchr(stem.text, '/', stem.n_bytes);
    if (slash != NULL && slash > stem.text)
        stem.n_bytes = (size_t)(slash - stem.text);
    return stem;
}

/* ---- choosing ---- */

static bool is_between(char c)
{
    return c == '-' || c == '.' || c == '/';
}

static bool names_part(struct stem stem, const char *quant)
{
    size_t n = strlen(quant);
    for (size_t i = 0; n > 0 && i + n <= stem.n_bytes; i++)
        if (strncasecmp(stem.text + i, quant, n) == 0 && (i == 0 || is_between(stem.text[i - 1])) &&
            (i + n == stem.n_bytes || is_between(stem.text[i + n])))
            return true;
    return false;
}

static bool is_label(struct stem label, const char *quant)
{
    return strlen(quant) == label.n_bytes && strncasecmp(label.text, quant, label.n_bytes) == 0;
}

/* A model's files, [at, at + n) of the list. */
struct cut {
    size_t at, n;
};

static void choose_cut(struct repository_files *files, struct cut cut, bool chosen)
{
    for (size_t i = cut.at; i < cut.at + cut.n; i++)
        files->items[i].chosen = chosen;
}

static bool is_whole(const struct repository_files *files, struct cut cut)
{
    uint32_t n_shards = stem_of(&files->items[cut.at]).n_shards;
    return cut.n == (n_shards > 0 ? n_shards : 1);
}

/* Chooses the models that `quant` names, whole labels alone where `exact`; returns how many. */
static size_t choose_models(struct repository_files *files, const char *quant, bool exact)
{
    size_t shared = shared_bytes(files), n_models = 0;
    struct cut last = {0};
    for (struct cut cut = {0}; next_model(files, &cut.at, &cut.n); cut.at += cut.n) {
        const struct repository_file *first = &files->items[cut.at];
        bool chosen = quant == NULL ||
                      (exact ? is_label(label_of(first, shared), quant) : names_part(stem_of(first), quant));
        bool again = chosen && last.n > 0 && same_model(stem_of(&files->items[last.at]), stem_of(first));
        if (again && (is_whole(files, last) || !is_whole(files, cut)))
            chosen = false;
        else if (again)
            choose_cut(files, last, false);
        choose_cut(files, cut, chosen);
        n_models += chosen && !again;
        last = chosen ? cut : last;
    }
    return n_models;
}

size_t repository_choose(struct repository_files *files, const char *quant, const char *include)
{
    size_t n_models = 0;
    for (size_t i = 0; i < files->n_items; i++)
        files->items[i].chosen = quant == NULL && include != NULL;
    if (quant != NULL || include == NULL)
        n_models = choose_models(files, quant, false);
    if (quant != NULL && n_models > 1 && choose_models(files, quant, true) == 1)
        n_models = 1; /* Q2_K_XL is one of its own beside UD-Q2_K_XL */
    else if (quant != NULL && n_models > 1)
        n_models = choose_models(files, quant, false);
    for (size_t i = 0; include != NULL && i < files->n_items; i++) {
        struct repository_file *file = &files->items[i];
        file->chosen = file->chosen && fnmatch(include, file->path, 0) == 0;
    }
    return n_models;
}

bool repository_is_whole(const struct repository_files *files, struct error *err)
{
    for (struct cut cut = {0}; next_model(files, &cut.at, &cut.n); cut.at += cut.n) {
        const struct repository_file *first = &files->items[cut.at];
        if (first->chosen && !is_whole(files, cut))
            return fail(err, "%s: only %zu of its %u shards are there", first->path, cut.n,
                        stem_of(first).n_shards);
    }
    return true;
}

/* ---- telling ---- */

void repository_list(const struct repository_files *files, struct buffer *list)
{
    size_t shared = shared_bytes(files), n_models = 0;
    for (size_t at = 0, n = 0; next_model(files, &at, &n); at += n, n_models++) {
        struct stem label = label_of(&files->items[at], shared);
        buffer_append_format(list, "%s%.*s", n_models > 0 ? ", " : "", (int)label.n_bytes, label.text);
    }
}

void repository_table(const struct repository_files *files, struct buffer *table)
{
    size_t shared = shared_bytes(files);
    for (size_t at = 0, n = 0; next_model(files, &at, &n); at += n) {
        struct stem label = label_of(&files->items[at], shared);
        uint64_t n_bytes = 0;
        for (size_t i = at; i < at + n; i++)
            n_bytes += files->items[i].n_bytes;
        buffer_append_format(table, "  %-24.*s %10s", (int)label.n_bytes, label.text,
                             amount_bytes(n_bytes).text);
        buffer_append_format(table, n > 1 ? "  %zu files\n" : "\n", n);
    }
}
