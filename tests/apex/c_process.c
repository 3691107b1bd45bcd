/* Processes at work: priorities, suspension, stopping, starting, the preemption lock. The driver, at priority 50, runs the
 * script; helpers above and below it leave letters in the order in which they ran. */
#include "conform.h"

static PROCESS_ID_TYPE driver, low, twin, high, waiter, locker, owner, beat, delayed;
static MUTEX_ID_TYPE mutex;
static RETURN_CODE_TYPE seen;

static void run_low(void)
{
    mark('l');
}

static void run_twin(void)
{
    mark('t');
}

static void run_high(void)
{
    mark('h');
}

static void run_waiter(void)
{
    seen = (RETURN_CODE_TYPE)99;
    mark('w');
    SUSPEND_SELF(FOREVER, &seen);
    mark('W');
}

static void run_locker(void)
{
    LOCK_LEVEL_TYPE level;
    NEED(LOCK_PREEMPTION, &level);
    mark('k');
    STOP_SELF();
    mark('!');
}

/* Owns a mutex while the driver, above its ceiling, looks. */
static void run_owner(void)
{
    NEED(ACQUIRE_MUTEX, mutex, FOREVER);
    NEED(RESUME, driver);
    NEED(RELEASE_MUTEX, mutex);
}

static void run_beat(void)
{
    EXPECT(INVALID_MODE, "a periodic process", SUSPEND_SELF, MS);
    for (;;)
        NEED0(PERIODIC_WAIT);
}

static void run_delayed(void)
{
    mark('d');
}

static void identity(void)
{
    PROCESS_ID_TYPE me = 0, found = 0;
    PROCESS_INDEX_TYPE index = -1;
    PROCESSOR_CORE_ID_TYPE core = 9;
    EXPECT(NO_ERROR, "a process", GET_MY_ID, &me);
    EXPECT(NO_ERROR, "by name", GET_PROCESS_ID, "driver", &found);
    SHOWS(GET_MY_ID, "is what CREATE_PROCESS and GET_PROCESS_ID gave", me == driver && found == driver);
    EXPECT(NO_ERROR, "a process", GET_MY_INDEX, &index);
    SHOWS(GET_MY_INDEX, "is within the number of processes", index >= 0 && index < MAX_NUMBER_OF_PROCESSES);
    EXPECT(NO_ERROR, "a process", GET_MY_PROCESSOR_CORE_ID, &core);
    SHOWS(GET_PROCESS_STATUS, "the caller is running", state_of(driver) == RUNNING);
}

static void starting(void)
{
    EXPECT(NO_ERROR, "a lower process", START, low);
    SHOWS(START, "a lower process is ready and does not run yet", state_of(low) == READY && in_order(""));
    EXPECT(NO_ERROR, "a higher process", START, high);
    SHOWS(START, "a higher process runs at once", in_order("h"));
    SHOWS(START, "a process that returns is dormant", state_of(high) == DORMANT);
    let_others();
    SHOWS(START, "the lower process runs when the higher ones wait", in_order("l"));
    EXPECT(NO_ERROR, "once more", START, low);
    EXPECT(NO_ERROR, "a ready process", STOP, low);
    let_others();
    SHOWS(STOP, "a stopped process does not run", in_order("") && state_of(low) == DORMANT);
    EXPECT(INVALID_PARAM, "the caller itself", STOP, driver);

    EXPECT(NO_ERROR, "an aperiodic process", DELAYED_START, delayed, 5 * MS);
    SHOWS(DELAYED_START, "it waits", state_of(delayed) == WAITING && in_order(""));
    pause_ms(20);
    SHOWS(DELAYED_START, "it runs after the delay", in_order("d"));
    EXPECT(NO_ERROR, "without delay", DELAYED_START, delayed, 0LL);
    SHOWS(DELAYED_START, "a higher process without delay runs at once", in_order("d"));
}

static void priorities(void)
{
    NEED(START, low);
    EXPECT(NO_ERROR, "of a lower process", SET_PRIORITY, low, 60);
    SHOWS(SET_PRIORITY, "raised above the caller, it runs at once", in_order("l"));
    NEED(START, low);
    NEED(START, twin);
    NEED(SET_PRIORITY, low, 50);
    NEED(SET_PRIORITY, driver, 50);
    SHOWS(SET_PRIORITY, "to the same priority goes behind its equals", in_order("tl"));
    NEED(START, low);
    SHOWS(START, "a process starts at its base priority", status_of(low).CURRENT_PRIORITY == 20);
    NEED(STOP, low);
}

