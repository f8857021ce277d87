/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.c - refusals, filled and written. */
#include "server/request/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/answer/json_writer.h"

static void fill(struct refusal *refusal, const char *param, const char *format, va_list arguments)
{
    snprintf(refusal->param, sizeof refusal->param, "%s", param);
    vsnprintf(refusal->message, sizeof refusal->message, format, arguments);
}

bool refuse(struct refusal *refusal, const char *code, const char *param, const char *format, ...)
{
    va_list arguments;
    *refusal = (struct refusal){.status = 400, .type = REFUSAL_INVALID, .code = code};
    va_start(arguments, format);
    fill(refusal, param, format, arguments);
    va_end(arguments);
    return false;
}

bool refuse_with(struct refusal *refusal, int status, const char *type, const char *code, const char *format,
                 ...)
{
    va_list arguments;
    *refusal = (struct refusal){.status = status, .type = type, .code = code};
    va_start(arguments, format);
    fill(refusal, "", format, arguments);
    va_end(arguments);
    return false;
}

void refusal_write(struct buffer *out, const struct refusal *refusal)
{
    buffer_append_text(out, "{\"error\":{\"message\":");
    json_write_string(out, refusal->message);
    buffer_append_text(out, ",\"type\":");
    json_write_string(out, refusal->type);
    buffer_append_text(out, ",\"param\":");
    json_write_string(out, refusal->param[0] != '\0' ? refusal->param : NULL);
    buffer_append_text(out, ",\"code\":");
    json_write_string(out, refusal->code);
    buffer_append_text(out, "}}");
}
