/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - conversations to JSON and back. A file is checked whole before anything of it is used. */
#include "cli/chat/file.h"

#include <jansson.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"

#define FILE_VERSION 1
#define FILE_LIMIT   ((size_t)256 << 20)

static const char *const roles[] = {
    [FATHOM_SYSTEM] = "system", [FATHOM_USER] = "user", [FATHOM_ASSISTANT] = "assistant"};

/* ---- saving ---- */

static json_t *message_to_json(const struct talk_message *message)
{
    json_t *json = json_object();
    bool made = json_object_set_new(json, "role", json_string(roles[message->role])) == 0 &&
                json_object_set_new(json, "content", json_string(message->content)) == 0;
    if (message->reasoning != NULL)
        made = made && json_object_set_new(json, "reasoning", json_string(message->reasoning)) == 0;
    if (message->open)
        made = made && json_object_set_new(json, "open", json_true()) == 0;
    if (made)
        return json;
    json_decref(json);
    return NULL;
}

/* One text, since a list would take a line for each. */
static json_t *tokens_to_json(const struct fathom_tokens *tokens)
{
    struct buffer list = {0};
    for (size_t i = 0; i < tokens->n; i++)
        buffer_append_format(&list, i > 0 ? " %u" : "%u", tokens->ids[i]);
    json_t *json = list.failed ? NULL : json_string(buffer_text(&list));
    buffer_release(&list);
    return json;
}

/* The tokens let the conversation go on as if it had not been interrupted: a tokenizer would make others of
 * the same answers. A model with another vocabulary finds that they do not spell them. NULL: no memory. */
static char *talk_to_text(const struct talk *talk, const struct fathom_tokens *tokens)
{
    json_t *root = json_object(), *messages = json_array();
    bool made = json_object_set_new(root, "fathom_chat", json_integer(FILE_VERSION)) == 0 &&
                json_object_set_new(root, "messages", messages) == 0;
    for (size_t i = 0; made && i < talk->n_messages; i++)
        made = json_array_append_new(messages, message_to_json(&talk->messages[i])) == 0;
    if (tokens->n > 0)
        made = made && json_object_set_new(root, "tokens", tokens_to_json(tokens)) == 0;
    char *text = made ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    return text;
}

bool chat_save(const struct talk *talk, const char *path, struct error *err)
{
    struct fathom_tokens tokens;
    if (!talk_tokens(talk, &tokens, err))
        return false;
    char *text = talk_to_text(talk, &tokens);
    fathom_tokens_release(&tokens);
    if (text == NULL)
        return fail(err, "no memory to write the conversation");
    struct output output = {0};
    bool saved = output_open(&output, path, err) && output_write(&output, text, strlen(text), err) &&
                 output_write(&output, "\n", 1, err) && output_commit(&output, err);
    output_discard(&output);
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    release(text);
    return saved || fail_in(err, path);
}

/* ---- loading ---- */

static bool read_role(const char *name, enum fathom_role *role)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (name != NULL && strcmp(name, roles[i]) == 0) {
            *role = (enum fathom_role)i;
            return true;
        }
    return false;
}

static bool add_message(struct talk *talk, const json_t *json, struct error *err)
{
    const char *content = json_string_value(json_object_get(json, "content"));
    const json_t *reasoning = json_object_get(json, "reasoning");
    enum fathom_role role;
    if (!read_role(json_string_value(json_object_get(json, "role")), &role) || content == NULL ||
        (reasoning != NULL && (!json_is_string(reasoning) || role != FATHOM_ASSISTANT)))
        return fail(err, "message %zu is not one that fathom chat writes", talk->n_messages + 1);
    if (role == FATHOM_SYSTEM && talk->n_messages > 0)
        return fail(err, "message %zu is a system prompt; only the first may be", talk->n_messages + 1);
    if (!talk_add(talk, role, content, json_string_value(reasoning), err))
        return false;
    talk_last(talk)->open = reasoning != NULL && json_is_true(json_object_get(json, "open"));
    return true;
}

static bool read_tokens(struct talk *loaded, const json_t *json, struct error *err)
{
    struct buffer list = {0};
    if (json == NULL)
        return true;
    if (!json_is_string(json))
        return fail(err, "the tokens are not written as fathom chat writes them");
    buffer_append_text(&list, json_string_value(json));
    bool read = buffer_ok(&list, err) && ids_parse(&loaded->recalled, &list, err);
    buffer_release(&list);
    return read;
}

static bool read_talk(struct talk *loaded, const json_t *root, struct error *err)
{
    const json_t *messages = json_object_get(root, "messages");
    if (json_integer_value(json_object_get(root, "fathom_chat")) != FILE_VERSION || !json_is_array(messages))
        return fail(err, "not a conversation that fathom chat saved");
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (!add_message(loaded, json_array_get(messages, i), err))
            return false;
    return read_tokens(loaded, json_object_get(root, "tokens"), err);
}

/* Messages and tokens change owners; session and choices stay. */
static void swap_messages(struct talk *a, struct talk *b)
{
    struct talk old = *a;
    a->messages = b->messages, a->n_messages = b->n_messages, a->capacity = b->capacity;
    b->messages = old.messages, b->n_messages = old.n_messages, b->capacity = old.capacity;
    a->recalled = b->recalled, b->recalled = old.recalled;
}

bool chat_load(struct talk *talk, const char *path, struct error *err)
{
    struct buffer text = {0};
    struct talk loaded = {0};
    json_error_t reason;
    json_t *root = NULL;
    bool read = (strcmp(path, "-") != 0 || fail(err, "standard input holds the messages")) &&
                file_read(&text, path, FILE_LIMIT, err) && buffer_ok(&text, err);
    if (read) {
        root = json_loadb(buffer_text(&text), text.n_bytes, 0, &reason);
        read = root != NULL || fail(err, "line %d: %s", reason.line, reason.text);
    }
    read = read && read_talk(&loaded, root, err);
    if (read)
        swap_messages(talk, &loaded);
    talk_close(&loaded);
    json_decref(root);
    buffer_release(&text);
    return read || fail_in(err, path);
}
