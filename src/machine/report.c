/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - reading what the system says of its processor, memory and settings. */
#include "machine/report.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/tiles.h"
#include "machine/pages.h"

#define TEXT_LIMIT ((size_t)4 << 20) /* bytes; /proc/cpuinfo of 1024 threads takes 2 MB */

static const struct {
    const char *name, *flag; /* as /proc/cpuinfo has it */
} abilities[ABILITY_COUNT] = {
    [ABILITY_AVX2] = {"AVX2", "avx2"},
    [ABILITY_FMA] = {"FMA", "fma"},
    [ABILITY_F16C] = {"F16C", "f16c"},
    [ABILITY_BMI2] = {"BMI2", "bmi2"},
    [ABILITY_AVX512F] = {"AVX-512 F", "avx512f"},
    [ABILITY_AVX512BW] = {"AVX-512 BW", "avx512bw"},
    [ABILITY_AVX512DQ] = {"AVX-512 DQ", "avx512dq"},
    [ABILITY_AVX512VL] = {"AVX-512 VL", "avx512vl"},
    [ABILITY_AVX512_VNNI] = {"AVX-512 VNNI", "avx512_vnni"},
    [ABILITY_AVX512_BF16] = {"AVX-512 BF16", "avx512_bf16"},
    [ABILITY_AVX512_VBMI] = {"AVX-512 VBMI", "avx512vbmi"},
    [ABILITY_AVX_VNNI] = {"AVX-VNNI", "avx_vnni"},
    [ABILITY_AMX_TILE] = {"AMX tiles", "amx_tile"},
    [ABILITY_AMX_INT8] = {"AMX INT8", "amx_int8"},
    [ABILITY_AMX_BF16] = {"AMX BF16", "amx_bf16"},
};

const char *ability_name(enum ability ability)
{
    return abilities[ability].name;
}

/* Appends a file below the root; false, and nothing appended, where it cannot be read. */
static bool read_text(struct buffer *text, const char *root, const char *name)
{
    struct buffer path = {0};
    buffer_append_format(&path, "%s/%s", root, name);
    bool ok = buffer_ok(&path, NULL) && file_read(text, buffer_text(&path), TEXT_LIMIT, NULL);
    if (!ok)
        buffer_clear(text);
    buffer_release(&path);
    return ok;
}

/* A file's first line; "" where there is none. */
static void read_line(const char *root, const char *name, char *line, size_t line_bytes)
{
    struct buffer text = {0};
    read_text(&text, root, name);
    snprintf(line, line_bytes, "%.*s", (int)strcspn(buffer_text(&text), "\n"), buffer_text(&text));
    buffer_release(&text);
}

