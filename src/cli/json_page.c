/* SPDX-License-Identifier: Apache-2.0 */
/* json_page.c - a command's whole answer as JSON. Numbers have seven
 * digits: more than any measurement is good for. */
#include "cli/json_page.h"

#include <stdlib.h>

bool json_page(json_t *root, struct buffer *page, struct error *err)
{
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(7));
    json_decref(root);
    if (text == NULL)
        return fail(err, "no memory for JSON");
    buffer_append_text(page, text);
    buffer_append_text(page, "\n");
    free(text);
    return true;
}
