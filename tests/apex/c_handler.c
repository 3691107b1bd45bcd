/* The error handler: what it is told, what it may call, and errors of every kind that a process can make. */
#include "conform.h"

static PROCESS_ID_TYPE driver, failing, late;
static MUTEX_ID_TYPE mutex;
static BUFFER_ID_TYPE empty, full;
static SEMAPHORE_ID_TYPE semaphore;
static EVENT_ID_TYPE event;
static BLACKBOARD_ID_TYPE board;

/* What the handler does when it runs next. */
static enum { LOOK, REFUSALS, STOP_IT, TWO_ERRORS } task;
static ERROR_STATUS_TYPE told;
static RETURN_CODE_TYPE told_code;
static int handled;

static void text(APEX_BYTE *to, const char *from)
{
    while ((*to++ = (APEX_BYTE)*from++))
        ;
}

/* All that a handler must not do. */
static void refusals(void)
{
    APEX_BYTE message[8] = "x";
    MESSAGE_SIZE_TYPE length;
    PROCESS_ID_TYPE id;
    PROCESS_INDEX_TYPE index;
    LOCK_LEVEL_TYPE level;
    ERROR_STATUS_TYPE none;
    EXPECT(NO_ACTION, "no error is left", GET_ERROR_STATUS, &none);
    EXPECT(INVALID_MODE, "the error handler", GET_MY_ID, &id);
    EXPECT(INVALID_MODE, "the error handler", GET_MY_INDEX, &index);
    EXPECT(INVALID_MODE, "the error handler", SUSPEND_SELF, 1 * MS);
    EXPECT(INVALID_MODE, "the error handler", TIMED_WAIT, 1 * MS);
    EXPECT0(INVALID_MODE, "the error handler", PERIODIC_WAIT);
    EXPECT(NO_ACTION, "the error handler", REPLENISH, 1 * MS);
    EXPECT(NO_ACTION, "the error handler", LOCK_PREEMPTION, &level);
    EXPECT(NO_ACTION, "the error handler", UNLOCK_PREEMPTION, &level);
    EXPECT(INVALID_MODE, "the error handler", ACQUIRE_MUTEX, mutex, FOREVER);
    EXPECT(INVALID_MODE, "the error handler", SEND_BUFFER, full, message, 1, FOREVER);
    EXPECT(INVALID_MODE, "the error handler", RECEIVE_BUFFER, empty, 1 * MS, message, &length);
    EXPECT(INVALID_MODE, "the error handler", READ_BLACKBOARD, board, 1 * MS, message, &length);
    EXPECT(INVALID_MODE, "the error handler", WAIT_SEMAPHORE, semaphore, 1 * MS);
    EXPECT(INVALID_MODE, "the error handler", WAIT_EVENT, event, FOREVER);
    RETURN_CODE_TYPE send = NO_ERROR, receive = NO_ERROR, read = NO_ERROR, wait = NO_ERROR, event_wait = NO_ERROR;
    SEND_BUFFER(full, message, 1, 0, &send);
    RECEIVE_BUFFER(empty, 0, message, &length, &receive);
    READ_BLACKBOARD(board, 0, message, &length, &read);
    WAIT_SEMAPHORE(semaphore, 0, &wait);
    WAIT_EVENT(event, 0, &event_wait);
    TRAP(2, WAIT_SEMAPHORE, "and all others may be polled by the error handler",
         send == NOT_AVAILABLE && receive == NOT_AVAILABLE && read == NOT_AVAILABLE && wait == NOT_AVAILABLE &&
             event_wait == NOT_AVAILABLE);
    EXPECT(NO_ERROR, "the error handler", SIGNAL_SEMAPHORE, semaphore);
    EXPECT(NO_ERROR, "the error handler", SET_EVENT, event);
    SHOWS(GET_PROCESS_STATUS, "the process that failed is faulted while it is handled", state_of(told.FAILED_PROCESS_ID) == FAULTED);
    EXPECT(INVALID_MODE, "faulted", SUSPEND, told.FAILED_PROCESS_ID);
}

/* Two processes fail before the handler asks: the errors queue. */
static void two_errors(void)
{
    SYSTEM_TIME_TYPE until = now() + 25 * MS; /* longer than the time capacity of `late` */
    while (now() < until)
        ;
    ERROR_STATUS_TYPE second;
    RETURN_CODE_TYPE code = (RETURN_CODE_TYPE)99;
    GET_ERROR_STATUS(&second, &code);
    TRAP(11, GET_ERROR_STATUS, "errors queue for the handler",
         code == NO_ERROR && second.ERROR_CODE == DEADLINE_MISSED && second.FAILED_PROCESS_ID == late);
    NEED(STOP, late);
}

