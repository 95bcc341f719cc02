/* cloister-world: stand-ins for Google and the model providers. See README.md. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/rsa.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/world/accounts.h"
#include "tests/world/faults.h"
#include "tests/world/request_log.h"
#include "tests/world/server.h"

static const char usage_text[] =
    "usage: cloister-world --dir DIR [options]\n"
    "  --google-listen ADDR:PORT  --model-listen ADDR:PORT  --admin-listen ADDR:PORT\n"
    "  --consent-listen ADDR:PORT  Google's pages over plain HTTP too (off), for browsers that do\n"
    "                       not know the certificate\n"
    "  --account NAME       an account that is there from the start (repeatable)\n"
    "  --name NAME          further name in the server certificate (repeatable)\n"
    "  --redirect-uri URL   registered redirect address (repeatable; none: loopback callbacks)\n"
    "  --model-id ID        further model id (repeatable)\n"
    "  --client-id ID       OAuth client id\n"
    "  --timezone ZONE      zone of new accounts (Europe/Berlin)\n"
    "  --access-ttl S       life of access tokens (3600)\n"
    "  --google-delay-ms N  --model-delay-ms N  --model-pace-ms N\n"
    "  --persist            keep accounts, events and tokens in DIR/world.json\n"
    "  --log-bodies         keep request bodies in the request log\n"
    "  --thinking           model answers begin with a thinking block\n"
    "  --token-limit        the 101st refresh token of an account ends its oldest\n";

enum option_key {
    OPT_DIR = 256,
    OPT_GOOGLE,
    OPT_MODEL,
    OPT_ADMIN,
    OPT_CONSENT,
    OPT_ACCOUNT,
    OPT_NAME,
    OPT_REDIRECT,
    OPT_MODEL_ID,
    OPT_CLIENT,
    OPT_ZONE,
    OPT_TTL,
    OPT_GOOGLE_DELAY,
    OPT_MODEL_DELAY,
    OPT_PACE,
    OPT_PERSIST,
    OPT_BODIES,
    OPT_THINKING,
    OPT_LIMIT,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"dir", required_argument, NULL, OPT_DIR},
    {"google-listen", required_argument, NULL, OPT_GOOGLE},
    {"model-listen", required_argument, NULL, OPT_MODEL},
    {"admin-listen", required_argument, NULL, OPT_ADMIN},
    {"consent-listen", required_argument, NULL, OPT_CONSENT},
    {"account", required_argument, NULL, OPT_ACCOUNT},
    {"name", required_argument, NULL, OPT_NAME},
    {"redirect-uri", required_argument, NULL, OPT_REDIRECT},
    {"model-id", required_argument, NULL, OPT_MODEL_ID},
    {"client-id", required_argument, NULL, OPT_CLIENT},
    {"timezone", required_argument, NULL, OPT_ZONE},
    {"access-ttl", required_argument, NULL, OPT_TTL},
    {"google-delay-ms", required_argument, NULL, OPT_GOOGLE_DELAY},
    {"model-delay-ms", required_argument, NULL, OPT_MODEL_DELAY},
    {"model-pace-ms", required_argument, NULL, OPT_PACE},
    {"persist", no_argument, NULL, OPT_PERSIST},
    {"log-bodies", no_argument, NULL, OPT_BODIES},
    {"thinking", no_argument, NULL, OPT_THINKING},
    {"token-limit", no_argument, NULL, OPT_LIMIT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static NORETURN void die(const char *what, int r) {
    fprintf(stderr, "cloister-world: %s: %s\n", what, strerror(-r));
    exit(1);
}

static void add_text(const char **list, size_t cap, size_t *count, const char *value) {
    if (*count == cap)
        die(value, -E2BIG);
    list[(*count)++] = value;
}

static int number(const char *value) {
    uint64_t n;
    int r = parse_u64(value, 0, 1000000000, &n);
    if (r < 0)
        die(value, r);
    return (int)n;
}

static void one_option(struct options *o, enum option_key key, const char *value) {
    switch (key) {
    case OPT_DIR:
        o->dir = value;
        break;
    case OPT_GOOGLE:
        o->google_listen = value;
        break;
    case OPT_MODEL:
        o->model_listen = value;
        break;
    case OPT_ADMIN:
        o->admin_listen = value;
        break;
    case OPT_CONSENT:
        o->consent_listen = value;
        break;
    case OPT_ACCOUNT:
        add_text(o->accounts, COUNT_OF(o->accounts), &o->account_count, value);
        break;
    case OPT_NAME:
        add_text(o->names, COUNT_OF(o->names), &o->name_count, value);
        break;
    case OPT_REDIRECT:
        add_text(o->redirects, COUNT_OF(o->redirects), &o->redirect_count, value);
        break;
    case OPT_MODEL_ID:
        add_text(o->models, COUNT_OF(o->models), &o->model_count, value);
        break;
    case OPT_CLIENT:
        o->client_id = value;
        break;
    case OPT_ZONE:
        o->zone = value;
        break;
    case OPT_TTL:
        o->access_ttl_s = number(value);
        break;
    case OPT_GOOGLE_DELAY:
        o->google_delay_ms = number(value);
        break;
    case OPT_MODEL_DELAY:
        o->model_delay_ms = number(value);
        break;
    case OPT_PACE:
        o->model_pace_ms = number(value);
        break;
    case OPT_PERSIST:
        o->persist = true;
        break;
    case OPT_BODIES:
        o->log_bodies = true;
        break;
    case OPT_THINKING:
        o->thinking = true;
        break;
    case OPT_LIMIT:
        o->token_limit = true;
        break;
    case OPT_HELP:
        fputs(usage_text, stdout);
        exit(0);
    }
}

static struct options read_options(int argc, char **argv) {
    struct options o = {.google_listen = "127.0.0.1:0",
                        .model_listen = "127.0.0.1:0",
                        .admin_listen = "127.0.0.1:0",
                        .zone = "Europe/Berlin",
                        .client_id = "stand-in.apps.googleusercontent.com",
                        .access_ttl_s = 3600};
    for (int key; (key = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (key == '?') {
            fputs(usage_text, stderr);
            exit(2);
        }
        one_option(&o, (enum option_key)key, optarg);
    }
    if (!o.dir || optind < argc || !zone_find(o.zone)) {
        fputs(usage_text, stderr);
        exit(2);
    }
    return o;
}

/* ---- files in DIR ---- */

