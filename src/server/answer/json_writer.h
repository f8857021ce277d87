/* SPDX-License-Identifier: Apache-2.0 */
/* json_writer.h - JSON as text, written straight into a buffer.
 *
 * An answer is streamed a token at a time, and a tree for each would cost more
 * than the token's text. Keys and layout are literals in the callers; what
 * comes from models and clients goes through json_write_text(), after which
 * it cannot end its string, its line or its character. */
#ifndef FATHOM_SERVER_ANSWER_JSON_WRITER_H
#define FATHOM_SERVER_ANSWER_JSON_WRITER_H

#include <stdint.h>

#include "base/buffer.h"

/* A string with its quotes. Bytes that are no UTF-8 become U+FFFD, and so do zeros: no request may hold one,
 * and clients send back what they got. Other control characters are escaped. */
void json_write_text(struct buffer *out, const char *text, size_t n_bytes);
void json_write_string(struct buffer *out, const char *text); /* terminated; NULL: null */
/* What no JSON number can be becomes null. (Fathom's programs leave the locale's decimal point alone.) */
void json_write_number(struct buffer *out, double number, int n_digits);

#endif
