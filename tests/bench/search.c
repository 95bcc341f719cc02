/* How long a search takes at cloister-business, over its socket, with every call answered by
 * PostgreSQL and logged: bench-search SIZE ROUNDS directory.sql. Prints {"kind":[us, …], …}. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/business/rig.h"

/* What is asked; %a, %b and %t become words and a town that change with the round. */
static const struct {
    const char *kind, *arguments;
} asked[] = {
    {"words", "{'query': '%a %b'}"},
    {"one_common_word", "{'query': '%c'}"},
    {"category_and_place", "{'category': 'category%k', 'place': 'town%t'}"},
    {"near", "{'category': 'category%k', 'latitude': 4%d.5, 'longitude': 1%d.1, 'radius_km': 60}"},
    {"attribute", "{'attributes': {'wheelchair_access': true}, 'place': 'town%t'}"},
    {"language_and_mode", "{'language': 'en', 'mode': 'at_customer', 'query': '%a'}"},
    {"open_at", "{'open_at': '2026-11-24T10:00:00Z', 'category': 'category%k'}"},
    {"typing_error", "{'query': '%m', 'place': 'town%t'}"},
    {"nothing", "{'country': 'D%E'}"},
};

static void letters(unsigned n, char *out) {
    snprintf(out, 16, "%u", n);
    for (char *at = out; *at != '\0'; at++)
        *at = "aeioulnrst"[*at - '0'];
}

/* A word of the directory: the commonest have low numbers. */
static void word_of(unsigned n, char *out, size_t cap) {
    char sql[160];
    snprintf(sql, sizeof(sql),
             "SELECT substr(translate(md5('w' || %u), '0123456789', 'aeioulnrst'), 1, 4 + %u %% 7)",
             n, n);
    snprintf(out, cap, "%s", rig_sql(sql));
}

#define WORDS 40
static char common[WORDS][16], rare[WORDS][16], long_ones[WORDS][16];

static void fill(const char *pattern, unsigned round, char *out) {
    char number[16];
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '%') {
            *out++ = *pattern;
            continue;
        }
        switch (*++pattern) {
        case 'a':
            out = stpcpy(out, rare[round % WORDS]);
            break;
        case 'm': /* its third letter left out */
            out = stpcpy(stpncpy(out, long_ones[round % WORDS], 2), long_ones[round % WORDS] + 3);
            break;
        case 'b':
            out = stpcpy(out, common[round * 7 % WORDS]);
            break;
        case 'c':
            out = stpcpy(out, common[round % WORDS]);
            break;
        case 'd':
            out += sprintf(out, "%u", round % 10);
            break;
        case 'E':
            out = stpcpy(out, "E");
            break;
        case 'k':
            letters(round % 60, number);
            out = stpcpy(out, number);
            break;
        default:
            letters(1 + round * 3 % 200, number);
            out = stpcpy(out, number);
            break;
        }
    }
    *out = '\0';
}

static void make_directory(const char *size, const char *path) {
    char command[512];
    snprintf(command, sizeof(command),
             "sed 's/[$]SIZE/%s/g' '%s' | psql -q -v ON_ERROR_STOP=1 -o /dev/null -h '%s' -U admin "
             "cloister >&2",
             size, path, postgres_dir());
    int status = system(command);
    if (status != 0) {
        fprintf(stderr, "the directory could not be made\n");
        exit(1);
    }
}

static char **given;

/* A test of Check's, since what it stands on asserts. */
START_TEST(measure) {
    char arguments[512];
    unsigned rounds = (unsigned)atoi(given[2]);
    rig_settings("cache_bytes=0\ncalls_per_minute=0\nclient_calls_per_minute=0\n");
    rig_begin();
    make_directory(given[1], given[3]);
    for (unsigned i = 0; i < WORDS; i++) {
        word_of(2 + i, common[i], sizeof(common[i]));
        word_of(500 + 80 * i, rare[i], sizeof(rare[i]));
        word_of(104 + 70 * i, long_ones[i], sizeof(long_ones[i]));
    }
    printf("{");
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        size_t hits = 0;
        printf("%s\"%s\":[", i > 0 ? "," : "", asked[i].kind);
        for (unsigned round = 0; round < rounds + 10; round++) {
            fill(asked[i].arguments, round, arguments);
            uint64_t began = clock_us();
            json_t *result = rig_call("search_businesses", arguments);
            uint64_t took = clock_us() - began;
            ck_done();
            hits += json_array_size(json_object_get(result, "businesses"));
            if (round >= 10) /* the first ones warm caches and plans */
                printf("%s%llu", round > 10 ? "," : "", (unsigned long long)took);
        }
        printf("]");
        fprintf(stderr, "%s: %zu hits\n", asked[i].kind, hits);
    }
    printf("}\n");
    rig_end();
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    given = argv;
    Suite *suite = suite_create("search");
    TCase *cases = tcase_create("search");
    tcase_add_test(cases, measure);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
