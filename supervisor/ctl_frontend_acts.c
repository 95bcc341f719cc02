#include "supervisor/ctl_frontend_acts.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/ctl_ask.h"
#include "supervisor/ctl_table.h"

/* Says what went wrong with `what`; the exit status. */
static int fail(const char *what, int r) {
    if (r == -EACCES || r == -EPERM || r == -EROFS) {
        fprintf(stderr,
                "cloisterctl: %s: not permitted; frontends are changed by whoever may write there, "
                "usually root\n",
                what);
        return CTL_FORBIDDEN;
    }
    const char *why = r == -EBUSY    ? "another cloisterctl is at work there"
                      : r == -ELOOP  ? "a symbolic link; change the file that it points to"
                      : r == -EILSEQ ? "not a text file"
                                     : strerror(-r);
    fprintf(stderr, "cloisterctl: %s: %s\n", what, why);
    return CTL_FAILED;
}

static int unknown(const struct work *work) {
    fprintf(stderr, "cloisterctl: there is no frontend %s in %s\n", work->name, work->path);
    return CTL_UNKNOWN;
}

static int print_json(json_t *json) {
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(json);
    return ctl_output_end(CTL_DONE);
}

/* ---- a frontend as JSON ---- */

static json_t *rights_of(const struct frontend *frontend) {
    json_t *words = json_array();
    const char *word;
    enum frontend_right right;
    for (size_t i = 0; (word = frontend_right_word(i, &right)) != NULL; i++)
        if (frontend_may(frontend, right))
            (void)json_array_append_new(words, json_string(word));
    return words;
}

/* null: the file says nothing, the default of [budgets] holds. */
static json_t *budget(uint64_t limit) {
    return limit == FRONTEND_BUDGET_DEFAULT ? json_null() : json_integer((json_int_t)limit);
}

static json_t *describe(const struct frontend *frontend) {
    json_t *addresses = json_array();
    for (size_t i = 0; i < frontend->returns; i++)
        (void)json_array_append_new(addresses, json_string(frontend->return_to[i]));
    return json_pack("{s:s, s:I, s:o, s:I, s:I, s:o, s:o, s:o}", "name", frontend->name, "keys",
                     (json_int_t)frontend->keys, "may", rights_of(frontend), "requests_per_second",
                     (json_int_t)frontend->rate, "burst", (json_int_t)frontend->burst,
                     "tokens_per_day", budget(frontend->tokens_per_day), "spend_per_day",
                     budget(frontend->spend_per_day), "return_to", addresses);
}

/* Reads `text` as the gateway will. The sentence why it cannot be used, or NULL. */
static const char *check(const char *name, const char *text, struct frontend **ret) {
    SCOPE_FREE char *copy = strdup(text);
    *ret = frontend_new(name);
    if (copy == NULL || *ret == NULL)
        return "out of memory";
    return frontend_parse(copy, *ret);
}

/* ---- add, rotate: a text with a new key takes its place, the key goes to its reader ---- */

static int tell_key(const struct work *work, const struct frontend *frontend,
                    const struct frontend_key *key) {
    int r = work->key_file != NULL ? frontend_secret_place(work->key_file) : 0;
    if (r < 0) {
        fprintf(stderr, "cloisterctl: the key stayed in %s.part: ", work->key_file);
        return fail(work->key_file, r);
    }
    fprintf(stderr,
            "cloisterctl: frontend %s has %zu key%s; the gateway knows within 2 seconds.%s\n",
            frontend->name, frontend->keys, frontend->keys == 1 ? "" : "s",
            work->key_file != NULL ? "" : " This one is shown only now:");
    int status = CTL_DONE;
    if (work->options.json) {
        json_t *json = describe(frontend);
        const char *field = work->key_file != NULL ? "key_file" : "key";
        (void)json_object_set_new(json, field,
                                  json_string(work->key_file != NULL ? work->key_file : key->text));
        status = print_json(json);
    } else if (work->key_file == NULL) {
        printf("%s\n", key->text);
        status = ctl_output_end(CTL_DONE);
    }
    if (status != CTL_DONE)
        fprintf(stderr, "cloisterctl: the key could not be printed; rotate makes another\n");
    return status;
}

/* `text` holds the new key's hash. The key's file is written first: a key that is in force and that
 * nobody has would be a frontend without a way in. */
static int put_in_force(struct work *work, const char *text, const struct frontend_key *key,
                        bool fresh) {
    struct frontend *frontend = NULL;
    const char *why = check(work->name, text, &frontend);
    int r = 0, status = CTL_FAILED;
    if (why != NULL) {
        fprintf(stderr, "cloisterctl: frontend %s: %s\n", work->name, why);
    } else if (work->key_file != NULL &&
               (r = frontend_secret_write(work->key_file, key->text)) < 0) {
        status = fail(work->key_file, r);
    } else if ((r = frontend_dir_write(&work->dir, work->name, text, fresh)) < 0) {
        if (work->key_file != NULL)
            frontend_secret_drop(work->key_file);
        if (r == -EEXIST)
            fprintf(stderr,
                    "cloisterctl: there is a frontend %s already; 'rotate' changes its key\n",
                    work->name);
        else
            status = fail(work->path, r);
    } else {
        status = tell_key(work, frontend, key);
    }
    frontend_free(frontend);
    return status;
}

