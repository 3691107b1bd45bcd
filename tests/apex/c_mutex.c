/* Mutexes: every code, the priority ceiling, and who gets the mutex next. */
#include "conform.h"

static MUTEX_ID_TYPE mutex, second, low_ceiling, left;
static PROCESS_ID_TYPE driver, a, b, c, holder, crashed;
static RETURN_CODE_TYPE seen;

static MUTEX_STATUS_TYPE state(MUTEX_ID_TYPE id)
{
    MUTEX_STATUS_TYPE status = {.LOCK_COUNT = 99};
    NEED(GET_MUTEX_STATUS, id, &status);
    return status;
}

static MUTEX_ID_TYPE owned_by(PROCESS_ID_TYPE process)
{
    MUTEX_ID_TYPE id = 99;
    NEED(GET_PROCESS_MUTEX_STATE, process, &id);
    return id;
}

/* Fails while it owns a mutex. */
static void run_crashed(void)
{
    volatile int zero = 0, one = 1;
    NEED(ACQUIRE_MUTEX, left, FOREVER);
    mark('x');
    one = one / zero;
    mark('!');
}

/* Leaves the process as it is: faulted, and still the owner. */
static void handle(void)
{
    ERROR_STATUS_TYPE status;
    NEED(GET_ERROR_STATUS, &status);
}

/* Acquires what the crashed process left locked, as soon as it can. */
static void contender(char name)
{
    ACQUIRE_MUTEX(left, FOREVER, &seen);
    mark(name);
    RETURN_CODE_TYPE code;
    RELEASE_MUTEX(left, &code);
}

static void run_a(void)
{
    contender('a');
}

static void run_b(void)
{
    contender('b');
}

static void run_c(void)
{
    contender('c');
}

/* Owns the mutex while the driver, above its ceiling, looks. */
static void run_holder(void)
{
    NEED(ACQUIRE_MUTEX, low_ceiling, FOREVER);
    mark('o');
    NEED(RESUME, driver);
    mark('r');
    RELEASE_MUTEX(low_ceiling, &seen);
}

static void creation(void)
{
    MUTEX_ID_TYPE id = 0;
    EXPECT(NO_ERROR, "PRIORITY", CREATE_MUTEX, "mutex", 60, PRIORITY, &mutex);
    EXPECT(NO_ERROR, "FIFO", CREATE_MUTEX, "second", 60, FIFO, &second);
    NEED(CREATE_MUTEX, "low", 40, FIFO, &low_ceiling);
    NEED(CREATE_MUTEX, "left", 70, PRIORITY, &left);
    EXPECT(NO_ACTION, "name taken", CREATE_MUTEX, "mutex", 60, PRIORITY, &id);
    EXPECT(INVALID_PARAM, "priority 0", CREATE_MUTEX, "bad", MIN_PRIORITY_VALUE - 1, FIFO, &id);
    EXPECT(INVALID_PARAM, "priority 240", CREATE_MUTEX, "bad", MAX_PRIORITY_VALUE + 1, FIFO, &id);
    EXPECT(INVALID_PARAM, "no such discipline", CREATE_MUTEX, "bad", 60, (QUEUING_DISCIPLINE_TYPE)2, &id);
    EXPECT(NO_ERROR, "by name", GET_MUTEX_ID, "mutex", &id);
    SHOWS(GET_MUTEX_ID, "is what CREATE_MUTEX gave", id == mutex);
    EXPECT(INVALID_CONFIG, "no such name", GET_MUTEX_ID, "nobody", &id);
}

