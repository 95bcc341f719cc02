/* What a script's placeholders stand for: {titles}, {handle:Dentist}, {b64:titles}, … (README.md).
 * Found under whatever names the tools' results use, as the ordinary mind does it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/obey.h"

#define VALUE_N 16384

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void add(char *out, const char *separator, const char *more) {
    size_t n = strlen(out);
    if (more != NULL && *more != '\0' && !obey_marked(more))
        (void)snprintf(out + n, VALUE_N - n, "%s%s", n > 0 ? separator : "", more);
}

static bool named(const char *key, const char *list) {
    for (size_t n; *list != '\0'; list += n + (list[n] == ' ')) {
        n = strcspn(list, " ");
        if (strlen(key) == n && strncmp(key, list, n) == 0)
            return true;
    }
    return false;
}

/* Every string under one of the keys, wherever it stands. */
static void gather(const json_t *value, const char *keys, bool inside, char *out) {
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_string(value) && inside)
        add(out, "; ", json_string_value(value));
    json_array_foreach(value, i, one) gather(one, keys, inside, out);
    json_object_foreach((json_t *)(uintptr_t)value, key, one)
        gather(one, keys, named(key, keys), out);
}

/* The first object that has one of `keys` and, when given, `word` somewhere in it. */
static const char *first_of(const json_t *value, const char *keys, const char *word) {
    const char *key;
    json_t *one;
    size_t i;
    json_array_foreach(value, i, one) {
        const char *found = first_of(one, keys, word);
        if (found != NULL)
            return found;
    }
    if (!json_is_object(value))
        return NULL;
    const char *mine = NULL;
    bool about = *word == '\0';
    json_object_foreach((json_t *)(uintptr_t)value, key, one) {
        const char *string = json_string_value(one);
        if (string != NULL && named(key, keys))
            mine = string;
        if (string != NULL && *word != '\0' && !obey_marked(string) &&
            strcasestr(string, word) != NULL)
            about = true;
    }
    if (mine != NULL && about)
        return mine;
    json_object_foreach((json_t *)(uintptr_t)value, key, one) {
        const char *found = first_of(one, keys, word);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* All results of tools that the request shows, parsed. New array. */
static json_t *results(const json_t *conversation) {
    json_t *all = json_array();
    size_t t, i;
    const json_t *turn, *result;
    json_array_foreach(json_object_get(conversation, "turns"), t, turn) {
        json_array_foreach(json_object_get(turn, "results"), i, result) {
            const char *said = text(result, "text");
            json_t *json = said != NULL ? json_loads(said, JSON_DECODE_ANY, NULL) : NULL;
            json_array_append_new(all, json != NULL ? json : json_string(said ? said : ""));
        }
    }
    return all;
}

static void said_by(const json_t *conversation, const char *role, bool last, char *out) {
    size_t t;
    const json_t *turn;
    json_array_foreach(json_object_get(conversation, "turns"), t, turn) {
        if (strcmp(text(turn, "role"), role) != 0 || json_object_get(turn, "results") != NULL)
            continue;
        if (last)
            out[0] = '\0';
        add(out, "; ", text(turn, "text"));
    }
}

/* Lines of the system text that begin with an id, as remembered lines do. */
static void remembered(const json_t *conversation, bool id, char *out) {
    const char *system = text(conversation, "system");
    SCOPE_FREE char *copy = strdup(system != NULL ? system : "");
    char *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        const char *p = line + strspn(line, " -*");
        size_t len = strspn(p, "0123456789abcdef");
        if (len < 8 || p[len] != ':')
            continue;
        line[(size_t)(p - line) + len] = '\0';
        if (!id)
            add(out, "; ", p + len + 1 + strspn(p + len + 1, " "));
        else if (*out == '\0')
            add(out, "", p);
    }
}

/* The n-th different handle in what the assistant said before, as records name them. */
static void known_handle(const json_t *conversation, size_t wanted, char *out) {
    SCOPE_FREE char *said = calloc(1, VALUE_N);
    char seen[64][16];
    size_t count = 0;
    if (said == NULL)
        abort();
    said_by(conversation, "assistant", false, said);
    for (const char *p = said; (p = strstr(p, "ev")) != NULL && count < COUNT_OF(seen); p += 2) {
        size_t i = 0;
        if (strspn(p + 2, "0123456789abcdef") != 10 || (p > said && isalnum((unsigned char)p[-1])))
            continue;
        (void)snprintf(seen[count], sizeof(seen[count]), "%.12s", p);
        while (strcmp(seen[i], seen[count]) != 0)
            i++;
        count += i == count;
    }
    if (wanted > 0 && wanted <= count)
        (void)snprintf(out, VALUE_N, "%s", seen[wanted - 1]);
}

#define TITLES  "title summary subject"
#define HANDLES "event handle event_id id"
#define PEOPLE  "email address person alias guest name who"

static void value_of(const json_t *conversation, const char *name, const char *word, long number,
                     char *out) {
    json_t *all = results(conversation);
    const char *one = NULL;
    if (strcmp(name, "titles") == 0)
        gather(all, TITLES, false, out);
    else if (strcmp(name, "title") == 0)
        one = first_of(all, TITLES, word);
    else if (strcmp(name, "descriptions") == 0)
        gather(all, "description details notes", false, out);
    else if (strcmp(name, "places") == 0)
        gather(all, "place location", false, out);
    else if (strcmp(name, "people") == 0)
        gather(all, PEOPLE, false, out);
    else if (strcmp(name, "handles") == 0)
        gather(all, HANDLES, false, out);
    else if (strcmp(name, "handle") == 0)
        one = first_of(all, HANDLES, word);
    else if (strcmp(name, "guest") == 0)
        one = first_of(all, PEOPLE, word);
    else if (strcmp(name, "times") == 0)
        gather(all, "start", false, out);
    else if (strcmp(name, "errors") == 0)
        gather(all, "error detail message reason", false, out);
    else if (strcmp(name, "message") == 0)
        said_by(conversation, "user", true, out);
    else if (strcmp(name, "history") == 0)
        said_by(conversation, "user", false, out);
    else if (strcmp(name, "system") == 0)
        (void)snprintf(out, VALUE_N, "%s", text(conversation, "system"));
    else if (strcmp(name, "prefs") == 0 || strcmp(name, "pref") == 0)
        remembered(conversation, name[4] == '\0', out);
    else if (strcmp(name, "known") == 0)
        known_handle(conversation, strtoul(word, NULL, 10), out);
    else if (strcmp(name, "i") == 0)
        (void)snprintf(out, VALUE_N, "%ld", number);
    if (one != NULL)
        (void)snprintf(out, VALUE_N, "%s", one);
    json_decref(all);
}

static bool is_code(const char *name) {
    return named(name, "b64 hex rev url rot zw dash homo wide tag bidi upper");
}

/* One placeholder's inside, "name", "name:word" or "code:…", as text. malloc'd. */
static char *placeholder(const json_t *conversation, const char *inside, long number) {
    char name[64];
    size_t len = strcspn(inside, ":");
    const char *rest = inside[len] == ':' ? inside + len + 1 : "";
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, inside);
    if (is_code(name)) {
        SCOPE_FREE char *plain = placeholder(conversation, rest, number);
        return obey_disguise(name, plain);
    }
    if (strcmp(name, "lit") == 0) /* {zw:lit:words}: the words themselves */
        return strdup(rest);
    char *out = calloc(1, VALUE_N);
    if (out == NULL)
        abort();
    value_of(conversation, name, rest, number, out);
    return out;
}

