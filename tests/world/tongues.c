#include "tests/world/tongues.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* "^word": goes to the front, where English has its verb. */
struct pair {
    const char *word, *english;
};

struct tongue {
    const char *marks[8]; /* any of them gives the language away */
    bool joined;          /* written without blanks */
    const struct pair *pairs;
};

static const struct pair german[] = {{"bin ich", "am I"},
                                     {"habe ich", "do I have"},
                                     {"übermorgen", "in 2 days"},
                                     {"morgen", "tomorrow"},
                                     {"heute", "today"},
                                     {"was", "what"},
                                     {"um", "at"},
                                     {"auf", "to"},
                                     {"am", "on"},
                                     {"von", "from"},
                                     {"bis", "to"},
                                     {"frei", "free"},
                                     {"uhr", "o'clock"},
                                     {"trage", "^put"},
                                     {"trag", "^put"},
                                     {"ein", ""},
                                     {"verschiebe", "move"},
                                     {"lösche", "cancel"},
                                     {"es", "it"},
                                     {"nein", "no"},
                                     {"und", "and"},
                                     {"eins", "one"},
                                     {"zwei", "two"},
                                     {"drei", "three"},
                                     {"vier", "four"},
                                     {"fünf", "five"},
                                     {"montag", "Monday"},
                                     {"dienstag", "Tuesday"},
                                     {"mittwoch", "Wednesday"},
                                     {"donnerstag", "Thursday"},
                                     {"freitag", "Friday"},
                                     {"samstag", "Saturday"},
                                     {"sonntag", "Sunday"},
                                     {NULL, NULL}};

static const struct pair french[] = {{"suis-je libre", "am I free"},
                                     {"aujourd'hui", "today"},
                                     {"demain", "tomorrow"},
                                     {"à", "at"},
                                     {"mets", "^put"},
                                     {"déplace-le", "move it"},
                                     {"annule-le", "cancel it"},
                                     {"annule", "cancel"},
                                     {"non", "no"},
                                     {"et", "and"},
                                     {NULL, NULL}};

static const struct pair spanish[] = {{"estoy libre", "am I free"},
                                      {"mañana", "tomorrow"},
                                      {"hoy", "today"},
                                      {"a las", "at"},
                                      {"a la", "at"},
                                      {"pon", "^put"},
                                      {"muévelo", "move it"},
                                      {"cancela", "cancel"},
                                      {"cancélalo", "cancel it"},
                                      {"y", "and"},
                                      {NULL, NULL}};

static const struct pair japanese[] = {{"明日", " tomorrow "},
                                       {"今日", " today "},
                                       {"を入れて", "^put"},
                                       {"時", ":00 "},
                                       {"の", " "},
                                       {"に", " "},
                                       {NULL, NULL}};

static const struct tongue tongues[] = {
    {{"bin ich", "trage", "trag", "verschiebe", "lösche", "nein", "habe ich"}, false, german},
    {{"demain", "mets", "annule-le", "déplace-le", "suis-je libre"}, false, french},
    {{"mañana", "pon", "cancela", "estoy libre", "muévelo"}, false, spanish},
    {{"明日", "今日", "を入れて"}, true, japanese},
};

static const struct {
    const char *open, *close;
} quotes[] = {{"\"", "\""}, {"“", "”"}, {"„", "“"}, {"«", "»"}, {"「", "」"}};

/* Length of what is quoted at `p`, marks included; 0 when nothing is. */
static size_t quoted(const char *p) {
    for (size_t i = 0; i < COUNT_OF(quotes); i++) {
        size_t open = strlen(quotes[i].open);
        const char *end =
            strncmp(p, quotes[i].open, open) == 0 ? strstr(p + open, quotes[i].close) : NULL;
        if (end)
            return (size_t)(end - p) + strlen(quotes[i].close);
    }
    return 0;
}

static bool letter(char c) {
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool begins(const char *start, const char *p, const char *word, bool joined) {
    size_t len = strlen(word);
    if (strncasecmp(p, word, len) != 0)
        return false;
    bool mark = p >= start + 2 && (unsigned char)p[-2] == 0xc2; /* ¿, ¡ */
    return joined || ((p == start || mark || !letter(p[-1])) && !letter(p[len]));
}

static const struct tongue *tongue_of(const char *message) {
    for (const char *p = message; *p; p++) {
        size_t skip = quoted(p);
        if (skip) {
            p += skip - 1;
            continue;
        }
        for (size_t t = 0; t < COUNT_OF(tongues); t++)
            for (size_t i = 0; i < COUNT_OF(tongues[t].marks) && tongues[t].marks[i]; i++)
                if (begins(message, p, tongues[t].marks[i], tongues[t].joined))
                    return &tongues[t];
    }
    return NULL;
}

static size_t put(char *out, size_t cap, size_t n, const char *text, size_t len) {
    if (n + len >= cap)
        len = cap - 1 - n;
    memcpy(out + n, text, len);
    out[n + len] = '\0';
    return n + len;
}

/* The front of the sentence that ends at `n`. */
static size_t to_front(char *out, size_t cap, size_t n, const char *word) {
    size_t len = strlen(word) + 1, at = n;
    while (at > 0 && !strchr(".?!", out[at - 1]))
        at--;
    at += out[at] == ' ' && at > 0;
    if (n + len >= cap)
        return n;
    memmove(out + at + len, out + at, n - at + 1);
    memcpy(out + at, word, len - 1);
    out[at + len - 1] = ' ';
    return n + len;
}

void tongue_english(const char *message, char *out, size_t cap) {
    const struct tongue *tongue = tongue_of(message);
    size_t n = 0, skip;
    out[0] = '\0';
    for (const char *p = message; *p; p += skip) {
        const struct pair *pair = tongue ? tongue->pairs : NULL;
        skip = quoted(p);
        while (!skip && pair && pair->word && !begins(message, p, pair->word, tongue->joined))
            pair++;
        if (skip || !pair || !pair->word) {
            skip = skip ? skip : 1;
            n = put(out, cap, n, p, skip);
            continue;
        }
        skip = strlen(pair->word);
        n = pair->english[0] == '^' ? to_front(out, cap, n, pair->english + 1)
                                    : put(out, cap, n, pair->english, strlen(pair->english));
    }
}
