/* SPDX-License-Identifier: Apache-2.0 */
/* page.h - the page at "/": a chat in the browser, over the same interface that every other client uses.
 *
 * Its files lie beside this one and are part of the program. Anybody who can
 * connect gets them, also while the model is loaded; what the page asks for
 * then carries the key like any request. */
#ifndef FATHOM_SERVER_PAGE_PAGE_H
#define FATHOM_SERVER_PAGE_PAGE_H

#include "server/http/exchange.h"

struct page_file {
    const char *path; /* on the server: "/", "/page/chat.js" */
    const char *type;
    const char *bytes, *end; /* static; no zero behind them */
};

extern const struct page_file page_files[];
extern const size_t n_page_files;

/* For GET of "/" and "/page/...", with headers of its own. A browser is not sent again what it has. */
enum MHD_Result page_answer(struct exchange *exchange);

#endif
