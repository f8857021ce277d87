/* SPDX-License-Identifier: Apache-2.0 */
/* messages.h - the conversation and the tools of a chat's body. False: refused. */
#ifndef FATHOM_SERVER_REQUEST_MESSAGES_H
#define FATHOM_SERVER_REQUEST_MESSAGES_H

#include "server/request/reading.h"

bool read_messages(struct reading *reading, const json_t *messages);
bool read_tools(struct reading *reading, const json_t *tools);
/* Behind the tools, which it may name. */
bool read_tool_choice(struct reading *reading, const json_t *choice);

#endif
