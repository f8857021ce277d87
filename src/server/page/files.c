/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - the page's files as bytes of the program.
 *
 * The assembler includes them, so what is served is what lies in this folder,
 * to the byte, and no step of the build rewrites it. Their paths are seen from
 * the repository's root, where make runs. */
#include "server/page/page.h"

#define HTML   "text/html; charset=utf-8"
#define CSS    "text/css; charset=utf-8"
#define SVG    "image/svg+xml"
#define SCRIPT "text/javascript; charset=utf-8"

/* A name in C, the file, its path on the server, its type. */
#define FILES(X)                                               \
    X(page_html, "page.html", "/", HTML)                       \
    X(page_css, "page.css", "/page/page.css", CSS)             \
    X(icon_svg, "icon.svg", "/page/icon.svg", SVG)             \
    X(chat_js, "chat.js", "/page/chat.js", SCRIPT)             \
    X(element_js, "element.js", "/page/element.js", SCRIPT)    \
    X(markdown_js, "markdown.js", "/page/markdown.js", SCRIPT) \
    X(meter_js, "meter.js", "/page/meter.js", SCRIPT)          \
    X(run_js, "run.js", "/page/run.js", SCRIPT)                \
    X(server_js, "server.js", "/page/server.js", SCRIPT)       \
    X(settings_js, "settings.js", "/page/settings.js", SCRIPT) \
    X(sidebar_js, "sidebar.js", "/page/sidebar.js", SCRIPT)    \
    X(store_js, "store.js", "/page/store.js", SCRIPT)          \
    X(turn_js, "turn.js", "/page/turn.js", SCRIPT)

/* Bytes from page_NAME to page_NAME_end, among those that nobody can write. */
#define EMBED(name, file, path, type)                                            \
    extern const char page_##name[] __attribute__((visibility("hidden")));       \
    extern const char page_##name##_end[] __attribute__((visibility("hidden"))); \
    __asm__(".pushsection .rodata\n"                                             \
            ".global page_" #name ", page_" #name "_end\n"                       \
            "page_" #name ":\n"                                                  \
            ".incbin \"src/server/page/" file "\"\n"                             \
            "page_" #name "_end:\n"                                              \
            ".byte 0\n"                                                          \
            ".popsection\n");
FILES(EMBED)

#define ROW(name, file, path, type) {path, type, page_##name, page_##name##_end},
const struct page_file page_files[] = {FILES(ROW)};
const size_t n_page_files = sizeof page_files / sizeof *page_files;
