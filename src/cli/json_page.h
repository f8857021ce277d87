/* SPDX-License-Identifier: Apache-2.0 */
/* json_page.h - a command's whole answer as JSON, which is the same in shape for all of them. */
#ifndef FATHOM_CLI_JSON_PAGE_H
#define FATHOM_CLI_JSON_PAGE_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends the value's text, indented, and a line break; drops the value in any case. NULL fails: no memory.
 */
bool json_page(json_t *root, struct buffer *page, struct error *err);

#endif
