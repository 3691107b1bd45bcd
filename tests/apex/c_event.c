/* Events: every code, and that setting one releases every waiter. */
#include "conform.h"

static EVENT_ID_TYPE event;
static PROCESS_ID_TYPE driver, a, b, c;
static RETURN_CODE_TYPE seen;

static void run_waiter(void)
{
    PROCESS_ID_TYPE me;
    NEED(GET_MY_ID, &me);
    WAIT_EVENT(event, FOREVER, &seen);
    mark(me == a ? 'a' : me == b ? 'b' : 'c');
}

static EVENT_STATUS_TYPE state(void)
{
    EVENT_STATUS_TYPE status = {.WAITING_PROCESSES = 99};
    NEED(GET_EVENT_STATUS, event, &status);
    return status;
}

static void run_driver(void)
{
    EVENT_STATUS_TYPE status;
    EVENT_ID_TYPE id;
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_EVENT, "late", &id);
    EXPECT(INVALID_PARAM, "no such event", GET_EVENT_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "an event", GET_EVENT_STATUS, event, &status);
    SHOWS(GET_EVENT_STATUS, "a new event is down", status.EVENT_STATE == DOWN && status.WAITING_PROCESSES == 0);
    EXPECT(INVALID_PARAM, "no such event", SET_EVENT, NOBODY);
    EXPECT(INVALID_PARAM, "no such event", RESET_EVENT, NOBODY);
    EXPECT(INVALID_PARAM, "no such event", WAIT_EVENT, NOBODY, 0LL);
    EXPECT(INVALID_PARAM, "time out of range", WAIT_EVENT, event, 0x7fffffffffffffffLL);
    EXPECT(NOT_AVAILABLE, "down, no wait", WAIT_EVENT, event, 0LL);
    EXPECT(TIMED_OUT, "down for 2 ms", WAIT_EVENT, event, 2 * MS);
    NEED(LOCK_PREEMPTION, &level);
    RETURN_CODE_TYPE poll = NO_ERROR, blocks = NO_ERROR;
    WAIT_EVENT(event, 0, &poll);
    WAIT_EVENT(event, 1 * MS, &blocks);
    GOT(INVALID_MODE, blocks, "down, preemption is locked", WAIT_EVENT);
    TRAP(2, WAIT_EVENT, "may be polled with preemption locked", poll == NOT_AVAILABLE && blocks == INVALID_MODE);
    NEED(UNLOCK_PREEMPTION, &level);

    NEED(START, a);
    NEED(START, b);
    NEED(START, c);
    let_others();
    SHOWS(GET_EVENT_STATUS, "counts the waiting processes", state().WAITING_PROCESSES == 3 && in_order(""));
    EXPECT(NO_ERROR, "down, three processes wait", SET_EVENT, event);
    let_others();
    TRAP(3, SET_EVENT, "releases every waiter, highest priority first", in_order("bca") && state().WAITING_PROCESSES == 0);
    GOT(NO_ERROR, seen, "after waiting", WAIT_EVENT);
    SHOWS(SET_EVENT, "the event stays up", state().EVENT_STATE == UP);
    EXPECT(NO_ERROR, "up already", SET_EVENT, event);
    EXPECT(NO_ERROR, "up, no wait", WAIT_EVENT, event, 0LL);
    EXPECT(NO_ERROR, "up, for ever", WAIT_EVENT, event, FOREVER);
    EXPECT(NO_ERROR, "up", RESET_EVENT, event);
    EXPECT(NO_ERROR, "down already", RESET_EVENT, event);
    SHOWS(RESET_EVENT, "the event is down", state().EVENT_STATE == DOWN);
    finish();
}

int main(void)
{
    EVENT_ID_TYPE id = 0;
    EXPECT(NO_ERROR, "an event", CREATE_EVENT, "event", &event);
    EXPECT(NO_ACTION, "name taken", CREATE_EVENT, "event", &id);
    EXPECT(NO_ERROR, "by name", GET_EVENT_ID, "event", &id);
    SHOWS(GET_EVENT_ID, "is what CREATE_EVENT gave", id == event);
    EXPECT(INVALID_CONFIG, "no such name", GET_EVENT_ID, "nobody", &id);
    driver = create("driver", run_driver, DRIVER);
    a = create("a", run_waiter, 20);
    b = create("b", run_waiter, 60);
    c = create("c", run_waiter, 40);
    NEED(START, driver);
    return go_normal();
}
