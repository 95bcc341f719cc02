#include "gateway/front_notes.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"

#define NOTES_MAX 64
#define BYTES_MAX 12000 /* of one message, whose cap is 16384 */
#define EACH      64    /* bytes of a note on the wire besides its words, at most */
#define WAIT_MS   20

struct front_notes {
    struct upstream *link;
    struct event *timer;
    Cloister__BusinessNote waiting[NOTES_MAX], *all[NOTES_MAX];
    Cloister__Client clients[NOTES_MAX];
    size_t count, used;
    char words[BYTES_MAX]; /* theirs */
};

/* The first with the others in it. */
static void send_all(struct upstream *link, Cloister__BusinessNote **all, size_t n) {
    all[0]->more = &all[1];
    all[0]->n_more = n - 1;
    Cloister__Message message = MSG_OF(BUSINESS_NOTE, business_note, all[0]);
    upstream_tell(link, &message);
    all[0]->more = NULL;
    all[0]->n_more = 0;
}

void front_notes_flush(struct front_notes *notes) {
    if (notes == NULL)
        return;
    (void)event_del(notes->timer);
    if (upstream_connected(notes->link) && notes->count > 0)
        send_all(notes->link, notes->all, notes->count);
    explicit_bzero(notes->words, notes->used);
    notes->count = notes->used = 0;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    front_notes_flush(ctx);
}

int front_notes_new(struct event_base *base, struct upstream *link, struct front_notes **ret) {
    struct front_notes *notes = calloc(1, sizeof(*notes));
    if (notes == NULL)
        return -ENOMEM;
    notes->link = link;
    notes->timer = evtimer_new(base, on_timer, notes);
    if (notes->timer == NULL) {
        free(notes);
        return -ENOMEM;
    }
    *ret = notes;
    return 0;
}

void front_notes_free(struct front_notes *notes) {
    if (notes == NULL)
        return;
    front_notes_flush(notes);
    event_free(notes->timer);
    free(notes);
}

static char *keep(struct front_notes *notes, const char *word) {
    size_t size = strlen(word) + 1;
    char *kept = memcpy(notes->words + notes->used, word, size);
    notes->used += size;
    return kept;
}

static size_t size_of(const Cloister__BusinessNote *note) {
    const Cloister__Client *client = note->client;
    return EACH + strlen(note->operation) + strlen(note->arguments) + strlen(note->code) +
           strlen(client->address) + strlen(client->channel) + strlen(client->name) +
           strlen(client->version);
}

void front_notes_add(struct front_notes *notes, const Cloister__BusinessNote *note) {
    size_t size = size_of(note), at = notes->count;
    if (at == NOTES_MAX || notes->used + size > sizeof(notes->words)) {
        front_notes_flush(notes);
        at = 0;
    }
    if (size > sizeof(notes->words)) {
        /* Nothing of what is that long is kept; what else there is of it is short. */
        Cloister__BusinessNote bare = *note;
        bare.arguments = "{}";
        if (note->arguments[0] != '\0' && strcmp(note->arguments, bare.arguments) != 0)
            front_notes_add(notes, &bare);
        return;
    }
    if (at == 0) {
        const struct timeval wait = {0, WAIT_MS * 1000};
        (void)event_add(notes->timer, &wait);
    }
    Cloister__Client *client = &notes->clients[at];
    cloister__client__init(client);
    client->address = keep(notes, note->client->address);
    client->channel = keep(notes, note->client->channel);
    client->name = keep(notes, note->client->name);
    client->version = keep(notes, note->client->version);
    notes->waiting[at] = *note;
    notes->waiting[at].operation = keep(notes, note->operation);
    notes->waiting[at].arguments = keep(notes, note->arguments);
    notes->waiting[at].code = keep(notes, note->code);
    notes->waiting[at].client = client;
    notes->all[at] = &notes->waiting[at];
    notes->used += EACH - 7; /* what it takes on the wire is counted, too */
    notes->count++;
}