static void codes(void)
{
    MUTEX_STATUS_TYPE status;
    MUTEX_ID_TYPE id;
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_MODE, "in NORMAL", CREATE_MUTEX, "late", 60, FIFO, &id);
    EXPECT(INVALID_PARAM, "no such mutex", GET_MUTEX_STATUS, NOBODY, &status);
    EXPECT(NO_ERROR, "a mutex", GET_MUTEX_STATUS, mutex, &status);
    SHOWS(GET_MUTEX_STATUS, "a new mutex is available",
          status.MUTEX_STATE == AVAILABLE && status.MUTEX_OWNER == NULL_PROCESS_ID && status.MUTEX_PRIORITY == 60 &&
              status.LOCK_COUNT == 0 && status.WAITING_PROCESSES == 0);
    EXPECT(INVALID_PARAM, "no such process", GET_PROCESS_MUTEX_STATE, NOBODY, &id);
    EXPECT(NO_ERROR, "a process that owns none", GET_PROCESS_MUTEX_STATE, driver, &id);
    SHOWS(GET_PROCESS_MUTEX_STATE, "tells NO_MUTEX_OWNED", id == NO_MUTEX_OWNED);

    EXPECT(INVALID_PARAM, "no such mutex", ACQUIRE_MUTEX, NOBODY, 0LL);
    EXPECT(INVALID_PARAM, "the preemption lock", ACQUIRE_MUTEX, PREEMPTION_LOCK_MUTEX, 0LL);
    EXPECT(INVALID_PARAM, "time out of range", ACQUIRE_MUTEX, mutex, 0x7fffffffffffffffLL);
    EXPECT(INVALID_MODE, "priority above the ceiling", ACQUIRE_MUTEX, low_ceiling, 0LL);
    EXPECT(INVALID_PARAM, "no such mutex", RELEASE_MUTEX, NOBODY);
    EXPECT(INVALID_PARAM, "the preemption lock", RELEASE_MUTEX, PREEMPTION_LOCK_MUTEX);
    EXPECT(INVALID_MODE, "not the owner", RELEASE_MUTEX, mutex);
    EXPECT(INVALID_PARAM, "no such mutex", RESET_MUTEX, NOBODY, driver);
    EXPECT(INVALID_PARAM, "the preemption lock", RESET_MUTEX, PREEMPTION_LOCK_MUTEX, driver);
    EXPECT(INVALID_PARAM, "no such process", RESET_MUTEX, mutex, NOBODY);
    EXPECT(INVALID_MODE, "the process is not the owner", RESET_MUTEX, mutex, driver);

    EXPECT(NO_ERROR, "available, for ever", ACQUIRE_MUTEX, mutex, FOREVER);
    SHOWS(ACQUIRE_MUTEX, "the owner runs at the mutex' priority", status_of(driver).CURRENT_PRIORITY == 60);
    SHOWS(GET_MUTEX_STATUS, "tells the owner", state(mutex).MUTEX_STATE == OWNED && state(mutex).MUTEX_OWNER == driver);
    SHOWS(GET_PROCESS_MUTEX_STATE, "tells the mutex", owned_by(driver) == mutex);
    EXPECT(NO_ERROR, "owned by the caller", ACQUIRE_MUTEX, mutex, 0LL);
    SHOWS(ACQUIRE_MUTEX, "counts", state(mutex).LOCK_COUNT == 2);
    EXPECT(INVALID_MODE, "another mutex is held", ACQUIRE_MUTEX, second, 0LL);
    EXPECT(INVALID_MODE, "a mutex is held", LOCK_PREEMPTION, &level);
    for (int i = 2; i < MAX_LOCK_LEVEL; i++)
        NEED(ACQUIRE_MUTEX, mutex, 0LL);
    EXPECT(INVALID_CONFIG, "lock count at MAX_LOCK_LEVEL", ACQUIRE_MUTEX, mutex, 0LL);
    EXPECT(NO_ERROR, "not the last time", RELEASE_MUTEX, mutex);
    SHOWS(RELEASE_MUTEX, "counts down and keeps the mutex", state(mutex).LOCK_COUNT == MAX_LOCK_LEVEL - 1 && owned_by(driver) == mutex);
    EXPECT(NO_ERROR, "the owner's, locked many times", RESET_MUTEX, mutex, driver);
    SHOWS(RESET_MUTEX, "the mutex is available, the priority as before",
          state(mutex).MUTEX_STATE == AVAILABLE && state(mutex).LOCK_COUNT == 0 && status_of(driver).CURRENT_PRIORITY == DRIVER);
    NEED(ACQUIRE_MUTEX, mutex, 0LL);
    EXPECT(NO_ERROR, "the last time", RELEASE_MUTEX, mutex);
    SHOWS(RELEASE_MUTEX, "gives the priority back", status_of(driver).CURRENT_PRIORITY == DRIVER && owned_by(driver) == NO_MUTEX_OWNED);

    NEED(LOCK_PREEMPTION, &level);
    EXPECT(INVALID_MODE, "preemption is locked", ACQUIRE_MUTEX, mutex, 0LL);
    SHOWS(GET_PROCESS_MUTEX_STATE, "the preemption lock counts as a mutex", owned_by(driver) == PREEMPTION_LOCK_MUTEX);
    NEED(UNLOCK_PREEMPTION, &level);
}