/* The value of the first line "name...: value" or "name=value"; NULL: there is none. */
static const char *find_value(const char *text, const char *name, char separator, size_t *n_bytes)
{
    size_t name_bytes = strlen(name);
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (strncmp(line, name, name_bytes) == 0) {
            const char *at = line + name_bytes;
            at += strspn(at, " \t");
            if (*at == separator) {
                at++;
                at += strspn(at, " \t\"");
                *n_bytes = strcspn(at, separator == '=' ? "\"\n" : "\n");
                return at;
            }
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return NULL;
}

static void copy_value(char *to, size_t to_bytes, const char *text, const char *name, char separator)
{
    size_t n = 0;
    const char *value = find_value(text, name, separator, &n);
    snprintf(to, to_bytes, "%.*s", (int)n, value != NULL ? value : "");
}

/* ---- the processor ---- */

static bool has_flag(const char *flags, size_t n_bytes, const char *flag)
{
    size_t n = strlen(flag);
    for (const char *at = flags; at < flags + n_bytes;) {
        size_t word = strcspn(at, " \n");
        if (word == n && strncmp(at, flag, n) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

static void read_processor(struct report *report, const char *root)
{
    struct buffer text = {0};
    read_text(&text, root, "proc/cpuinfo");
    copy_value(report->processor, sizeof report->processor, buffer_text(&text), "model name", ':');
    size_t n = 0;
    const char *flags = find_value(buffer_text(&text), "flags", ':', &n);
    for (size_t i = 0; flags != NULL && i < ABILITY_COUNT; i++)
        report->abilities[i] = has_flag(flags, n, abilities[i].flag);
    report->virtual_machine = flags != NULL && has_flag(flags, n, "hypervisor");
    if (report->abilities[ABILITY_AMX_TILE])
        report->amx = tiles_allowed() ? PERMISSION_GIVEN : PERMISSION_REFUSED;
    buffer_release(&text);
}

/* ---- memory modules ---- */

/* Type 17 of the firmware's tables, "Memory Device" (DMTF DSP0134, 7.18). */
enum { DMI_SIZE = 0x0C, DMI_LOCATOR = 0x10, DMI_BANK = 0x11, DMI_SPEED = 0x15, DMI_CONFIGURED_SPEED = 0x20 };

struct module {
    char channel[64]; /* the name up to and with its channel: "P0 CHANNEL A"; "" where it names none */
    uint32_t speed;
};

/* The n-th string behind the formatted part of a table; the first is 1. */
static const char *dmi_string(const struct buffer *table, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)table->bytes;
    const char *at = table->bytes + bytes[1], *end = table->bytes + table->n_bytes;
    while (n > 1 && at < end) {
        at += strnlen(at, (size_t)(end - at)) + 1;
        n--;
    }
    return n == 1 && at < end ? at : "";
}

/* "Controller0-ChannelA-DIMM1" is on "Controller0-ChannelA", "P0 CHANNEL A" on itself. */
static bool read_channel(const char *name, char *channel, size_t channel_bytes)
{
    const char *word = strcasestr(name, "channel");
    if (word == NULL)
        return false;
    const char *end = word + strlen("channel");
    end += strspn(end, " _-");
    while (isalnum((unsigned char)*end))
        end++;
    snprintf(channel, channel_bytes, "%.*s", (int)(end - name), name);
    return true;
}

/* False: not a table of a module, or a slot without one. */
static bool read_module(const struct buffer *table, struct module *module)
{
    const uint8_t *bytes = (const uint8_t *)table->bytes;
    if (table->n_bytes < DMI_SPEED + 2 || bytes[0] != 17 || bytes[1] < DMI_SPEED + 2 ||
        bytes[1] > table->n_bytes || load_u16(bytes + DMI_SIZE) == 0)
        return false;
    *module = (struct module){.speed = load_u16(bytes + DMI_SPEED)};
    if (bytes[1] >= DMI_CONFIGURED_SPEED + 2 && load_u16(bytes + DMI_CONFIGURED_SPEED) != 0)
        module->speed = load_u16(bytes + DMI_CONFIGURED_SPEED);
    if (!read_channel(dmi_string(table, bytes[DMI_BANK]), module->channel, sizeof module->channel))
        read_channel(dmi_string(table, bytes[DMI_LOCATOR]), module->channel, sizeof module->channel);
    return true;
}

#define MODULES_MOST 128

static uint32_t count_channels(const struct module *modules, uint32_t n)
{
    uint32_t n_channels = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (modules[i].channel[0] == '\0')
            return n == 1;
        uint32_t j = 0;
        while (strcmp(modules[j].channel, modules[i].channel) != 0)
            j++;
        n_channels += j == i;
    }
    return n_channels;
}

static void read_modules(struct report *report, const char *root)
{
    struct module modules[MODULES_MOST] = {0};
    struct memory_modules *sum = &report->modules;
    for (int i = 0; i < MODULES_MOST; i++) {
        char name[64];
        struct buffer table = {0};
        snprintf(name, sizeof name, "sys/firmware/dmi/entries/17-%d/raw", i);
        bool there = read_text(&table, root, name);
        if (there && read_module(&table, &modules[sum->n_modules])) {
            uint32_t speed = modules[sum->n_modules++].speed;
            if (speed != 0 && (sum->speed == 0 || speed < sum->speed))
                sum->speed = speed;
        }
        buffer_release(&table);
        if (!there)
            break;
    }
    sum->n_channels = count_channels(modules, sum->n_modules);
}

/* ---- the system ---- */

static void read_system(struct report *report, const char *root)
{
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(report->system, sizeof report->system, "%.20s %.80s %.20s", name.sysname, name.release,
                 name.machine);
    struct buffer text = {0};
    read_text(&text, root, "etc/os-release");
    copy_value(report->distribution, sizeof report->distribution, buffer_text(&text), "PRETTY_NAME", '=');
    buffer_release(&text);
}

/* The setting in force stands in brackets: "always [madvise] never". */
static enum huge_pages read_huge_pages(const char *root)
{
    char line[64];
    read_line(root, "sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line);
    if (strstr(line, "[always]") != NULL)
        return HUGE_PAGES_ALWAYS;
    if (strstr(line, "[madvise]") != NULL)
        return HUGE_PAGES_ON_REQUEST;
    return strstr(line, "[never]") != NULL ? HUGE_PAGES_OFF : HUGE_PAGES_UNKNOWN;
}

void report_read(struct report *report, const char *root)
{
    static const char frequency[] = "sys/devices/system/cpu/cpu0/cpufreq/";
    char name[96], line[16];
    *report = (struct report){0};
    read_processor(report, root);
    read_system(report, root);
    read_modules(report, root);
    report->huge_pages = read_huge_pages(root);
    read_line(root, "proc/sys/kernel/numa_balancing", line, sizeof line);
    report->moves_pages = line[0] != '\0' && line[0] != '0';
    snprintf(name, sizeof name, "%sscaling_governor", frequency);
    read_line(root, name, report->governor, sizeof report->governor);
    snprintf(name, sizeof name, "%sscaling_driver", frequency);
    read_line(root, name, report->frequency_driver, sizeof report->frequency_driver);
    snprintf(name, sizeof name, "%senergy_performance_preference", frequency);
    read_line(root, name, report->preference, sizeof report->preference);
    report->lock_limit = pages_lock_limit();
}