int frontend_act_add(struct work *work) {
    int r = frontend_dir_open(work->path, true, true, &work->dir);
    if (r < 0)
        return fail(work->path, r);
    struct frontend_key key;
    if (frontend_key_make(&key) < 0)
        return fail("random numbers", -EIO);
    work->wish.return_to = work->return_to;
    SCOPE_FREE char *text = frontend_text_new(&work->wish, key.sha256);
    int status = text == NULL ? fail(work->path, -ENOMEM) : put_in_force(work, text, &key, true);
    frontend_key_wipe(&key);
    return status;
}

/* The newest key alone. */
static int finish(struct work *work, const char *before) {
    struct frontend *frontend = NULL;
    SCOPE_FREE char *text = frontend_text_rotate(before, NULL);
    const char *why = text == NULL ? "out of memory" : check(work->name, text, &frontend);
    int r = why == NULL ? frontend_dir_write(&work->dir, work->name, text, false) : 0;
    int status = CTL_FAILED;
    if (why != NULL)
        fprintf(stderr, "cloisterctl: frontend %s: %s\n", work->name, why);
    else if (r < 0)
        status = fail(work->path, r);
    else if (work->options.json)
        status = print_json(describe(frontend));
    else {
        printf("frontend %s: the newest key alone holds, within 2 seconds\n", work->name);
        status = ctl_output_end(CTL_DONE);
    }
    frontend_free(frontend);
    return status;
}

int frontend_act_rotate(struct work *work) {
    int r = frontend_dir_open(work->path, true, false, &work->dir);
    SCOPE_FREE char *before = NULL;
    if (r == 0)
        r = frontend_dir_read(&work->dir, work->name, &before);
    if (r == -ENOENT)
        return unknown(work);
    if (r < 0)
        return fail(work->path, r);
    if (work->finish)
        return finish(work, before);
    struct frontend_key key;
    if (frontend_key_make(&key) < 0)
        return fail("random numbers", -EIO);
    SCOPE_FREE char *text = frontend_text_rotate(before, key.sha256);
    int status = text == NULL ? fail(work->path, -ENOMEM) : put_in_force(work, text, &key, false);
    frontend_key_wipe(&key);
    return status;
}

/* ---- remove, list ---- */

int frontend_act_remove(struct work *work) {
    static const char stays[] = "Its users, their Google connections and what was remembered for "
                                "them stay in the database; a "
                                "frontend of the same name, added later, has them again.";
    int r = frontend_dir_open(work->path, true, false, &work->dir);
    if (r == 0)
        r = frontend_dir_remove(&work->dir, work->name);
    if (r == -ENOENT)
        return unknown(work);
    if (r < 0)
        return fail(work->path, r);
    if (work->options.json)
        return print_json(
            json_pack("{s:s, s:b, s:s}", "name", work->name, "removed", 1, "note", stays));
    printf("frontend %s is removed: its keys are refused within 2 seconds.\n%s\n", work->name,
           stays);
    return ctl_output_end(CTL_DONE);
}

/* One row; a file that the gateway leaves out says why. */
static json_t *list_row(const struct frontend_dir *dir, const char *name) {
    SCOPE_FREE char *text = NULL;
    struct frontend *frontend = NULL;
    const char *why = NULL;
    int r = frontend_dir_read(dir, name, &text);
    if (strcmp(name, FRONTEND_WEB) == 0)
        why = "the name is kept for Cloister's own pages";
    else if (!frontend_name_valid(name))
        why = "the name has other characters than letters, digits and . _ -";
    else
        why = r < 0 ? strerror(-r) : check(name, text, &frontend);
    json_t *row = why == NULL ? describe(frontend) : json_pack("{s:s}", "name", name);
    (void)json_object_set_new(row, "left_out", why == NULL ? json_null() : json_string(why));
    frontend_free(frontend);
    return row;
}

/* The words of an array, for a cell. */
static void join(json_t *row, const char *key) {
    char text[1024] = "";
    const json_t *word;
    size_t i, len = 0;
    json_array_foreach(json_object_get(row, key), i, word) {
        int n = snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
                         json_string_value(word));
        len += n > 0 && (size_t)n < sizeof(text) - len ? (size_t)n : 0;
    }
    (void)json_object_set_new(row, key, json_string(len > 0 ? text : "-"));
}

/* Every row has the columns of the first. */
static json_t *for_eyes(const json_t *row) {
    json_t *flat = json_pack(
        "{s:O, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "name",
        json_object_get(row, "name"), "keys", json_object_get(row, "keys"), "may",
        json_object_get(row, "may"), "requests_per_second",
        json_object_get(row, "requests_per_second"), "burst", json_object_get(row, "burst"),
        "tokens_per_day", json_object_get(row, "tokens_per_day"), "spend_per_day",
        json_object_get(row, "spend_per_day"), "left_out", json_object_get(row, "left_out"),
        "return_to", json_object_get(row, "return_to"));
    join(flat, "may");
    join(flat, "return_to");
    return flat;
}

int frontend_act_list(struct work *work) {
    char **names = NULL;
    size_t n = 0;
    int r = frontend_dir_open(work->path, false, false, &work->dir);
    if (r == 0)
        r = frontend_dir_names(&work->dir, &names, &n);
    if (r < 0)
        return fail(work->path, r);
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *row = names[i] != NULL ? list_row(&work->dir, names[i]) : NULL;
        if (row != NULL && !work->options.json) {
            json_t *flat = for_eyes(row);
            json_decref(row);
            row = flat;
        }
        (void)json_array_append_new(rows, row);
        free(names[i]);
    }
    free(names);
    if (work->options.json)
        return print_json(rows);
    if (n == 0)
        printf("no frontends\n");
    else
        ctl_table_print(stdout, rows);
    json_decref(rows);
    return ctl_output_end(CTL_DONE);
}
