#include "supervisor/handover.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/handover_parts.h"

#define VERSION    1u
#define RECORD_MAX (1u << 20) /* far more than notes or a proposal may have */
#define BUFFER     (1u << 18)
#define SEALS      (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const char magic[8] = "CLOISTRH";

int handover_new(void) {
    int fd = memfd_create("cloister-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

/* ---- writing ---- */

struct writer {
    int fd;
    size_t used;
    struct handover_count count;
    uint8_t buffer[BUFFER];
};

static int flush(struct writer *writer) {
    int r = write_all(writer->fd, writer->buffer, writer->used);
    explicit_bzero(writer->buffer, writer->used);
    writer->used = 0;
    return r;
}

static int put_record(void *ctx, Handover__Record *record) {
    struct writer *writer = ctx;
    size_t len = handover__record__get_packed_size(record);
    uint32_t header = htole32((uint32_t)len);
    if (len > RECORD_MAX)
        return 0; /* none of ours is so long; the others shall cross */
    if (sizeof(header) + len > sizeof(writer->buffer) - writer->used) {
        int r = flush(writer);
        if (r < 0)
            return r;
    }
    if (sizeof(header) + len > sizeof(writer->buffer))
        return 0;
    memcpy(writer->buffer + writer->used, &header, sizeof(header));
    (void)handover__record__pack(record, writer->buffer + writer->used + sizeof(header));
    writer->used += sizeof(header) + len;
    writer->count.notes += record->body_case == HANDOVER__RECORD__BODY_NOTES;
    writer->count.proposals += record->body_case == HANDOVER__RECORD__BODY_PROPOSAL;
    return 0;
}

static int put_begin(struct writer *writer, struct sessions *sessions,
                     struct proposals *proposals) {
    Handover__Begin begin = HANDOVER__BEGIN__INIT;
    Handover__Record record = HANDOVER__RECORD__INIT;
    begin.version = VERSION;
    begin.sessions_key =
        (ProtobufCBinaryData){SESSIONS_KEY_LEN, (uint8_t *)(uintptr_t)sessions_key(sessions)};
    begin.proposals_key = handover_proposals_key(proposals);
    record.body_case = HANDOVER__RECORD__BODY_BEGIN;
    record.begin = &begin;
    return put_record(writer, &record);
}

static int put_notes(void *ctx, const struct session_kept *kept) {
    Handover__Notes notes = HANDOVER__NOTES__INIT;
    Handover__Record record = HANDOVER__RECORD__INIT;
    notes.user = (char *)(uintptr_t)kept->user;
    notes.name = (char *)(uintptr_t)kept->name;
    notes.connection = (char *)(uintptr_t)kept->connection;
    notes.version = kept->version;
    notes.used_ms = kept->used_ms;
    notes.access = kept->access;
    notes.sealed = (ProtobufCBinaryData){kept->len, (uint8_t *)(uintptr_t)kept->data};
    record.body_case = HANDOVER__RECORD__BODY_NOTES;
    record.notes = &notes;
    return put_record(ctx, &record);
}

static int put_end(struct writer *writer) {
    Handover__End end = HANDOVER__END__INIT;
    Handover__Record record = HANDOVER__RECORD__INIT;
    end.notes = writer->count.notes;
    end.proposals = writer->count.proposals;
    record.body_case = HANDOVER__RECORD__BODY_END;
    record.end = &end;
    return put_record(writer, &record);
}

static int write_parts(struct writer *writer, struct sessions *sessions,
                       struct proposals *proposals) {
    memcpy(writer->buffer, magic, sizeof(magic));
    writer->used = sizeof(magic);
    int r = put_begin(writer, sessions, proposals);
    if (r == 0)
        r = sessions_hand_over(sessions, put_notes, writer);
    if (r == 0)
        r = handover_put_proposals(proposals, put_record, writer);
    if (r == 0)
        r = put_end(writer);
    if (r == 0)
        r = flush(writer);
    return r;
}

int handover_write(int fd, struct sessions *sessions, struct proposals *proposals,
                   struct handover_count *ret) {
    struct writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return -ENOMEM;
    writer->fd = fd;
    int r = write_parts(writer, sessions, proposals);
    if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        r = -errno;
    writer->count.whole = r == 0;
    *ret = writer->count;
    explicit_bzero(writer->buffer, sizeof(writer->buffer));
    free(writer);
    return r;
}

/* ---- reading ---- */

struct reader {
    struct sessions *sessions;
    struct proposals *proposals;
    struct handover_count count;
    bool begun;
};

static bool take_begin(struct reader *reader, const Handover__Begin *begin) {
    if (begin->version != VERSION || begin->sessions_key.len != SESSIONS_KEY_LEN ||
        !handover_take_proposals_key(reader->proposals, begin->proposals_key))
        return false;
    sessions_take_key(reader->sessions, begin->sessions_key.data);
    reader->begun = true;
    return true;
}

static void note(struct reader *reader, uint64_t *taken, int r) {
    if (r == 0)
        (*taken)++;
    else
        reader->count.refused++;
}

static void take_notes(struct reader *reader, const Handover__Notes *from) {
    const struct session_kept kept = {.user = from->user,
                                      .name = from->name,
                                      .connection = from->connection,
                                      .version = from->version,
                                      .used_ms = from->used_ms,
                                      .access = from->access,
                                      .data = from->sealed.data,
                                      .len = from->sealed.len};
    note(reader, &reader->count.notes, sessions_take(reader->sessions, &kept));
}

/* False: nothing behind this is to be read. */
static bool take_record(struct reader *reader, const Handover__Record *record) {
    bool begin = record->body_case == HANDOVER__RECORD__BODY_BEGIN;
    if (begin == reader->begun)
        return false;
    switch ((int)record->body_case) {
    case HANDOVER__RECORD__BODY_BEGIN:
        return take_begin(reader, record->begin);
    case HANDOVER__RECORD__BODY_NOTES:
        take_notes(reader, record->notes);
        return true;
    case HANDOVER__RECORD__BODY_PROPOSAL:
        note(reader, &reader->count.proposals,
             handover_take_proposal(reader->proposals, record->proposal));
        return true;
    case HANDOVER__RECORD__BODY_END:
        reader->count.whole = true;
        return false;
    default: /* not an enum switch: a kind that a newer version wrote */
        reader->count.refused++;
        return true;
    }
}

static void read_records(struct reader *reader, const uint8_t *at, size_t left) {
    for (bool more = true; more && left >= sizeof(uint32_t);) {
        uint32_t len;
        memcpy(&len, at, sizeof(len));
        len = le32toh(len);
        if (len > RECORD_MAX || len > left - sizeof(len))
            return;
        Handover__Record *record = handover__record__unpack(NULL, len, at + sizeof(len));
        if (record == NULL)
            return;
        more = take_record(reader, record);
        handover__record__free_unpacked(record, NULL);
        at += sizeof(len) + len;
        left -= sizeof(len) + len;
    }
}

/* Sealed, it can be mapped: nobody can cut it short under the reader. */
static int map_sealed(int fd, const uint8_t **ret, size_t *ret_len) {
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return -EPERM;
    if (fstat(fd, &st) < 0)
        return -errno;
    if ((size_t)st.st_size < sizeof(magic))
        return -EBADMSG;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return -errno;
    *ret = data;
    *ret_len = (size_t)st.st_size;
    return 0;
}

int handover_read(int fd, struct sessions *sessions, struct proposals *proposals,
                  struct handover_count *ret) {
    struct reader reader = {.sessions = sessions, .proposals = proposals};
    const uint8_t *data = NULL;
    size_t len = 0;
    int r = map_sealed(fd, &data, &len);
    if (r < 0)
        return r;
    if (memcmp(data, magic, sizeof(magic)) == 0)
        read_records(&reader, data + sizeof(magic), len - sizeof(magic));
    (void)munmap((void *)(uintptr_t)data, len);
    *ret = reader.count;
    return reader.begun ? 0 : -EBADMSG;
}
