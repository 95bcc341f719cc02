#include "supervisor/ctl_table.h"

#include <string.h>

#include "ipc/base.h"

#define COLUMNS_MAX 16
#define CELL_MAX    1024

static void cell_text(const json_t *value, char *out, size_t cap) {
    if (json_is_string(value))
        (void)snprintf(out, cap, "%s", json_string_value(value));
    else if (json_is_integer(value))
        (void)snprintf(out, cap, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        (void)snprintf(out, cap, "%s", json_is_true(value) ? "yes" : "no");
    else
        (void)snprintf(out, cap, "-");
}

static size_t longest_cell(const json_t *rows, const char *key) {
    size_t longest = strlen(key), i;
    const json_t *row;
    char text[CELL_MAX];
    json_array_foreach(rows, i, row) {
        cell_text(json_object_get(row, key), text, sizeof(text));
        if (strlen(text) > longest)
            longest = strlen(text);
    }
    return longest;
}

static void print_rows(FILE *out, const json_t *rows, int indent) {
    const char *keys[COLUMNS_MAX], *key;
    int widths[COLUMNS_MAX];
    size_t n = 0, i;
    json_t *value;
    const json_t *row;
    json_object_foreach(json_array_get(rows, 0), key, value) {
        if (n < COLUMNS_MAX) {
            keys[n] = key;
            widths[n++] = (int)longest_cell(rows, key);
        }
    }
    fprintf(out, "%*s", indent, "");
    for (size_t c = 0; c < n; c++)
        fprintf(out, c + 1 < n ? "%-*s  " : "%.*s%s\n", c + 1 < n ? widths[c] : 0,
                c + 1 < n ? keys[c] : "", keys[c]);
    json_array_foreach(rows, i, row) {
        fprintf(out, "%*s", indent, "");
        for (size_t c = 0; c < n; c++) {
            char text[CELL_MAX];
            cell_text(json_object_get(row, keys[c]), text, sizeof(text));
            fprintf(out, "%-*s%s", c + 1 < n ? widths[c] : 0, text, c + 1 < n ? "  " : "\n");
        }
    }
}

static void print_value(FILE *out, const json_t *json, int indent);

static void print_field(FILE *out, const char *key, const json_t *value, int indent) {
    char text[CELL_MAX];
    bool nested = json_is_object(value) || (json_is_array(value) && json_array_size(value) > 0);
    if (nested) {
        fprintf(out, "%*s%s:\n", indent, "", key);
        print_value(out, value, indent + 2);
    } else {
        cell_text(value, text, sizeof(text));
        fprintf(out, "%*s%s: %s\n", indent, "", key, json_is_array(value) ? "none" : text);
    }
}

static void print_value(FILE *out, const json_t *json, int indent) {
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_array(json) && json_is_object(json_array_get(json, 0))) {
        print_rows(out, json, indent);
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, value) {
            char text[CELL_MAX];
            cell_text(value, text, sizeof(text));
            fprintf(out, "%*s%s\n", indent, "", text);
        }
    } else {
        json_object_foreach((json_t *)json, key, value) print_field(out, key, value, indent);
    }
}

void ctl_table_print(FILE *out, const json_t *json) {
    print_value(out, json, 0);
}