/* A process may not wait while it owns a mutex, and none above the ceiling may ask for it: on one core nobody meets an owner
 * in the way, but for one that faulted. */
static void contention(void)
{
    NEED(START, holder);
    NEED(SUSPEND_SELF, FOREVER);
    SHOWS(GET_MUTEX_STATUS, "a lower owner is at the ceiling", state(low_ceiling).MUTEX_OWNER == holder && status_of(holder).CURRENT_PRIORITY == 40);
    EXPECT(INVALID_MODE, "another owns it", RELEASE_MUTEX, low_ceiling);
    EXPECT(NO_ERROR, "of another process", RESET_MUTEX, low_ceiling, holder);
    SHOWS(RESET_MUTEX, "the former owner is back at its priority", status_of(holder).CURRENT_PRIORITY == 30);
    let_others();
    GOT(INVALID_MODE, seen, "taken away meanwhile", RELEASE_MUTEX);
    SHOWS(RESET_MUTEX, "the former owner goes on", in_order("or"));

    NEED(START, holder);
    NEED(SUSPEND_SELF, FOREVER);
    EXPECT(NO_ERROR, "the owner of a mutex", STOP, holder);
    SHOWS(STOP, "gives the mutex back", state(low_ceiling).MUTEX_STATE == AVAILABLE && in_order("o"));

    NEED(START, crashed);
    SHOWS(GET_MUTEX_STATUS, "a process that faulted still owns it", state(left).MUTEX_OWNER == crashed && in_order("x"));
    EXPECT(NOT_AVAILABLE, "owned, no wait", ACQUIRE_MUTEX, left, 0LL);
    EXPECT(TIMED_OUT, "owned for 2 ms", ACQUIRE_MUTEX, left, 2 * MS);
    NEED(START, a);
    let_others();
    NEED(START, b);
    NEED(START, c);
    let_others();
    SHOWS(GET_MUTEX_STATUS, "counts the waiting processes", state(left).WAITING_PROCESSES == 3 && in_order(""));
    EXPECT(INVALID_MODE, "it waits for a mutex", SUSPEND, a);
    EXPECT(NO_ERROR, "of a process that faulted", RESET_MUTEX, left, crashed);
    let_others();
    TRAP(3, RESET_MUTEX, "PRIORITY gives the mutex to the highest process that waits", in_order("bca"));
    GOT(NO_ERROR, seen, "after waiting", ACQUIRE_MUTEX);
}

static void run_driver(void)
{
    codes();
    contention();
    finish();
}

int main(void)
{
    creation();
    NEED(CREATE_ERROR_HANDLER, (SYSTEM_ADDRESS_TYPE)(unsigned long)handle, STACK);
    driver = create("driver", run_driver, DRIVER);
    a = create("a", run_a, 20);
    b = create("b", run_b, 60);
    c = create("c", run_c, 40);
    holder = create("holder", run_holder, 30);
    crashed = create("crashed", run_crashed, 60);
    NEED(START, driver);
    return go_normal();
}
