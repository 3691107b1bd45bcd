/* Buffers: every code, who waits in which order, and what moves where. */
#include "conform.h"

static BUFFER_ID_TYPE fifo, prio, one, full;
static PROCESS_ID_TYPE driver, a, b, c, sender, late;
static BUFFER_ID_TYPE target; /* where the receivers wait */
static RETURN_CODE_TYPE seen;
static SYSTEM_TIME_TYPE patience = FOREVER;

static void send(BUFFER_ID_TYPE buffer, char letter)
{
    APEX_BYTE message[2] = {(APEX_BYTE)letter, 0};
    NEED(SEND_BUFFER, buffer, message, 2, 0LL);
}

static void receive(char name)
{
    APEX_BYTE message[8] = {0};
    MESSAGE_SIZE_TYPE length = 0;
    RECEIVE_BUFFER(target, patience, message, &length, &seen);
    mark(name);
    mark(seen == NO_ERROR && length == 2 ? (char)message[0] : '-');
}

static void run_a(void)
{
    receive('a');
}

static void run_b(void)
{
    receive('b');
}

static void run_c(void)
{
    receive('c');
}

static void run_late(void)
{
    receive('d');
}

static void run_sender(void)
{
    APEX_BYTE message[2] = {'y', 0};
    SEND_BUFFER(one, message, 2, patience, &seen);
    mark('s');
}

static BUFFER_STATUS_TYPE state(BUFFER_ID_TYPE buffer)
{
    BUFFER_STATUS_TYPE status = {.NB_MESSAGE = 99};
    NEED(GET_BUFFER_STATUS, buffer, &status);
    return status;
}

static void creation(void)
{
    BUFFER_ID_TYPE id = 0;
    EXPECT(NO_ERROR, "FIFO", CREATE_BUFFER, "fifo", 8, 4, FIFO, &fifo);
    EXPECT(NO_ERROR, "PRIORITY", CREATE_BUFFER, "prio", 8, 4, PRIORITY, &prio);
    NEED(CREATE_BUFFER, "one", 8, 1, FIFO, &one);
    NEED(CREATE_BUFFER, "full", 8, 1, FIFO, &full);
    EXPECT(NO_ACTION, "name taken", CREATE_BUFFER, "fifo", 8, 4, FIFO, &id);
    EXPECT(INVALID_PARAM, "message size 0", CREATE_BUFFER, "bad", 0, 4, FIFO, &id);
    EXPECT(INVALID_PARAM, "negative message size", CREATE_BUFFER, "bad", -1, 4, FIFO, &id);
    EXPECT(INVALID_PARAM, "no messages", CREATE_BUFFER, "bad", 8, 0, FIFO, &id);
    EXPECT(INVALID_PARAM, "no such discipline", CREATE_BUFFER, "bad", 8, 4, (QUEUING_DISCIPLINE_TYPE)2, &id);
    EXPECT(NO_ERROR, "by name", GET_BUFFER_ID, "fifo", &id);
    SHOWS(GET_BUFFER_ID, "is what CREATE_BUFFER gave", id == fifo);
    EXPECT(INVALID_CONFIG, "no such name", GET_BUFFER_ID, "nobody", &id);
    send(full, 'x');
}

static void codes(void)
{
    APEX_BYTE message[16] = "x";
    MESSAGE_SIZE_TYPE length = 99;
    BUFFER_STATUS_TYPE status;
    LOCK_LEVEL_TYPE level;
    BUFFER_ID_TYPE id;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_BUFFER, "late", 8, 4, FIFO, &id);
    EXPECT(INVALID_PARAM, "no such buffer", GET_BUFFER_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a buffer", GET_BUFFER_STATUS, fifo, &status);
    SHOWS(GET_BUFFER_STATUS, "tells the sizes",
          status.NB_MESSAGE == 0 && status.MAX_NB_MESSAGE == 4 && status.MAX_MESSAGE_SIZE == 8 && status.WAITING_PROCESSES == 0);

    EXPECT(INVALID_PARAM, "no such buffer", SEND_BUFFER, NOBODY, message, 1, 0LL);
    EXPECT(INVALID_PARAM, "length 0", SEND_BUFFER, fifo, message, 0, 0LL);
    EXPECT(INVALID_PARAM, "negative length", SEND_BUFFER, fifo, message, -1, 0LL);
    EXPECT(INVALID_PARAM, "overlong", SEND_BUFFER, fifo, message, 9, 0LL);
    EXPECT(INVALID_PARAM, "time out of range", SEND_BUFFER, full, message, 1, 0x7fffffffffffffffLL);
    EXPECT(NO_ERROR, "largest message", SEND_BUFFER, fifo, message, 8, 0LL);
    EXPECT(NO_ERROR, "smallest message", SEND_BUFFER, fifo, message, 1, FOREVER);
    EXPECT(NOT_AVAILABLE, "full, no wait", SEND_BUFFER, full, message, 1, 0LL);
    EXPECT(TIMED_OUT, "full for 2 ms", SEND_BUFFER, full, message, 1, 2 * MS);
    SHOWS(SEND_BUFFER, "a message that timed out is not in the buffer", state(full).NB_MESSAGE == 1 && state(full).WAITING_PROCESSES == 0);

    EXPECT(INVALID_PARAM, "no such buffer", RECEIVE_BUFFER, NOBODY, 0LL, message, &length);
    EXPECT(INVALID_PARAM, "time out of range", RECEIVE_BUFFER, one, 0x7fffffffffffffffLL, message, &length);
    EXPECT(NO_ERROR, "a message waits", RECEIVE_BUFFER, fifo, 0LL, message, &length);
    SHOWS(RECEIVE_BUFFER, "the oldest comes first, with its length", length == 8);
    EXPECT(NO_ERROR, "another waits", RECEIVE_BUFFER, fifo, FOREVER, message, &length);
    SHOWS(RECEIVE_BUFFER, "then the next", length == 1 && state(fifo).NB_MESSAGE == 0);
    EXPECT(NOT_AVAILABLE, "empty, no wait", RECEIVE_BUFFER, fifo, 0LL, message, &length);
    SHOWS(RECEIVE_BUFFER, "without a message the length is 0", length == 0);
    EXPECT(TIMED_OUT, "empty for 2 ms", RECEIVE_BUFFER, fifo, 2 * MS, message, &length);

    NEED(LOCK_PREEMPTION, &level);
    EXPECT(NOT_AVAILABLE, "full, no wait, preemption locked", SEND_BUFFER, full, message, 1, 0LL);
    EXPECT(INVALID_MODE, "full, preemption is locked", SEND_BUFFER, full, message, 1, 1 * MS);
    RETURN_CODE_TYPE poll = NO_ERROR, wait = NO_ERROR;
    RECEIVE_BUFFER(fifo, 0, message, &length, &poll);
    RECEIVE_BUFFER(fifo, 1 * MS, message, &length, &wait);
    GOT(INVALID_MODE, wait, "empty, preemption is locked", RECEIVE_BUFFER);
    TRAP(2, RECEIVE_BUFFER, "may be polled with preemption locked", poll == NOT_AVAILABLE && wait == INVALID_MODE);
    NEED(UNLOCK_PREEMPTION, &level);
}

