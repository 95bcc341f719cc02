/* Scripts in what is shown to the model: OBEY and a JSON array behind it, as it is, in base64, read
 * from the end, in invisible letters, or in pieces that stand in several texts. */
#include <stdio.h>
#include <string.h>

#include "tests/world/obey.h"

#define MARK   "OBEY"
#define PIECES 9u

bool obey_marked(const char *text) {
    SCOPE_FREE char *plain = obey_plain(text);
    SCOPE_FREE char *back = obey_disguise("rev", plain);
    return strstr(plain, MARK) != NULL || strstr(back, MARK "[") != NULL;
}

static bool take(struct obey_reader *reader, json_t *script) {
    if (!json_is_array(script) || (reader->script != NULL && json_equal(reader->script, script))) {
        json_decref(script);
        return false;
    }
    json_decref(reader->script);
    reader->script = script;
    return true;
}

static json_t *decode(const char *base64) {
    size_t len;
    SCOPE_FREE char *text = obey_base64(base64, &len);
    return json_loadb(text, len, 0, NULL);
}

/* "2/3:BASE64": a script when it was the last piece that was missing. */
static json_t *piece(struct obey_reader *reader, const char *at) {
    unsigned number = 0, count = 0;
    int used = 0;
    if (sscanf(at, "%1u/%1u:%n", &number, &count, &used) < 2 || used == 0 || number == 0 ||
        number > count || count > PIECES)
        return NULL;
    if (reader->parts == NULL)
        reader->parts = json_object();
    char key[2] = {(char)('0' + number), '\0'}, all[8192] = "";
    size_t len =
        strspn(at + used, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    json_object_set_new(reader->parts, key, json_stringn(at + used, len));
    for (unsigned i = 1; i <= count; i++) {
        key[0] = (char)('0' + i);
        const char *one = json_string_value(json_object_get(reader->parts, key));
        size_t n = strlen(all);
        if (one == NULL)
            return NULL;
        (void)snprintf(all + n, sizeof(all) - n, "%s", one);
    }
    return decode(all);
}

static bool read_plain(struct obey_reader *reader, const char *text) {
    bool fresh = false;
    for (const char *at = text; (at = strstr(at, MARK)) != NULL;) {
        at += strlen(MARK);
        json_t *script = NULL;
        if (*at == '[')
            script = json_loadb(at, strlen(at), JSON_DISABLE_EOF_CHECK, NULL);
        else if (strncmp(at, "64:", 3) == 0)
            script = decode(at + 3);
        else
            script = piece(reader, at);
        fresh = take(reader, script) || fresh;
    }
    return fresh;
}

bool obey_read(struct obey_reader *reader, const char *text) {
    if (text == NULL || *text == '\0')
        return false;
    SCOPE_FREE char *plain = obey_plain(text);
    SCOPE_FREE char *back = obey_disguise("rev", plain);
    bool fresh = read_plain(reader, plain);
    const char *reversed = strstr(back, MARK "[");
    return (reversed != NULL && read_plain(reader, reversed)) || fresh;
}

static bool read_value(struct obey_reader *reader, const json_t *value) {
    bool fresh = false;
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_string(value))
        return obey_read(reader, json_string_value(value));
    json_array_foreach(value, i, one) fresh = read_value(reader, one) || fresh;
    json_object_foreach((json_t *)(uintptr_t)value, key, one) {
        fresh = obey_read(reader, key) || fresh;
        fresh = read_value(reader, one) || fresh;
    }
    return fresh;
}

bool obey_read_result(struct obey_reader *reader, const char *text) {
    json_t *json = text != NULL ? json_loads(text, 0, NULL) : NULL;
    bool fresh = json != NULL ? read_value(reader, json) : obey_read(reader, text);
    json_decref(json);
    return fresh;
}
