#include "supervisor/ctl_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "build_config.h"
#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_local.h"
#include "supervisor/ctl_table.h"
#include "supervisor/egress/allow.h"

void finding_add(struct findings *findings, bool fatal, const char *where, const char *what,
                 const char *todo) {
    findings->errors += fatal;
    (void)json_array_append_new(findings->list, json_pack("{s:s, s:s, s:s, s:s}", "level",
                                                          fatal ? "error" : "warning", "where",
                                                          where, "what", what, "do", todo));
}

/* ---- values that only make sense together ---- */

static void check_values(struct findings *findings, const struct config *config) {
    if (strcmp(config_str(config, CONFIG_keys_provider), "aws-kms") == 0)
        finding_add(findings, true, "keys.provider", "aws-kms is not available in this version",
                    "write file or systemd");
    if (config_str(config, CONFIG_google_client_id)[0] == '\0')
        finding_add(findings, true, "google.client_id", "nobody can connect a calendar without one",
                    "make an OAuth client of type Web application in the Google Cloud console");
    bool credentials = strcmp(config_str(config, CONFIG_keys_provider), "systemd") == 0;
    if (config_str(config, CONFIG_google_client_secret_file)[0] == '\0' && !credentials)
        finding_add(findings, true, "google.client_secret_file",
                    "nobody can connect a calendar without one",
                    "put the client's secret into a file that only " CLOISTER_USER_KEYS
                    " can read, and name it");
    if (config_str(config, CONFIG_model_model)[0] == '\0')
        finding_add(findings, true, "model.model", "no model is named",
                    "write the provider's model id");
}

/* Whom cloister-egress may connect, as it reads that itself. */
static void check_destinations(struct findings *findings, const struct config *config) {
    struct allow *allow = NULL;
    char why[512] = "";
    if (allow_new(config, &allow, why, sizeof(why)) < 0)
        finding_add(findings, true, "egress", why,
                    "write addresses as https://host[:port]/path, and [egress] allow as words "
                    "host:port");
    allow_free(allow);
}

/* ---- addresses ---- */

static bool is_loopback_url(const char *url) {
    return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://[::1]", 12) == 0 ||
           strncmp(url, "http://localhost", 16) == 0;
}

static bool is_any(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr == INADDR_ANY;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(
               &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* Whether this machine has the address: binding says so, port 0 so that nobody is in the way. */
static bool is_ours(struct sockaddr *address, socklen_t len) {
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = 0;
    else if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = 0;
    SCOPE_FD int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || bind(fd, address, len) == 0;
}

static void check_listen(struct findings *findings, const char *where, const char *text) {
    char host[256];
    const char *colon = strrchr(text, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - text);
    if (n == 0 || n >= sizeof(host))
        return; /* config_load has said so */
    bool bracketed = text[0] == '[' && n > 2 && text[n - 1] == ']';
    (void)snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? n - 2 : n), text + bracketed);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        finding_add(findings, true, where, "no address of this machine, and port",
                    "write for example 127.0.0.1:8420");
        return;
    }
    if (is_any(found->ai_addr))
        finding_add(findings, false, where, "it listens on every address, without TLS",
                    "listen on loopback, with a reverse proxy in front that ends TLS");
    else if (!is_ours(found->ai_addr, found->ai_addrlen))
        finding_add(findings, true, where, "this machine has no such address",
                    "write one that it has");
    freeaddrinfo(found);
}

static void check_addresses(struct findings *findings, const struct config *config) {
    const char *owner = config_str(config, CONFIG_gateway_owner_listen),
               *public = config_str(config, CONFIG_gateway_public_listen),
               *url = config_str(config, CONFIG_gateway_public_url);
    check_listen(findings, "gateway.owner_listen", owner);
    check_listen(findings, "gateway.public_listen", public);
    if (strcmp(owner, public) == 0)
        finding_add(findings, true, "gateway.public_listen", "the same as gateway.owner_listen",
                    "give each a port of its own");
    if (strncmp(url, "https://", 8) != 0 && !is_loopback_url(url))
        finding_add(findings, true, "gateway.public_url", "browsers may sign in over https only",
                    "write the https address of the reverse proxy");
}

/* ---- users and groups ---- */

static void check_people(struct findings *findings, const struct config *config) {
    static const char *const users[] = {CLOISTER_USER_SUPERVISOR, CLOISTER_USER_KEYS,
                                        CLOISTER_USER_AGENT,      CLOISTER_USER_EGRESS,
                                        CLOISTER_USER_GATEWAY,    CLOISTER_USER_PUBLIC,
                                        CLOISTER_USER_BUSINESS,   CLOISTER_USER_NOTIFY};
    for (size_t i = 0; i < COUNT_OF(users); i++)
        if (getpwnam(users[i]) == NULL)
            finding_add(findings, true, users[i], "there is no such system user",
                        "install the package, or: useradd --system --user-group NAME");
    const char *group = config_str(config, CONFIG_control_group),
               *observers = config_str(config, CONFIG_control_observer_group);
    if (getgrnam(group) == NULL)
        finding_add(findings, true, "control.group", "there is no such group",
                    "groupadd --system NAME");
    if (observers[0] != '\0' && getgrnam(observers) == NULL)
        finding_add(findings, true, "control.observer_group", "there is no such group",
                    "groupadd --system NAME, or leave it empty");
    if (observers[0] != '\0' && strcmp(group, observers) == 0)
        finding_add(findings, false, "control.observer_group",
                    "the same as control.group: all of it may operate", "name another group");
}

/* ---- */

static int print_findings(const struct findings *findings, bool as_json) {
    size_t i;
    const json_t *f;
    if (as_json) {
        (void)json_dumpf(findings->list, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    json_array_foreach(findings->list, i, f) {
        if (!as_json)
            printf("%s: %s: %s\n    -> %s\n", json_string_value(json_object_get(f, "level")),
                   json_string_value(json_object_get(f, "where")),
                   json_string_value(json_object_get(f, "what")),
                   json_string_value(json_object_get(f, "do")));
    }
    if (!as_json && json_array_size(findings->list) == 0)
        printf("nothing is wrong\n");
    if (!as_json && geteuid() != 0)
        printf("(looked at as you are: root sees more)\n");
    return ctl_output_end(findings->errors > 0 ? CTL_FAILED : CTL_DONE);
}

int ctl_config(int argc, char **argv, struct ctl_options options) {
    char why[512];
    struct config *config = NULL;
    int at = ctl_local_options(argc, argv, &options, NULL, NULL);
    if (argc - at != 1 || strcmp(argv[at], "check") != 0)
        ctl_usage("config takes the word check", "");
    struct findings findings = {.list = json_array()};
    const char *path = options.config != NULL ? options.config : CTL_DEFAULT_CONFIG;
    int r = config_load(options.config, &config, why, sizeof(why));
    if (r == -EACCES) {
        fprintf(stderr, "cloisterctl: %s\n", why);
        json_decref(findings.list);
        return CTL_FORBIDDEN;
    }
    if (r < 0) {
        finding_add(&findings, true, path, why,
                    "correct the file; cloister.conf(5) lists every setting");
    } else {
        check_values(&findings, config);
        check_destinations(&findings, config);
        check_addresses(&findings, config);
        check_people(&findings, config);
        config_check_files(&findings, config, path);
        config_free(config);
    }
    int status = print_findings(&findings, options.json);
    json_decref(findings.list);
    return status;
}
