/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c - the table of paths. */
#include "server/routes.h"

#include <string.h>

static bool answer_json(struct MHD_Connection *connection, unsigned status, const char *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return false;
    bool queued = MHD_add_response_header(response, "Content-Type", "application/json") == MHD_YES &&
                  MHD_queue_response(connection, status, response) == MHD_YES;
    MHD_destroy_response(response);
    return queued;
}

bool route_answer(struct MHD_Connection *connection, const char *method, const char *path)
{
    if (strcmp(path, "/health") == 0 && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0))
        return answer_json(connection, 200, "{\"status\": \"ok\"}\n");
    return answer_json(connection, 404,
                       "{\"error\": {\"message\": \"there is nothing here\", "
                       "\"type\": \"invalid_request_error\", \"param\": null, \"code\": \"not_found\"}}\n");
}
