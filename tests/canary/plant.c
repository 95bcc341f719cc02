/* canary-plant CONNINFO: leaks secrets on purpose, one of each kind, for canary-scan to find. Reads
 * lines `WHERE HEX`; the bytes come masked, so that nothing but the plant itself holds them.
 * Answers each with `ok`; lives until its input ends. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "ipc/base.h"

#define MASK 0x5a
#define ROOM 4096

struct plant {
    const uint8_t *masked;
    size_t len;
    const char *conninfo;
    char *frame; /* a buffer of main's: a plant on the stack must outlive its planting */
};

static char static_buffer[ROOM];

static void die(const char *why) {
    (void)fprintf(stderr, "canary-plant: %s\n", why);
    exit(1);
}

static void unmask(const struct plant *plant, void *to) {
    uint8_t *out = to;
    for (size_t i = 0; i < plant->len; i++)
        out[i] = plant->masked[i] ^ MASK;
    __asm__ volatile("" : : "r"(out) : "memory"); /* it is used, for all the compiler knows */
}

/* Blocks are left where they are for good; that is what this program is for. */
static uint8_t *keep(size_t size) {
    uint8_t *block = calloc(1, size);
    if (block == NULL)
        die("no memory");
    return block;
}

static void in_heap(const struct plant *plant) {
    unmask(plant, keep(ROOM));
}

/* A freed block: what no allocator's own links lie over is still there. */
static void in_freed(const struct plant *plant) {
    uint8_t *block = keep(ROOM + 64);
    (void)keep(16); /* so that the block does not fall back to the heap's end */
    unmask(plant, block + 64);
    free(block);
}

static void in_static(const struct plant *plant) {
    unmask(plant, static_buffer);
}

static void *map(int protection, int flags, int fd, const struct plant *plant) {
    void *page = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (page == MAP_FAILED)
        die("no memory to map");
    unmask(plant, page);
    if (mprotect(page, ROOM, protection) < 0)
        die("cannot protect");
    return page;
}

static void in_map(const struct plant *plant) {
    (void)map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, plant);
}

static void in_read_only_map(const struct plant *plant) {
    (void)map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, plant);
}

/* Memory that its own process cannot read. */
static void in_closed_map(const struct plant *plant) {
    (void)map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, plant);
}

static void in_shared_map(const struct plant *plant) {
    int fd = memfd_create("planted", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, ROOM) < 0)
        die("no memfd");
    (void)map(PROT_READ | PROT_WRITE, MAP_SHARED, fd, plant);
}

/* The border of two pages runs through it. */
static void across_pages(const struct plant *plant) {
    uint8_t *pages =
        mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        die("no memory to map");
    unmask(plant, pages + ROOM - plant->len / 2);
}

static void in_open_file(const struct plant *plant) {
    uint8_t copy[ROOM];
    FILE *file = tmpfile(); /* without a name */
    unmask(plant, copy);
    if (file == NULL || write(fileno(file), copy, plant->len) != (ssize_t)plant->len)
        die("no file");
    explicit_bzero(copy, sizeof(copy));
}

static void put_into(int fd, const struct plant *plant) {
    uint8_t copy[ROOM];
    unmask(plant, copy);
    if (write(fd, copy, plant->len) != (ssize_t)plant->len)
        die("cannot write");
    explicit_bzero(copy, sizeof(copy));
}

static void in_socket(const struct plant *plant) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        die("no sockets");
    put_into(ends[0], plant);
}

static void in_pipe(const struct plant *plant) {
    int ends[2];
    if (pipe(ends) < 0)
        die("no pipe");
    put_into(ends[1], plant);
}

static void in_thread_name(const struct plant *plant) {
    char name[ROOM] = "";
    unmask(plant, name);
    name[15] = '\0';
    (void)prctl(PR_SET_NAME, name);
    explicit_bzero(name, sizeof(name));
}

/* libpq keeps what it sent last; the server's process keeps what it got. The connection stays open.
 */
static void in_libpq(const struct plant *plant) {
    char copy[ROOM] = "";
    PGconn *pq = PQconnectdb(plant->conninfo);
    if (PQstatus(pq) != CONNECTION_OK)
        die(PQerrorMessage(pq));
    unmask(plant, copy);
    const char *values[] = {copy};
    PGresult *result = PQexecParams(pq, "SELECT length($1::text)", 1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        die(PQerrorMessage(pq));
    PQclear(result);
    explicit_bzero(copy, sizeof(copy));
}

static void in_stack(const struct plant *plant) {
    unmask(plant, plant->frame);
}

static const struct {
    const char *name;
    void (*plant)(const struct plant *plant);
} places[] = {
    {"heap", in_heap},
    {"freed", in_freed},
    {"static", in_static},
    {"stack", in_stack},
    {"map", in_map},
    {"read-only-map", in_read_only_map},
    {"closed-map", in_closed_map},
    {"shared-map", in_shared_map},
    {"across-pages", across_pages},
    {"open-file", in_open_file},
    {"socket", in_socket},
    {"pipe", in_pipe},
    {"thread-name", in_thread_name},
    {"libpq", in_libpq},
};

static void plant_line(char *line, const char *conninfo, char frame[static ROOM]) {
    static uint8_t masked[ROOM];
    char *hex = strchr(line, ' ');
    if (hex == NULL)
        die("a line that is none");
    *hex++ = '\0';
    size_t len = strlen(hex) / 2;
    if (len == 0 || len > ROOM / 2 || hex_decode(hex, masked, len) < 0)
        die("bytes that are none");
    const struct plant plant = {masked, len, conninfo, frame};
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (strcmp(places[i].name, line) == 0) {
            places[i].plant(&plant);
            return;
        }
    die("a place that is none");
}

int main(int argc, char **argv) {
    char frame[ROOM] = "", *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0) {
        line[n - 1] = '\0';
        plant_line(line, argc > 1 ? argv[1] : "", frame);
        printf("ok\n");
        (void)fflush(stdout);
    }
    free(line);
    return 0;
}