static char *path_in(const struct world *w, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", w->opt.dir, name) < 0)
        die("path", -ENOMEM);
    return path;
}

static void write_file(const char *path, const char *content, mode_t mode) {
    SCOPE_FREE char *fresh = NULL;
    if (asprintf(&fresh, "%s.new", path) < 0)
        die(path, -ENOMEM);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    int r = fd < 0 ? -errno : write_all(fd, content, strlen(content));
    if (fd >= 0)
        (void)close(fd);
    if (r < 0 || rename(fresh, path) < 0)
        die(path, r < 0 ? r : -errno);
}

/* A secret of DIR, made at the first start. */
static void secret(const struct world *w, const char *name, const char *prefix,
                   char out[static 80]) {
    SCOPE_FREE char *path = path_in(w, name);
    ssize_t n = file_read(path, (uint8_t *)out, 79);
    if (n > 0) {
        out[n] = '\0';
        out[strcspn(out, "\r\n")] = '\0';
        return;
    }
    char hex[49];
    random_hex(hex, 48);
    snprintf(out, 80, "%s%s", prefix, hex);
    write_file(path, out, 0600);
}

static void save(evutil_socket_t fd, short what, void *arg) {
    struct world *w = arg;
    SCOPE_FREE char *path = path_in(w, "world.json");
    json_t *all = json_pack("{s:O,s:O,s:O,s:I}", "accounts", w->accounts, "refresh", w->refresh,
                            "access", w->access, "sequence", (json_int_t)w->sequence);
    SCOPE_FREE char *text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    if (text)
        write_file(path, text, 0600);
}

static void load(struct world *w) {
    SCOPE_FREE char *path = path_in(w, "world.json");
    json_t *all = w->opt.persist ? json_load_file(path, 0, NULL) : NULL;
    json_t **parts[] = {&w->accounts, &w->refresh, &w->access};
    const char *names[] = {"accounts", "refresh", "access"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        json_t *part = json_object_get(all, names[i]);
        *parts[i] = json_is_object(part) ? json_incref(part) : json_object();
    }
    w->codes = json_object();
    w->browsers = json_object();
    w->sequence = json_integer_value(json_object_get(all, "sequence"));
    json_decref(all);
    if (w->opt.persist)
        w->persist_timer = event_new(w->base, -1, 0, save, w);
}

/* Length of the host in "host:port". */
static int host_len(const char *listen) {
    const char *colon = strrchr(listen, ':');
    return colon ? (int)(colon - listen) : (int)strlen(listen);
}

