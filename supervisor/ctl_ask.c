#include "supervisor/ctl_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/config.h"
#include "ipc/message.h"

#define ANSWER_MAX     (64u << 20)
#define ANSWER_WAIT_MS 65000
#define LONG_WAIT_MS   3660000
#define STREAM_WAIT_MS 60000 /* cloisterd says at least every 20 s that it is there */
#define ENOUGH_MS      200

void ctl_usage(const char *why, const char *what) {
    fprintf(stderr, "cloisterctl: %s%s\nTry 'cloisterctl --help'.\n", why, what);
    exit(CTL_USAGE);
}

int ctl_output_end(int status) {
    const bool failed = ferror(stdout) != 0; /* of what, is known no more */
    errno = 0;
    if (fflush(stdout) == 0 && !failed)
        return status;
    fprintf(stderr, "cloisterctl: standard output cannot be written%s%s\n", errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    return CTL_FAILED;
}

/* Who may use the socket may not read the configuration: then the usual place is tried. */
void ctl_find_socket(const struct ctl_options *options, char *out, size_t cap) {
    struct config *config = NULL;
    char why[512];
    int n = 0;
    if (options->socket != NULL) {
        n = snprintf(out, cap, "%s", options->socket);
    } else if (config_load(options->config, &config, why, sizeof(why)) == 0) {
        const char *named = config_str(config, CONFIG_control_socket);
        n = named[0] != '\0'
                ? snprintf(out, cap, "%s", named)
                : snprintf(out, cap, "%s/control.sock", config_str(config, CONFIG_runtime_dir));
        config_free(config);
    } else if (options->config != NULL) {
        fprintf(stderr, "cloisterctl: %s\n", why);
        exit(CTL_FAILED);
    } else {
        n = snprintf(out, cap, "/run/cloister/control.sock");
    }
    if (n < 0 || (size_t)n >= cap)
        ctl_usage("the socket's name is too long", "");
}

static int wait_ms(enum ctl_kind kind) {
    return kind == CTL_LONG ? LONG_WAIT_MS : kind == CTL_STREAM ? STREAM_WAIT_MS : ANSWER_WAIT_MS;
}

static int send_question(int fd, const struct ctl_question *question) {
    Cloister__CtlRequest request = CLOISTER__CTL_REQUEST__INIT;
    request.protocol = PROTOCOL_VERSION;
    request.command = (char *)(uintptr_t)question->command->name;
    request.arguments = question->arguments;
    request.n_arguments = question->n;
    Cloister__Message message = MSG_OF(CTL_REQUEST, ctl_request, &request);
    return seq_send(fd, &message, -1);
}

/* False: no more of them are wanted. */
static bool take_line(const struct ctl_question *question, const char *text) {
    json_error_t error;
    json_t *line = json_loads(text, JSON_DECODE_ANY, &error);
    bool more = line == NULL || question->line == NULL || question->line(question->ctx, line);
    json_decref(line);
    return more;
}

/* The next message, or -ECANCELED when none is wanted any more. */
static int next_message(int fd, struct msg_peer *peer, const struct ctl_question *question,
                        Cloister__Message **ret) {
    const uint64_t end = clock_ms() + (uint64_t)wait_ms(question->command->kind);
    for (;;) {
        const uint64_t now = clock_ms(), left = end > now ? end - now : 0;
        const uint64_t step = question->enough != NULL && left > ENOUGH_MS ? ENOUGH_MS : left;
        int r = seq_recv_wait(fd, peer, (int)step, ret, NULL);
        if (r != -ETIMEDOUT)
            return r;
        if (question->enough != NULL && question->enough(question->ctx))
            return -ECANCELED;
        if (clock_ms() >= end)
            return r;
    }
}

/* The whole answer, malloc'd; 0, -ECANCELED when no more lines were wanted, or -errno. */
static int receive(int fd, const struct ctl_question *question, char **ret,
                   enum ctl_exit *ret_exit) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_CTL, PHASE_READY, {0}};
    size_t len = 0;
    for (bool more = true; more;) {
        SCOPE_MSG Cloister__Message *message = NULL;
        int r = next_message(fd, &peer, question, &message);
        if (r < 0)
            return r;
        const Cloister__CtlReply *reply = message->ctl_reply;
        if (reply->line) {
            if (!take_line(question, reply->json))
                return -ECANCELED;
            continue;
        }
        size_t size = strlen(reply->json);
        char *longer = len + size < ANSWER_MAX ? realloc(*ret, len + size + 1) : NULL;
        if (longer == NULL)
            return -ENOMEM;
        memcpy(longer + len, reply->json, size + 1);
        *ret = longer;
        len += size;
        more = reply->more;
        *ret_exit = (enum ctl_exit)reply->exit;
    }
    return 0;
}

static enum ctl_exit unreachable(const char *socket, int error, char *why, size_t why_len) {
    bool forbidden = error == -EACCES || error == -EPERM;
    (void)snprintf(why, why_len, "%s: %s%s", socket, forbidden ? "not permitted" : strerror(-error),
                   forbidden ? "" : " (is cloisterd running?)");
    return forbidden ? CTL_FORBIDDEN : CTL_UNREACHABLE;
}

enum ctl_exit ctl_ask(const struct ctl_question *question, json_t **ret, char *why,
                      size_t why_len) {
    enum ctl_exit status = CTL_FAILED;
    SCOPE_FREE char *text = NULL;
    *ret = NULL;
    SCOPE_FD int fd = seq_connect(question->socket);
    if (fd < 0)
        return unreachable(question->socket, fd, why, why_len);
    int r = send_question(fd, question);
    if (r == -EMSGSIZE) {
        (void)snprintf(why, why_len, "an argument is too long");
        return CTL_USAGE;
    }
    if (r == 0)
        r = receive(fd, question, &text, &status);
    if (r == -ECANCELED)
        return CTL_DONE;
    json_error_t error;
    if (r == 0 && (*ret = json_loads(text, JSON_DECODE_ANY, &error)) != NULL)
        return status;
    (void)snprintf(why, why_len, "no answer from cloisterd: %s", strerror(r < 0 ? -r : EPROTO));
    return CTL_UNREACHABLE;
}

/* ---- memory of agents ---- */

json_t *ctl_kib(const char *path, const char *name) {
    char line[256], *end;
    json_t *value = NULL;
    size_t len = strlen(name);
    FILE *file = fopen(path, "re");
    while (file != NULL && value == NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, len) != 0 || line[len] != ':')
            continue;
        long long kib = strtoll(line + len + 1, &end, 10);
        if (strcmp(end, " kB\n") == 0)
            value = json_integer(kib);
    }
    if (file != NULL)
        (void)fclose(file);
    return value != NULL ? value : json_null();
}

static json_t *pss_kib(json_int_t pid) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%lld/smaps_rollup", (long long)pid);
    return ctl_kib(path, "Pss");
}

void ctl_add_memory(json_t *agents, size_t most) {
    size_t i, n = json_array_size(agents), step = most > 0 && n > most ? (n + most - 1) / most : 1;
    json_t *agent;
    if (geteuid() != 0 || !json_is_array(agents))
        return;
    json_array_foreach(agents, i, agent) {
        json_t *pid = json_object_get(agent, "pid");
        if (i % step == 0 && json_is_integer(pid))
            (void)json_object_set_new(agent, "pss_kib", pss_kib(json_integer_value(pid)));
    }
}