static void suspension(void)
{
    EXPECT(INVALID_PARAM, "time out of range", SUSPEND_SELF, 0x7fffffffffffffffLL);
    EXPECT(TIMED_OUT, "nobody resumes", SUSPEND_SELF, 2 * MS);
    EXPECT(NO_ERROR, "time-out 0", SUSPEND_SELF, 0LL);

    NEED(START, waiter);
    SHOWS(SUSPEND_SELF, "leaves the processor", in_order("w") && state_of(waiter) == WAITING);
    EXPECT(NO_ACTION, "suspended already", SUSPEND, waiter);
    EXPECT(NO_ERROR, "a suspended process", RESUME, waiter);
    SHOWS(RESUME, "a resumed higher process runs at once", in_order("W"));
    GOT(NO_ERROR, seen, "resumed by another", SUSPEND_SELF);

    NEED(START, low);
    EXPECT(NO_ACTION, "not suspended", RESUME, low);
    EXPECT(NO_ERROR, "a ready process", SUSPEND, low);
    EXPECT(NO_ACTION, "suspended by another already", SUSPEND, low);
    let_others();
    SHOWS(SUSPEND, "a suspended process waits", state_of(low) == WAITING && in_order(""));
    EXPECT(NO_ERROR, "suspended by another", RESUME, low);
    let_others();
    SHOWS(RESUME, "it goes on", in_order("l"));

    EXPECT(INVALID_PARAM, "the caller itself", SUSPEND, driver);
    EXPECT(INVALID_PARAM, "the caller itself", RESUME, driver);
    EXPECT(NO_ERROR, "a periodic process, in NORMAL", START, beat);
    EXPECT(INVALID_MODE, "a periodic process", SUSPEND, beat);
    EXPECT(INVALID_MODE, "a periodic process", RESUME, beat);
    pause_ms(60);
    NEED(STOP, beat);

    /* The owner of a mutex may not be suspended; its priority is the mutex' 45, so the driver comes before it. */
    NEED(START, owner);
    NEED(SUSPEND_SELF, FOREVER);
    EXPECT(INVALID_MODE, "it owns a mutex", SUSPEND, owner);
    let_others();
}

static void locking(void)
{
    LOCK_LEVEL_TYPE level = 99;
    PARTITION_STATUS_TYPE status;
    EXPECT(NO_ACTION, "not locked", UNLOCK_PREEMPTION, &level);
    EXPECT(NO_ERROR, "once", LOCK_PREEMPTION, &level);
    SHOWS(LOCK_PREEMPTION, "the level is 1", level == 1);
    NEED(GET_PARTITION_STATUS, &status);
    SHOWS(GET_PARTITION_STATUS, "tells the lock level", status.LOCK_LEVEL == 1);
    NEED(START, high);
    TRAP(10, LOCK_PREEMPTION, "bars a higher process", in_order("") && state_of(high) == READY);
    EXPECT(INVALID_MODE, "preemption is locked", SUSPEND_SELF, MS);
    EXPECT(INVALID_MODE, "preemption is locked", TIMED_WAIT, MS);
    for (int i = 2; i <= MAX_LOCK_LEVEL; i++)
        NEED(LOCK_PREEMPTION, &level);
    EXPECT(INVALID_CONFIG, "at MAX_LOCK_LEVEL", LOCK_PREEMPTION, &level);
    for (int i = MAX_LOCK_LEVEL; i > 1; i--)
        NEED(UNLOCK_PREEMPTION, &level);
    SHOWS(UNLOCK_PREEMPTION, "the lock nests", level == 1 && in_order(""));
    EXPECT(NO_ERROR, "the last time", UNLOCK_PREEMPTION, &level);
    SHOWS(UNLOCK_PREEMPTION, "lets the higher process run", level == 0 && in_order("h"));

    NEED(START, locker);
    NEED(GET_PARTITION_STATUS, &status);
    TRAP(10, STOP_SELF, "gives the preemption lock back", status.LOCK_LEVEL == 0 && in_order("k"));
    SHOWS(STOP_SELF, "makes the caller dormant and does not return", state_of(locker) == DORMANT);
}

static void run_driver(void)
{
    identity();
    starting();
    priorities();
    suspension();
    locking();
    finish();
}

int main(void)
{
    PARTITION_STATUS_TYPE status;
    NEED(GET_PARTITION_STATUS, &status);
    NEED(CREATE_MUTEX, "mutex", 45, FIFO, &mutex);
    driver = create("driver", run_driver, DRIVER);
    low = create("low", run_low, 20);
    twin = create("twin", run_twin, 50);
    high = create("high", run_high, 80);
    waiter = create("waiter", run_waiter, 60);
    locker = create("locker", run_locker, 60);
    owner = create("owner", run_owner, 30);
    delayed = create("delayed", run_delayed, 60);
    beat = create_periodic("beat", run_beat, 60, status.PERIOD, FOREVER);
    NEED(START, driver);
    return go_normal();
}
