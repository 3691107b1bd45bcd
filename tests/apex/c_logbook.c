/* Logbooks: every code, the order of entries, and that the messages are still there after a warm start. */
#include "conform.h"

static LOGBOOK_ID_TYPE book, empty;
static uint32_t start_number;

static void log_line(const char *text)
{
    NEED(WRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE)text, (MESSAGE_SIZE_TYPE)__builtin_strlen(text) + 1);
}

/* Whether this entry, of which 1 is the newest, has this text. */
static int entry_is(int entry, const char *text)
{
    char message[16] = "";
    MESSAGE_SIZE_TYPE length = 0;
    WRITE_STATUS_TYPE written = ABORTED;
    NEED(READ_LOGBOOK, book, entry, (MESSAGE_ADDR_TYPE)message, &length, &written);
    return written == COMPLETE && length == (MESSAGE_SIZE_TYPE)__builtin_strlen(text) + 1 && same_text(message, text);
}

static int logged(void)
{
    LOGBOOK_STATUS_TYPE status = {.NB_LOGGED_MESSAGES = 99};
    NEED(GET_LOGBOOK_STATUS, book, &status);
    return status.NB_LOGGED_MESSAGES;
}

static void codes(void)
{
    char message[32] = "x";
    MESSAGE_SIZE_TYPE length;
    WRITE_STATUS_TYPE written;
    LOGBOOK_STATUS_TYPE status;
    LOGBOOK_ID_TYPE id;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_LOGBOOK, "late", 16, 4, 1, &id);
    EXPECT(INVALID_CONFIG, "no such name", GET_LOGBOOK_ID, "nobody", &id);
    EXPECT(NO_ERROR, "by name", GET_LOGBOOK_ID, "book", &id);
    SHOWS(GET_LOGBOOK_ID, "is what CREATE_LOGBOOK gave", id == book);
    EXPECT(INVALID_PARAM, "no such logbook", GET_LOGBOOK_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a logbook", GET_LOGBOOK_STATUS, book, &status);
    SHOWS(GET_LOGBOOK_STATUS, "tells the sizes",
          status.MAX_MESSAGE_SIZE == 16 && status.MAX_NB_LOGGED_MESSAGES == 3 && status.NB_LOGGED_MESSAGES == 0);
    EXPECT(INVALID_PARAM, "no such logbook", WRITE_LOGBOOK, NOBODY, (MESSAGE_ADDR_TYPE)message, 1);
    EXPECT(INVALID_PARAM, "length 0", WRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE)message, 0);
    EXPECT(INVALID_CONFIG, "too long", WRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE)message, 17);
    EXPECT(INVALID_PARAM, "no such logbook", OVERWRITE_LOGBOOK, NOBODY, (MESSAGE_ADDR_TYPE)message, 1);
    EXPECT(INVALID_CONFIG, "too long", OVERWRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE)message, 17);
    EXPECT(NOT_AVAILABLE, "empty", OVERWRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE)message, 1);
    EXPECT(INVALID_PARAM, "no such logbook", READ_LOGBOOK, NOBODY, 1, (MESSAGE_ADDR_TYPE)message, &length, &written);
    EXPECT(NOT_AVAILABLE, "empty", READ_LOGBOOK, empty, 1, (MESSAGE_ADDR_TYPE)message, &length, &written);
    EXPECT(INVALID_PARAM, "no such logbook", CLEAR_LOGBOOK, NOBODY);

    EXPECT(NO_ERROR, "a message", WRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE) "one", 4);
    log_line("two");
    EXPECT(NO_ERROR, "the newest", READ_LOGBOOK, book, 1, (MESSAGE_ADDR_TYPE)message, &length, &written);
    SHOWS(READ_LOGBOOK, "entry 1 is the newest", entry_is(1, "two") && entry_is(2, "one"));
    EXPECT(INVALID_PARAM, "entry 0", READ_LOGBOOK, book, 0, (MESSAGE_ADDR_TYPE)message, &length, &written);
    EXPECT(INVALID_PARAM, "beyond what it can keep", READ_LOGBOOK, book, 4, (MESSAGE_ADDR_TYPE)message, &length, &written);
    EXPECT(NO_ERROR, "a message is there", OVERWRITE_LOGBOOK, book, (MESSAGE_ADDR_TYPE) "TWO", 4);
    SHOWS(OVERWRITE_LOGBOOK, "replaces the newest", entry_is(1, "TWO") && entry_is(2, "one") && logged() == 2);
    log_line("three");
    log_line("four");
    SHOWS(WRITE_LOGBOOK, "the oldest goes when it is full", logged() == 3 && entry_is(1, "four") && entry_is(3, "TWO"));
}

static void run_driver(void)
{
    RETURN_CODE_TYPE code;
    if (start_number == 1) {
        codes();
        all_done();
        SET_PARTITION_MODE(WARM_START, &code);
    }
    SHOWS(CREATE_LOGBOOK, "after a warm start the messages are still there", logged() == 3 && entry_is(1, "four"));
    EXPECT(NO_ERROR, "messages are there", CLEAR_LOGBOOK, book);
    SHOWS(CLEAR_LOGBOOK, "throws the messages away", logged() == 0);
    finish();
}

int main(void)
{
    LOGBOOK_ID_TYPE id;
    start_number = bh_boot_info()->generation;
    EXPECT(NO_ERROR, "a logbook", CREATE_LOGBOOK, "book", 16, 3, 1, &book);
    NEED(CREATE_LOGBOOK, "empty", 16, 3, 1, &empty);
    EXPECT(NO_ACTION, "open already", CREATE_LOGBOOK, "book", 16, 3, 1, &id);
    EXPECT(INVALID_CONFIG, "a message larger than any may be", CREATE_LOGBOOK, "bad", 1 << 24, 3, 1, &id);
    NEED(START, create("driver", run_driver, DRIVER));
    return go_normal();
}
