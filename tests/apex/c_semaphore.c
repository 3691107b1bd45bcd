/* Semaphores: every code, the order of service, and what suspension does to a process that waits. */
#include "conform.h"

static SEMAPHORE_ID_TYPE fifo, prio, target;
static PROCESS_ID_TYPE driver, a, b, c, d;
static RETURN_CODE_TYPE seen;
static SYSTEM_TIME_TYPE patience = FOREVER;

static void wait(char name)
{
    RETURN_CODE_TYPE code = (RETURN_CODE_TYPE)99;
    WAIT_SEMAPHORE(target, patience, &code);
    seen = code;
    mark(name);
}

static void run_a(void)
{
    wait('a');
}

static void run_b(void)
{
    wait('b');
}

static void run_c(void)
{
    wait('c');
}

static void run_d(void)
{
    wait('d');
}

static SEMAPHORE_STATUS_TYPE state(SEMAPHORE_ID_TYPE semaphore)
{
    SEMAPHORE_STATUS_TYPE status = {.CURRENT_VALUE = 99};
    NEED(GET_SEMAPHORE_STATUS, semaphore, &status);
    return status;
}

static void creation(void)
{
    SEMAPHORE_ID_TYPE id = 0;
    EXPECT(NO_ERROR, "FIFO", CREATE_SEMAPHORE, "fifo", 1, 2, FIFO, &fifo);
    EXPECT(NO_ERROR, "PRIORITY", CREATE_SEMAPHORE, "prio", 0, 2, PRIORITY, &prio);
    EXPECT(NO_ACTION, "name taken", CREATE_SEMAPHORE, "fifo", 1, 2, FIFO, &id);
    EXPECT(INVALID_PARAM, "negative value", CREATE_SEMAPHORE, "bad", -1, 2, FIFO, &id);
    EXPECT(INVALID_PARAM, "value over the maximum", CREATE_SEMAPHORE, "bad", 3, 2, FIFO, &id);
    EXPECT(INVALID_PARAM, "negative maximum", CREATE_SEMAPHORE, "bad", 0, -1, FIFO, &id);
    EXPECT(INVALID_PARAM, "maximum over MAX_SEMAPHORE_VALUE", CREATE_SEMAPHORE, "bad", 0, MAX_SEMAPHORE_VALUE + 1, FIFO, &id);
    EXPECT(INVALID_PARAM, "no such discipline", CREATE_SEMAPHORE, "bad", 0, 2, (QUEUING_DISCIPLINE_TYPE)2, &id);
    EXPECT(NO_ERROR, "by name", GET_SEMAPHORE_ID, "prio", &id);
    SHOWS(GET_SEMAPHORE_ID, "is what CREATE_SEMAPHORE gave", id == prio);
    EXPECT(INVALID_CONFIG, "no such name", GET_SEMAPHORE_ID, "nobody", &id);
}

static void codes(void)
{
    SEMAPHORE_STATUS_TYPE status;
    SEMAPHORE_ID_TYPE id;
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_SEMAPHORE, "late", 1, 2, FIFO, &id);
    EXPECT(INVALID_PARAM, "no such semaphore", GET_SEMAPHORE_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a semaphore", GET_SEMAPHORE_STATUS, fifo, &status);
    SHOWS(GET_SEMAPHORE_STATUS, "tells value and maximum",
          status.CURRENT_VALUE == 1 && status.MAXIMUM_VALUE == 2 && status.WAITING_PROCESSES == 0);
    EXPECT(INVALID_PARAM, "no such semaphore", SIGNAL_SEMAPHORE, NOBODY);
    EXPECT(NO_ERROR, "below the maximum", SIGNAL_SEMAPHORE, fifo);
    EXPECT(NO_ACTION, "at the maximum", SIGNAL_SEMAPHORE, fifo);
    SHOWS(SIGNAL_SEMAPHORE, "the value stays at the maximum", state(fifo).CURRENT_VALUE == 2);
    EXPECT(INVALID_PARAM, "no such semaphore", WAIT_SEMAPHORE, NOBODY, 0LL);
    EXPECT(INVALID_PARAM, "time out of range", WAIT_SEMAPHORE, prio, 0x7fffffffffffffffLL);
    EXPECT(NO_ERROR, "value 2, no wait", WAIT_SEMAPHORE, fifo, 0LL);
    EXPECT(NO_ERROR, "value 1, for ever", WAIT_SEMAPHORE, fifo, FOREVER);
    EXPECT(NOT_AVAILABLE, "value 0, no wait", WAIT_SEMAPHORE, fifo, 0LL);
    SYSTEM_TIME_TYPE before = now();
    EXPECT(TIMED_OUT, "value 0 for 2 ms", WAIT_SEMAPHORE, fifo, 2 * MS);
    SHOWS(WAIT_SEMAPHORE, "does not time out early", now() - before >= 2 * MS);
    NEED(LOCK_PREEMPTION, &level);
    RETURN_CODE_TYPE poll = NO_ERROR, blocks = NO_ERROR;
    WAIT_SEMAPHORE(fifo, 0, &poll);
    WAIT_SEMAPHORE(fifo, FOREVER, &blocks);
    GOT(INVALID_MODE, blocks, "value 0, preemption is locked", WAIT_SEMAPHORE);
    TRAP(2, WAIT_SEMAPHORE, "may be polled with preemption locked", poll == NOT_AVAILABLE && blocks == INVALID_MODE);
    NEED(UNLOCK_PREEMPTION, &level);

    patience = -7;
    target = fifo;
    NEED(START, b);
    pause_ms(15);
    int waited = in_order("") && state_of(b) == WAITING;
    NEED(SIGNAL_SEMAPHORE, fifo);
    TRAP(2, WAIT_SEMAPHORE, "takes any negative time for infinite", waited && in_order("b") && seen == NO_ERROR);
    patience = FOREVER;
}

