/* What a row of business.outbox holds, for those who write it (in the transaction of the change it
 * tells of) and for cloister-notify, which delivers it.
 *
 *   kind       booking_confirmed, booking_moved, booking_cancelled, inquiry_new, inquiry_answered,
 *              calendar_trouble
 *   to_kind    owner | customer
 *   business   slug; reference: of the booking or inquiry ("" with calendar_trouble)
 *   payload    a JSON object of texts, each optional:
 *
 *     to             mail address of who is told; without it there is no mail, the webhook is told
 *     business_name
 *     service        its name              start, end   RFC 3339 with the offset to be shown
 *     timezone       IANA name             was_start    with booking_moved
 *     customer_name  customer_email  customer_phone  note  address
 *     message        an inquiry's          answer       with inquiry_answered
 *     answered_by    owner | agent; a customer's mail has an owner's answer alone
 *     reason         of a cancellation by the other side, or what is wrong with the calendar, in
 *                    words
 *     link           where it is seen and changed      cancel_link   where it is cancelled alone
 *     ics            a whole iCalendar object (RFC 5545), attached to the mail
 *     sealed         those of them that carry secrets, which a customer's do (outbox_seal.h)
 *
 * A payload has people's words: cloister-notify empties it once the row is done or dead. Its links'
 * secrets are never in the database but sealed. change_told (change.h) tells it of new
 * rows, on the channel "outbox". */
#ifndef CLOISTER_BUSINESS_OUTBOX_H
#define CLOISTER_BUSINESS_OUTBOX_H

#define OUTBOX_CHANNEL "outbox"

#endif
