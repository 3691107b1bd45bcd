/* Blackboards: every code, and that a message releases every waiter. */
#include "conform.h"

static BLACKBOARD_ID_TYPE board, other;
static PROCESS_ID_TYPE driver, a, b;
static RETURN_CODE_TYPE seen[2];

static void read(int who)
{
    APEX_BYTE message[8] = {0};
    MESSAGE_SIZE_TYPE length = 0;
    READ_BLACKBOARD(board, FOREVER, message, &length, &seen[who]);
    mark(length == 3 ? (char)message[who] : '-');
}

static void run_a(void)
{
    read(0);
}

static void run_b(void)
{
    read(1);
}

static BLACKBOARD_STATUS_TYPE state(void)
{
    BLACKBOARD_STATUS_TYPE status = {.MAX_MESSAGE_SIZE = 99};
    NEED(GET_BLACKBOARD_STATUS, board, &status);
    return status;
}

static void creation(void)
{
    BLACKBOARD_ID_TYPE id = 0;
    EXPECT(NO_ERROR, "a blackboard", CREATE_BLACKBOARD, "board", 8, &board);
    NEED(CREATE_BLACKBOARD, "other", 8, &other);
    EXPECT(NO_ACTION, "name taken", CREATE_BLACKBOARD, "board", 8, &id);
    EXPECT(INVALID_PARAM, "message size 0", CREATE_BLACKBOARD, "bad", 0, &id);
    EXPECT(INVALID_PARAM, "negative message size", CREATE_BLACKBOARD, "bad", -1, &id);
    EXPECT(NO_ERROR, "by name", GET_BLACKBOARD_ID, "board", &id);
    SHOWS(GET_BLACKBOARD_ID, "is what CREATE_BLACKBOARD gave", id == board);
    EXPECT(INVALID_CONFIG, "no such name", GET_BLACKBOARD_ID, "nobody", &id);
}

static void run_driver(void)
{
    APEX_BYTE message[16] = "abc";
    MESSAGE_SIZE_TYPE length = 99;
    BLACKBOARD_STATUS_TYPE status;
    BLACKBOARD_ID_TYPE id;
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_BLACKBOARD, "late", 8, &id);
    EXPECT(INVALID_PARAM, "no such blackboard", GET_BLACKBOARD_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a blackboard", GET_BLACKBOARD_STATUS, board, &status);
    SHOWS(GET_BLACKBOARD_STATUS, "a new one is empty",
          status.EMPTY_INDICATOR == EMPTY && status.MAX_MESSAGE_SIZE == 8 && status.WAITING_PROCESSES == 0);

    EXPECT(INVALID_PARAM, "no such blackboard", DISPLAY_BLACKBOARD, NOBODY, message, 3);
    EXPECT(INVALID_PARAM, "length 0", DISPLAY_BLACKBOARD, board, message, 0);
    EXPECT(INVALID_PARAM, "negative length", DISPLAY_BLACKBOARD, board, message, -1);
    EXPECT(INVALID_PARAM, "overlong", DISPLAY_BLACKBOARD, board, message, 9);
    EXPECT(INVALID_PARAM, "no such blackboard", READ_BLACKBOARD, NOBODY, 0LL, message, &length);
    EXPECT(INVALID_PARAM, "time out of range", READ_BLACKBOARD, board, 0x7fffffffffffffffLL, message, &length);
    EXPECT(NOT_AVAILABLE, "empty, no wait", READ_BLACKBOARD, board, 0LL, message, &length);
    SHOWS(READ_BLACKBOARD, "without a message the length is 0", length == 0);
    EXPECT(TIMED_OUT, "empty for 2 ms", READ_BLACKBOARD, board, 2 * MS, message, &length);
    NEED(LOCK_PREEMPTION, &level);
    RETURN_CODE_TYPE poll = NO_ERROR, wait = NO_ERROR;
    READ_BLACKBOARD(board, 0, message, &length, &poll);
    READ_BLACKBOARD(board, 1 * MS, message, &length, &wait);
    GOT(INVALID_MODE, wait, "empty, preemption is locked", READ_BLACKBOARD);
    TRAP(2, READ_BLACKBOARD, "may be polled with preemption locked", poll == NOT_AVAILABLE && wait == INVALID_MODE);
    NEED(UNLOCK_PREEMPTION, &level);

    NEED(START, a);
    NEED(START, b);
    SHOWS(GET_BLACKBOARD_STATUS, "counts the waiting processes", state().WAITING_PROCESSES == 2);
    EXPECT(NO_ERROR, "two processes wait", DISPLAY_BLACKBOARD, board, message, 3);
    let_others();
    TRAP(3, DISPLAY_BLACKBOARD, "releases every waiter", in_order("ab") && state().WAITING_PROCESSES == 0);
    GOT(NO_ERROR, seen[0], "after waiting", READ_BLACKBOARD);
    SHOWS(GET_BLACKBOARD_STATUS, "with a message it is occupied", state().EMPTY_INDICATOR == OCCUPIED);

    EXPECT(NO_ERROR, "a message is there", READ_BLACKBOARD, board, 0LL, message, &length);
    SHOWS(READ_BLACKBOARD, "leaves the message", length == 3 && state().EMPTY_INDICATOR == OCCUPIED);
    EXPECT(NO_ERROR, "over another message", DISPLAY_BLACKBOARD, board, (MESSAGE_ADDR_TYPE) "12345678", 8);
    NEED(READ_BLACKBOARD, board, FOREVER, message, &length);
    SHOWS(DISPLAY_BLACKBOARD, "replaces the message", length == 8 && message[7] == '8');
    EXPECT(INVALID_PARAM, "no such blackboard", CLEAR_BLACKBOARD, NOBODY);
    EXPECT(NO_ERROR, "a message is there", CLEAR_BLACKBOARD, board);
    EXPECT(NO_ERROR, "none is there", CLEAR_BLACKBOARD, board);
    SHOWS(CLEAR_BLACKBOARD, "takes the message away", state().EMPTY_INDICATOR == EMPTY);
    EXPECT(NOT_AVAILABLE, "cleared, no wait", READ_BLACKBOARD, board, 0LL, message, &length);
    finish();
}

int main(void)
{
    creation();
    driver = create("driver", run_driver, DRIVER);
    a = create("a", run_a, 60);
    b = create("b", run_b, 60);
    NEED(START, driver);
    return go_normal();
}