/* a, b and c wait in this order, at priorities 20, 60 and 40. */
static void ask(BUFFER_ID_TYPE buffer)
{
    target = buffer;
    NEED(START, a);
    let_others();
    NEED(START, b);
    NEED(START, c);
    let_others();
}

static void disciplines(void)
{
    ask(fifo);
    SHOWS(GET_BUFFER_STATUS, "counts the waiting processes", state(fifo).WAITING_PROCESSES == 3);
    send(fifo, '1'), let_others();
    send(fifo, '2'), let_others();
    send(fifo, '3'), let_others();
    TRAP(3, SEND_BUFFER, "FIFO serves the waiting processes in the order of arrival", in_order("a1b2c3"));
    ask(prio);
    send(prio, '1'), let_others();
    send(prio, '2'), let_others();
    send(prio, '3'), let_others();
    TRAP(3, SEND_BUFFER, "PRIORITY serves the waiting processes by priority", in_order("b1c2a3"));
    NEED(START, late);
    let_others();
    NEED(START, a);
    let_others();
    send(prio, '1'), let_others();
    send(prio, '2'), let_others();
    TRAP(3, SEND_BUFFER, "PRIORITY is FIFO among equals", in_order("d1a2"));
}

static void handing_over(void)
{
    LOCK_LEVEL_TYPE level;
    APEX_BYTE message[8] = {0};
    MESSAGE_SIZE_TYPE length;
    target = one;
    NEED(START, b);
    NEED(LOCK_PREEMPTION, &level);
    send(one, 'p');
    int empty = state(one).NB_MESSAGE == 0 && state(one).WAITING_PROCESSES == 0;
    send(one, 'q');
    TRAP(4, SEND_BUFFER, "with a receiver waiting hands the message over directly", empty && state(one).NB_MESSAGE == 1);
    NEED(UNLOCK_PREEMPTION, &level);
    SHOWS(SEND_BUFFER, "the receiver has the message that was handed over", in_order("bp"));

    NEED(START, sender);
    SHOWS(SEND_BUFFER, "a sender waits while the buffer is full", state(one).WAITING_PROCESSES == 1 && in_order(""));
    NEED(LOCK_PREEMPTION, &level);
    NEED(RECEIVE_BUFFER, one, 0LL, message, &length);
    TRAP(4, RECEIVE_BUFFER, "moves the first waiting sender's message in",
         message[0] == 'q' && state(one).NB_MESSAGE == 1 && state(one).WAITING_PROCESSES == 0);
    NEED(UNLOCK_PREEMPTION, &level);
    GOT(NO_ERROR, seen, "after waiting", SEND_BUFFER);
    NEED(RECEIVE_BUFFER, one, 0LL, message, &length);
    SHOWS(RECEIVE_BUFFER, "gets the message that moved in", message[0] == 'y' && in_order("s"));
}

static void run_driver(void)
{
    codes();
    disciplines();
    handing_over();
    finish();
}

int main(void)
{
    creation();
    driver = create("driver", run_driver, DRIVER);
    a = create("a", run_a, 20);
    b = create("b", run_b, 60);
    c = create("c", run_c, 40);
    sender = create("sender", run_sender, 60);
    late = create("late", run_late, 20);
    NEED(START, driver);
    return go_normal();
}
