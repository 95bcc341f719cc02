/* bench-cloisterd: cloisterd with users parked from its start on, as many as the file bench-parked
 * says that lies beside the folder of its configuration. The linker puts the function below in
 * place of sessions_new; all else is the product's own.
 *
 * Each of them has the notes of one conversation, 2 KiB or more of it text, made and sealed by the
 * code that turns use, under a key of its own, and a sealed access token. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "memory/notes.h"
#include "supervisor/sessions.h"

#define TEXT_BYTES   2100
#define ACCESS_BYTES 220
#define NOTES_CAP    16384

int __real_sessions_new(struct event_base *base, const struct sessions_limits *limits,
                        struct sessions **ret);
int __wrap_sessions_new(struct event_base *base, const struct sessions_limits *limits,
                        struct sessions **ret);

/* From the word behind --config. */
static unsigned long wanted(void) {
    char line[4096], path[PATH_MAX + 32];
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t n = file == NULL ? 0 : fread(line, 1, sizeof(line) - 1, file);
    line[n] = '\0';
    if (file != NULL)
        (void)fclose(file);
    const char *config = NULL;
    for (size_t at = 0; at < n; at += strlen(line + at) + 1)
        if (strcmp(line + at, "--config") == 0)
            config = line + at + strlen("--config") + 1;
    if (config == NULL)
        fatal("bench-cloisterd needs --config FILE");
    char *copy = strdup(config);
    (void)snprintf(path, sizeof(path), "%s/../bench-parked", copy == NULL ? "." : dirname(copy));
    free(copy);
    unsigned long count = 0;
    file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%lu", &count) != 1)
        fatal("cannot read %s", path);
    (void)fclose(file);
    return count;
}

/* No two alike, as no two users' are. */
static void words(char *out, size_t len) {
    randombytes_buf(out, len);
    for (size_t i = 0; i + 1 < len; i++)
        out[i] = i % 7 == 6 ? ' ' : (char)('a' + (uint8_t)out[i] % 26);
    out[len - 1] = '\0';
}

static int park_one(struct sessions *sessions) {
    char user[ID_LEN + 1], connection[ID_LEN + 1], subject[128], text[TEXT_BYTES];
    uint8_t key[SEAL_KEY_LEN], access[ACCESS_BYTES];
    id_random(user);
    id_random(connection);
    randombytes_buf(key, sizeof(key));
    randombytes_buf(access, sizeof(access));
    words(text, sizeof(text));
    (void)snprintf(subject, sizeof(subject), "%s:owner:default", user);
    struct seal_label label = {.purpose = "notes", .subject = subject, .epoch = 1, .version = 1};
    struct notes_turn turn = {
        .at_ms = wall_ms(), .said = text, .answer = "You are free then.", .record = ""};
    struct notes *notes = notes_new();
    if (notes == NULL)
        return -ENOMEM;
    notes_add(notes, &turn);
    uint8_t *blob = NULL, *token = NULL;
    size_t len = 0, token_len = 0;
    int r = notes_seal(key, &label, notes, NOTES_CAP, &blob, &len);
    notes_free(notes);
    label.purpose = "google-access";
    if (r == 0)
        r = seal_box(key, &label, access, sizeof(access), &token, &token_len);
    if (r == 0)
        r = sessions_put_notes(sessions, user, "owner", "default", connection, blob, len);
    if (r == 0)
        r = sessions_put_access(sessions, user, connection, 1, token, token_len);
    free(blob);
    free(token);
    return r;
}

int __wrap_sessions_new(struct event_base *base, const struct sessions_limits *limits,
                        struct sessions **ret) {
    int r = __real_sessions_new(base, limits, ret);
    unsigned long count = wanted();
    for (unsigned long i = 0; r == 0 && i < count; i++)
        r = park_one(*ret);
    if (r == 0)
        log_info("%zu users parked, %zu bytes", sessions_users(*ret), sessions_bytes(*ret));
    return r;
}