static void handle(void)
{
    handled++;
    GET_ERROR_STATUS(&told, &told_code);
    mark('e');
    if (task == REFUSALS)
        refusals();
    else if (task == TWO_ERRORS)
        two_errors();
    else if (task == STOP_IT)
        NEED(STOP, told.FAILED_PROCESS_ID);
    task = LOOK;
}

/* What the failing process does when it is started. */
static void (*mistake)(void);

static void run_failing(void)
{
    mark('f');
    mistake();
    mark('g');
}

static void divide_by_zero(void)
{
    volatile int zero = 0, one = 1;
    one = one / zero;
}

static void illegal_instruction(void)
{
    __asm__ volatile("ud2");
}

static void write_nowhere(void)
{
    volatile int *volatile nowhere = (volatile int *)0x10;
    *nowhere = 1;
}

__attribute__((noinline)) static int fill_stack(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth < 1000000 ? fill_stack(depth + 1) + frame[0] : 0;
}

static void overflow_stack(void)
{
    mark((char)fill_stack(0));
}

static void take_too_long(void)
{
    /* An empty loop would be no basic block to gcc, and so take no virtual time. */
    for (volatile unsigned round = 0;; round++)
        ;
}

static void wait_too_long(void)
{
    pause_ms(1000);
}

/* Starts the failing process; its error stops it before the driver goes on. */
static int fails(void (*how)(void), ERROR_CODE_TYPE code)
{
    task = STOP_IT;
    mistake = how;
    told_code = (RETURN_CODE_TYPE)99;
    told.ERROR_CODE = (ERROR_CODE_TYPE)99;
    NEED(START, failing);
    if (told_code != NO_ERROR || told.ERROR_CODE != code || told.FAILED_PROCESS_ID != failing)
        bh_printf("note: code %d, process %d, %s\n", told.ERROR_CODE, told.FAILED_PROCESS_ID, code_name(told_code));
    return told_code == NO_ERROR && told.ERROR_CODE == code && told.FAILED_PROCESS_ID == failing &&
           in_order("fe") && state_of(failing) == DORMANT;
}

static void raising(void)
{
    APEX_BYTE message[MAX_ERROR_MESSAGE_SIZE + 1];
    ERROR_STATUS_TYPE status;
    LOCK_LEVEL_TYPE level;
    text(message, "pitot tube iced");
    EXPECT(INVALID_MODE, "in NORMAL", CONFIGURE_ERROR_HANDLER, PROCESSES_PAUSE, 0);
    EXPECT(INVALID_CONFIG, "not the error handler", GET_ERROR_STATUS, &status);
    EXPECT(INVALID_PARAM, "negative length", RAISE_APPLICATION_ERROR, APPLICATION_ERROR, message, -1);
    EXPECT(INVALID_PARAM, "longer than 128 bytes", RAISE_APPLICATION_ERROR, APPLICATION_ERROR, message, 129);
    EXPECT(INVALID_PARAM, "a code of the system's", RAISE_APPLICATION_ERROR, NUMERIC_ERROR, message, 15);
    SHOWS(RAISE_APPLICATION_ERROR, "refused, it starts no handler", handled == 0);

    mark('<');
    EXPECT(NO_ERROR, "a process, with a handler", RAISE_APPLICATION_ERROR, APPLICATION_ERROR, message, 15);
    mark('>');
    TRAP(11, RAISE_APPLICATION_ERROR, "the handler runs at once, above all processes", in_order("<e>"));
    GOT(NO_ERROR, told_code, "an error is there", GET_ERROR_STATUS);
    SHOWS(GET_ERROR_STATUS, "tells code, process and message",
          told.ERROR_CODE == APPLICATION_ERROR && told.FAILED_PROCESS_ID == driver && told.LENGTH == 15 &&
              told.MESSAGE[0] == 'p' && told.MESSAGE[14] == 'd');

    task = REFUSALS;
    NEED(RAISE_APPLICATION_ERROR, APPLICATION_ERROR, message, 128);
    SHOWS(STOP_SELF, "a handler that returns lets the process go on", in_order("e") && handled == 2);

    NEED(LOCK_PREEMPTION, &level);
    NEED(RAISE_APPLICATION_ERROR, APPLICATION_ERROR, message, 15);
    TRAP(10, LOCK_PREEMPTION, "does not bar the error handler", in_order("e"));
    NEED(UNLOCK_PREEMPTION, &level);
}

static void messages(void)
{
    APEX_BYTE message[MAX_ERROR_MESSAGE_SIZE + 1] = "flaps 20";
    EXPECT(INVALID_PARAM, "negative length", REPORT_APPLICATION_MESSAGE, message, -1);
    EXPECT(INVALID_PARAM, "longer than 128 bytes", REPORT_APPLICATION_MESSAGE, message, MAX_ERROR_MESSAGE_SIZE + 1);
    EXPECT(NO_ERROR, "a message", REPORT_APPLICATION_MESSAGE, message, 8);
    for (int i = 0; i < MAX_ERROR_MESSAGE_SIZE; i++)
        message[i] = (APEX_BYTE)('a' + i % 26);
    EXPECT(NO_ERROR, "the longest message", REPORT_APPLICATION_MESSAGE, message, MAX_ERROR_MESSAGE_SIZE);
}