/* a, d, b and c wait in this order, at priorities 20, 20, 60 and 40. */
static void line_up(SEMAPHORE_ID_TYPE semaphore)
{
    target = semaphore;
    NEED(START, a);
    let_others();
    NEED(START, d);
    let_others();
    NEED(START, b);
    NEED(START, c);
    let_others();
}

static void serve(SEMAPHORE_ID_TYPE semaphore)
{
    for (int i = 0; i < 4; i++) {
        NEED(SIGNAL_SEMAPHORE, semaphore);
        let_others();
    }
}

static void disciplines(void)
{
    LOCK_LEVEL_TYPE level;
    line_up(fifo);
    SHOWS(GET_SEMAPHORE_STATUS, "counts the waiting processes", state(fifo).WAITING_PROCESSES == 4);
    serve(fifo);
    TRAP(3, SIGNAL_SEMAPHORE, "FIFO serves the waiting processes in the order of arrival", in_order("adbc"));
    line_up(prio);
    serve(prio);
    TRAP(3, SIGNAL_SEMAPHORE, "PRIORITY serves them by priority, FIFO among equals", in_order("bcad"));

    target = fifo;
    NEED(START, b);
    NEED(LOCK_PREEMPTION, &level);
    EXPECT(NO_ERROR, "a process waits", SIGNAL_SEMAPHORE, fifo);
    TRAP(4, SIGNAL_SEMAPHORE, "with a process waiting leaves the value as it was",
         state(fifo).CURRENT_VALUE == 0 && state(fifo).WAITING_PROCESSES == 0);
    NEED(UNLOCK_PREEMPTION, &level);
    SHOWS(SIGNAL_SEMAPHORE, "the process that waited goes on", in_order("b"));
    EXPECT(NO_ERROR, "a process that waits", START, b);
    EXPECT(NO_ERROR, "a process that waits", STOP, b);
    SHOWS(STOP, "a stopped process leaves the queue", state(fifo).WAITING_PROCESSES == 0);
}

static void suspended_waiters(void)
{
    target = fifo;
    NEED(START, b);
    EXPECT(NO_ERROR, "a process that waits", SUSPEND, b);
    NEED(SIGNAL_SEMAPHORE, fifo);
    int held = in_order("") && state_of(b) == WAITING;
    NEED(RESUME, b);
    TRAP(5, SIGNAL_SEMAPHORE, "does not make a suspended waiter ready", held && in_order("b") && seen == NO_ERROR);

    NEED(START, b);
    NEED(SUSPEND, b);
    EXPECT(NO_ERROR, "suspended, and waits", RESUME, b);
    int waits = in_order("") && state_of(b) == WAITING && state(fifo).WAITING_PROCESSES == 1;
    NEED(SIGNAL_SEMAPHORE, fifo);
    TRAP(5, RESUME, "leaves a process that still waits waiting", waits && in_order("b"));

    patience = 2 * MS;
    NEED(START, b);
    NEED(SUSPEND, b);
    pause_ms(10);
    held = in_order("") && state_of(b) == WAITING;
    NEED(RESUME, b);
    TRAP(5, WAIT_SEMAPHORE, "a time-out does not make a suspended waiter ready", held && in_order("b") && seen == TIMED_OUT);
}

static void run_driver(void)
{
    codes();
    disciplines();
    suspended_waiters();
    finish();
}

int main(void)
{
    creation();
    driver = create("driver", run_driver, DRIVER);
    a = create("a", run_a, 20);
    b = create("b", run_b, 60);
    c = create("c", run_c, 40);
    d = create("d", run_d, 20);
    NEED(START, driver);
    return go_normal();
}