static void write_env(const struct world *w, const int port[static SITE_MAX]) {
    const struct options *o = &w->opt;
    SCOPE_FREE char *path = path_in(w, "world.env");
    SCOPE_FREE char *text = NULL;
    const char *d = w->opt.dir;
    char consent[96];
    snprintf(consent, sizeof(consent), "%s", w->google_url);
    if (o->consent_listen)
        snprintf(consent, sizeof(consent), "http://%.*s:%d", host_len(o->consent_listen),
                 o->consent_listen, port[SITE_CONSENT]);
    if (asprintf(&text,
                 "GOOGLE_URL=%s\nCONSENT_URL=%s\nMODEL_URL=https://%.*s:%d\n"
                 "ADMIN_URL=http://%.*s:%d\nCA_FILE=%s/ca.pem\nCLIENT_ID=%s\n"
                 "CLIENT_SECRET_FILE=%s/client.secret\nMODEL_KEY_FILE=%s/model.key\nPID=%d\n",
                 w->google_url, consent, host_len(o->model_listen), o->model_listen, port[1],
                 host_len(o->admin_listen), o->admin_listen, port[2], d, o->client_id, d, d,
                 (int)getpid()) < 0)
        die(path, -ENOMEM);
    write_file(path, text, 0644);
}

/* ---- the ladder ---- */

static void on_signal(evutil_socket_t fd, short what, void *arg) {
    (void)event_base_loopbreak(arg);
}

static void raise_files_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv) {
    static struct world world;
    struct world *w = &world;
    w->opt = read_options(argc, argv);
    (void)signal(SIGPIPE, SIG_IGN);
    raise_files_limit();
    if (mkdir(w->opt.dir, 0755) < 0 && errno != EEXIST)
        die(w->opt.dir, -errno);
    SCOPE_FREE char *dir = realpath(w->opt.dir, NULL);
    if (!dir)
        die(w->opt.dir, -errno);
    w->opt.dir = dir;

    struct certs certs;
    int r = certs_make(dir, w->opt.names, w->opt.name_count, &certs);
    if (r < 0)
        die("certificates", r);
    secret(w, "client.secret", "GOCSPX-", w->client_secret);
    secret(w, "model.key", "sk-stand-in-", w->model_key);
    w->jwt_key = EVP_RSA_gen(2048);
    w->base = event_base_new();
    w->faults = faults_new();
    w->log = request_log_new();
    if (!w->jwt_key || !w->base || !w->faults || !w->log)
        die("start", -ENOMEM);
    load(w);
    for (size_t i = 0; i < w->opt.account_count; i++)
        if (!account_get(w, w->opt.accounts[i]))
            die(w->opt.accounts[i], -EINVAL);

    const char *listen[SITE_MAX] = {w->opt.google_listen, w->opt.model_listen, w->opt.admin_listen,
                                    w->opt.consent_listen};
    struct server *servers[SITE_MAX] = {NULL};
    int port[SITE_MAX] = {0};
    for (int s = 0; s < SITE_MAX; s++) {
        bool tls = s == SITE_GOOGLE || s == SITE_MODEL;
        r = listen[s] == NULL ? 0
                              : server_new(w, (enum site)s, listen[s], tls ? &certs : NULL,
                                           &servers[s], &port[s]);
        if (r < 0)
            die(listen[s], r);
    }
    snprintf(w->google_url, sizeof(w->google_url), "https://%.*s:%d",
             host_len(w->opt.google_listen), w->opt.google_listen, port[0]);
    write_env(w, port);
    struct event *term = evsignal_new(w->base, SIGTERM, on_signal, w->base);
    struct event *intr = evsignal_new(w->base, SIGINT, on_signal, w->base);
    (void)event_add(term, NULL);
    (void)event_add(intr, NULL);
    puts("ready");
    (void)fflush(stdout);
    (void)event_base_dispatch(w->base);

    if (w->opt.persist) {
        save(-1, 0, w);
        event_free(w->persist_timer);
    }
    for (int s = 0; s < SITE_MAX; s++)
        server_free(servers[s]);
    certs_free(&certs);
    event_free(term);
    event_free(intr);
    event_base_free(w->base);
    EVP_PKEY_free(w->jwt_key);
    faults_free(w->faults);
    request_log_free(w->log);
    json_t *state[] = {w->accounts, w->refresh, w->access, w->codes, w->browsers};
    for (size_t i = 0; i < COUNT_OF(state); i++)
        json_decref(state[i]);
    return 0;
}