static void faults(void)
{
    SHOWS(GET_ERROR_STATUS, "division by zero is NUMERIC_ERROR", fails(divide_by_zero, NUMERIC_ERROR));
    SHOWS(GET_ERROR_STATUS, "an illegal instruction is ILLEGAL_REQUEST", fails(illegal_instruction, ILLEGAL_REQUEST));
    SHOWS(GET_ERROR_STATUS, "a write to nowhere is MEMORY_VIOLATION", fails(write_nowhere, MEMORY_VIOLATION));
    SHOWS(GET_ERROR_STATUS, "endless recursion is STACK_OVERFLOW", fails(overflow_stack, STACK_OVERFLOW));
    SHOWS(GET_ERROR_STATUS, "again, after all these", fails(divide_by_zero, NUMERIC_ERROR));
}

/* `late` has a time capacity of 10 ms. */
static void deadlines(void)
{
    mistake = take_too_long;
    task = STOP_IT;
    NEED(START, late);
    SHOWS(GET_ERROR_STATUS, "a process that computes past its deadline is DEADLINE_MISSED",
          told.ERROR_CODE == DEADLINE_MISSED && told.FAILED_PROCESS_ID == late && in_order("fe"));
    mistake = wait_too_long;
    task = STOP_IT;
    NEED(START, late);
    pause_ms(60);
    SHOWS(GET_ERROR_STATUS, "a process that waits past its deadline is DEADLINE_MISSED",
          told.ERROR_CODE == DEADLINE_MISSED && told.FAILED_PROCESS_ID == late && in_order("fe"));
    NEED(START, late);
    task = TWO_ERRORS;
    NEED(RAISE_APPLICATION_ERROR, APPLICATION_ERROR, (MESSAGE_ADDR_TYPE) "two", 3);
    SHOWS(STOP, "by the handler stops a process that failed", state_of(late) == DORMANT);
}

static void run_driver(void)
{
    raising();
    messages();
    faults();
    deadlines();
    finish();
}

int main(void)
{
    ERROR_STATUS_TYPE none;
    SYSTEM_ADDRESS_TYPE entry = (SYSTEM_ADDRESS_TYPE)(unsigned long)handle;
    EXPECT(INVALID_CONFIG, "there is no handler", CONFIGURE_ERROR_HANDLER, PROCESSES_PAUSE, 0);
    EXPECT(INVALID_CONFIG, "more stack than there is memory", CREATE_ERROR_HANDLER, entry, 0xf0000000u);
    EXPECT(NO_ERROR, "in start-up", CREATE_ERROR_HANDLER, entry, STACK);
    EXPECT(NO_ACTION, "there is one", CREATE_ERROR_HANDLER, entry, STACK);
    EXPECT(INVALID_PARAM, "no such control", CONFIGURE_ERROR_HANDLER, (ERROR_HANDLER_CONCURRENCY_CONTROL_TYPE)2, 0);
    EXPECT(INVALID_CONFIG, "no such core", CONFIGURE_ERROR_HANDLER, PROCESSES_PAUSE, 63);
    EXPECT(NO_ERROR, "on the partition's core", CONFIGURE_ERROR_HANDLER, PROCESSES_PAUSE, 0);
    EXPECT(INVALID_CONFIG, "the main process", GET_ERROR_STATUS, &none);

    NEED(CREATE_MUTEX, "mutex", MAX_PRIORITY_VALUE, FIFO, &mutex);
    NEED(CREATE_BUFFER, "empty", 8, 1, FIFO, &empty);
    NEED(CREATE_BUFFER, "full", 8, 1, FIFO, &full);
    NEED(SEND_BUFFER, full, (MESSAGE_ADDR_TYPE) "x", 1, 0LL);
    NEED(CREATE_SEMAPHORE, "semaphore", 0, 1, FIFO, &semaphore);
    NEED(CREATE_EVENT, "event", &event);
    NEED(CREATE_BLACKBOARD, "board", 8, &board);
    driver = create("driver", run_driver, DRIVER);
    failing = create("failing", run_failing, 60);
    PROCESS_ATTRIBUTE_TYPE a = attributes("late", run_failing, 60);
    a.TIME_CAPACITY = 10 * MS;
    a.DEADLINE = HARD;
    NEED(CREATE_PROCESS, &a, &late);
    NEED(START, driver);
    return go_normal();
}
