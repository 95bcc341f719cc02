/* One frontend's file, NAME.conf in [gateway] frontends_dir: lines KEY = VALUE. A line that begins
 * with '#' or ';' is a comment.
 *
 *   key_sha256 = 64 hex digits   of the key that the frontend sends; up to two, the newest last, so
 *                                that keys can be changed without a gap
 *   return_to = https://…        where browsers may be sent back to; repeat for more
 *   return_to = loopback         any http address on the browser's own machine (127.0.0.1, [::1],
 *                                localhost), any port and path: for programs without a server
 *   may = chat connect …         what the key may be used for; left out: everything
 *   requests_per_second = N, burst = N
 *   tokens_per_day = N           model tokens that all its users together may use in a day (UTC)
 *   spend_per_day = N            what their turns may cost, in millionths of the operator's
 *                                currency; both: 0 no limit, left out what [budgets] says
 *
 * Read by cloister-gateway, and for budgets by cloisterd, which takes no gateway's word for them;
 * written by cloisterctl. Any thread. */
#ifndef CLOISTER_GATEWAY_FRONTEND_FILE_H
#define CLOISTER_GATEWAY_FRONTEND_FILE_H

#include "ipc/base.h"

#define FRONTEND_NAME_MAX       64
#define FRONTEND_FILE_MAX       65535 /* bytes */
#define FRONTEND_KEYS_MAX       2
#define FRONTEND_RETURNS_MAX    32
#define FRONTEND_SUFFIX         ".conf"
#define FRONTEND_LOOPBACK       "loopback" /* as a return_to line */
#define FRONTEND_WEB            "web"      /* Cloister's own pages; no file may have this name */
#define FRONTEND_RATE           500        /* requests_per_second when there is no such line */
#define FRONTEND_BURST          2000
#define FRONTEND_BUDGET_MOST    UINT64_C(1000000000000000)
#define FRONTEND_BUDGET_DEFAULT UINT64_MAX /* no such line: the default of [budgets] holds */

enum frontend_right {
    FRONTEND_ANY = 0,             /* no line may= takes it away */
    FRONTEND_CHAT = 1 << 0,       /* turns, ending a conversation */
    FRONTEND_CONNECT = 1 << 1,    /* connect links, redeeming, the connection's state */
    FRONTEND_MEMORY = 1 << 2,     /* what is remembered: list, delete */
    FRONTEND_DISCONNECT = 1 << 3, /* ending a connection or the user's grants */
    FRONTEND_BUSINESS = 1 << 4,   /* the user's businesses, their bookings and inquiries */
};
#define FRONTEND_RIGHTS_ALL 0x1fu

struct frontend {
    char name[FRONTEND_NAME_MAX + 1]; /* the file's name without .conf */
    uint8_t key_sha256[FRONTEND_KEYS_MAX][32];
    size_t keys;
    char *return_to[FRONTEND_RETURNS_MAX]; /* malloc'd */
    size_t returns;
    uint32_t rate, burst;
    uint64_t tokens_per_day, spend_per_day; /* or FRONTEND_BUDGET_DEFAULT */
    unsigned rights;                        /* frontend_right, or'ed */
};

/* Letters, digits, '.', '_', '-', not beginning with a dot, and not the reserved one. */
bool frontend_name_valid(const char *name);
/* A frontend with the defaults, to be parsed into. NULL: no memory. Free with frontend_free. */
struct frontend *frontend_new(const char *name) MUST_CHECK;
void frontend_free(struct frontend *frontend);
/* Reads the file's text (changed on the way) into a fresh `frontend`. NULL when it can be used,
 * otherwise a static sentence that says why not. */
const char *frontend_parse(char *text, struct frontend *frontend) MUST_CHECK;

/* The word of one right, or NULL behind the last; `index` counts from 0. */
const char *frontend_right_word(size_t index, enum frontend_right *ret);
/* Words separated by blanks or commas into or'ed rights. 0 or -EINVAL. */
int frontend_rights_parse(const char *words, unsigned *ret) MUST_CHECK;
bool frontend_may(const struct frontend *frontend, enum frontend_right right);

#endif
