/* SPDX-License-Identifier: Apache-2.0 */
/* bind.h - the socket that a server listens on. */
#ifndef FATHOM_SERVER_HTTP_BIND_H
#define FATHOM_SERVER_HTTP_BIND_H

#include <stdint.h>

#include "base/error.h"

#define URL_BYTES 320

/* A listening TCP socket, -1 where there is none, and the URL it is reached by. Port 0: any that is free. */
int bind_listen(const char *host, uint16_t port, char url[URL_BYTES], struct error *err);

#endif