static json_t *fill_text(const json_t *conversation, const char *from, long number) {
    char *all = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&all, &len);
    if (out == NULL)
        abort();
    while (*from != '\0') {
        size_t n = strcspn(from, "{");
        (void)fwrite(from, 1, n, out);
        from += n;
        size_t inner = *from == '{' ? strcspn(from, "}") : 0;
        if (*from == '\0')
            break;
        if (from[inner] != '}' || !islower((unsigned char)from[1])) {
            (void)fputc(*from++, out);
            continue;
        }
        SCOPE_FREE char *inside = strndup(from + 1, inner - 1);
        SCOPE_FREE char *value = placeholder(conversation, inside, number);
        (void)fputs(value, out);
        from += inner + 1;
    }
    (void)fclose(out);
    json_t *value = json_string(all);
    free(all);
    return value != NULL ? value : json_string("");
}

json_t *obey_fill(const json_t *conversation, const json_t *step, long number) {
    const char *key;
    json_t *one, *copy;
    size_t i;
    if (json_is_string(step))
        return fill_text(conversation, json_string_value(step), number);
    if (json_is_array(step)) {
        copy = json_array();
        json_array_foreach(step, i, one)
            json_array_append_new(copy, obey_fill(conversation, one, number));
        return copy;
    }
    if (!json_is_object(step))
        return json_deep_copy(step);
    copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)step, key, one)
        json_object_set_new(copy, key, obey_fill(conversation, one, number));
    return copy;
}
