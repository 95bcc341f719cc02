#include "business/booking.h"
#include "ipc/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void booking_free(struct booking *booking) {
    if (booking == NULL)
        return;
    json_decref(booking->details);
    free(booking);
}

#define COPY(field, column) (void)snprintf(field, sizeof(field), "%s", pg_text(rows, row, column))

struct booking *booking_read(const struct pg_rows *rows, unsigned row) {
    struct booking *booking = calloc(1, sizeof(*booking));
    if (booking == NULL)
        return NULL;
    COPY(booking->reference, 0);
    COPY(booking->owner, 1);
    COPY(booking->business, 2);
    COPY(booking->service, 3);
    COPY(booking->status, 4);
    COPY(booking->step, 5);
    booking->start = pg_int(rows, row, 6);
    booking->end = pg_int(rows, row, 7);
    booking->move_to = pg_int(rows, row, 8);
    booking->before = pg_int(rows, row, 9);
    booking->after = pg_int(rows, row, 10);
    COPY(booking->zone, 11);
    COPY(booking->event, 12);
    booking->version = pg_int(rows, row, 13);
    booking->attempts = pg_int(rows, row, 14);
    booking->removed = pg_bool(rows, row, 16);
    COPY(booking->account, 17);
    booking->details = json_loads(pg_text(rows, row, 15), 0, NULL);
    if (booking->details == NULL) {
        free(booking);
        return NULL;
    }
    return booking;
}

struct load {
    booking_loaded *done;
    void *ctx;
};

static void on_row(void *ctx, int error, const struct pg_rows *rows) {
    struct load load = *(struct load *)ctx;
    struct booking *booking = NULL;
    free(ctx);
    if (error == 0 && pg_count(rows) == 1) {
        booking = booking_read(rows, 0);
        error = booking == NULL ? -ENOMEM : 0;
    }
    load.done(load.ctx, error, booking);
}

void booking_load(struct business_server *server, const char *reference, booking_loaded *done,
                  void *ctx) {
    static const char sql[] = "SELECT " BOOKING_COLUMNS " FROM bookings WHERE reference = $1";
    struct pg_param params[] = {PG_TEXT(reference)};
    struct load *load = malloc(sizeof(*load));
    if (load == NULL)
        fatal("out of memory");
    *load = (struct load){done, ctx};
    business_query(server, sql, params, COUNT_OF(params), on_row, load);
}

const char *booking_detail(const struct booking *booking, const char *name) {
    const char *text = json_string_value(json_object_get(booking->details, name));
    return text != NULL ? text : "";
}

const char *booking_customer(const struct booking *booking, const char *name) {
    const json_t *customer = json_object_get(booking->details, "customer");
    const char *text = json_string_value(json_object_get(customer, name));
    return text != NULL ? text : "";
}

bool call_instant(struct business_call *call, const char *name, int64_t fallback, int64_t *ret) {
    const char *text = business_text(call, name);
    struct stamp stamp;
    if (*text == '\0') {
        *ret = fallback;
        return true;
    }
    if (stamp_parse(text, &stamp) != 0 || stamp.kind != STAMP_INSTANT) {
        business_refuse_argument(call,
                                 "\"%s\" is a time with an offset such as "
                                 "2027-03-01T09:00:00+01:00.",
                                 name);
        return false;
    }
    *ret = stamp_utc(&stamp);
    return true;
}

/* Whole seconds are what is kept: nothing is to be booked at a moment that was not asked for. */
bool call_start(struct business_call *call, int64_t *ret) {
    const char *point = strchr(business_text(call, "start"), '.');
    size_t zeros = point == NULL ? 0 : strspn(point + 1, "0");
    if (point == NULL || point[1 + zeros] < '0' || point[1 + zeros] > '9')
        return call_instant(call, "start", 0, ret);
    business_refuse_argument(call, "start: has fractions of a second; leave them out");
    return false;
}
