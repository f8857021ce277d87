/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - a conversation as a JSON file:
 *
 *     {"fathom_chat": 1, "messages": [{"role": "user", "content": "..."}, ...]}
 *
 * An answer may also have "reasoning", and "open": true where it ended inside it. */
#ifndef FATHOM_CLI_CHAT_FILE_H
#define FATHOM_CLI_CHAT_FILE_H

#include "base/error.h"
#include "cli/chat/talk.h"

/* The file appears whole or not at all. Bytes that are no UTF-8 become U+FFFD. */
bool chat_save(const struct talk *talk, const char *path, struct error *err);
/* Replaces the conversation, its system prompt too; on failure nothing changes. */
bool chat_load(struct talk *talk, const char *path, struct error *err);

#endif
