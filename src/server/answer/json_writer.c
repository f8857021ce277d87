/* SPDX-License-Identifier: Apache-2.0 */
/* json_writer.c - strings and numbers of JSON (RFC 8259). */
#include "server/answer/json_writer.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static void write_escaped(struct buffer *out, unsigned char c)
{
    static const char letters[128] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    if (letters[c] != '\0') {
        const char pair[2] = {'\\', letters[c]};
        buffer_append(out, pair, sizeof pair);
    } else {
        buffer_append_format(out, "\\u%04x", (unsigned)c);
    }
}

/* How many bytes stand as they are: up to the first that is escaped, or that begins no character. */
static size_t plain_bytes(const char *text, size_t n_bytes)
{
    size_t at = 0;
    while (at < n_bytes) {
        unsigned char c = (unsigned char)text[at];
        size_t used = 1;
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
            break;
        if (c > 0x7F && utf8_decode(text + at, n_bytes - at, &used) == UTF8_INVALID)
            break;
        at += used;
    }
    return at;
}

void json_write_text(struct buffer *out, const char *text, size_t n_bytes)
{
    buffer_append(out, "\"", 1);
    for (size_t at = 0; at < n_bytes; at++) {
        size_t n_plain = plain_bytes(text + at, n_bytes - at);
        buffer_append(out, text + at, n_plain);
        at += n_plain;
        if (at == n_bytes)
            break;
        if ((unsigned char)text[at] > 0x7F || text[at] == '\0')
            buffer_append_text(out, REPLACEMENT);
        else
            write_escaped(out, (unsigned char)text[at]);
    }
    buffer_append(out, "\"", 1);
}

void json_write_string(struct buffer *out, const char *text)
{
    if (text != NULL)
        json_write_text(out, text, strlen(text));
    else
        buffer_append_text(out, "null");
}

void json_write_number(struct buffer *out, double number, int n_digits)
{
    if (isfinite(number))
        buffer_append_format(out, "%.*g", n_digits, number);
    else
        buffer_append_text(out, "null");
}
