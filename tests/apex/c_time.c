/* Time: waits, periods and deadlines, under windows of 10 ms in frames of 20 ms. */
#include "conform.h"

static SYSTEM_TIME_TYPE period;
static PROCESS_ID_TYPE driver, one, two, beat, endless, hog;
static MUTEX_ID_TYPE mutex;

static void run_one(void)
{
    for (int i = 0; i < 3; i++) {
        mark('1');
        NEED(TIMED_WAIT, 0LL);
    }
}

static void run_two(void)
{
    for (int i = 0; i < 3; i++) {
        mark('2');
        NEED(TIMED_WAIT, 0LL);
    }
}

static volatile int beats;
static SYSTEM_TIME_TYPE released[6];

/* The deadline is the release and the capacity, so it tells the release exactly. */
static void run_beat(void)
{
    const SYSTEM_TIME_TYPE capacity = 15 * MS;
    PROCESS_ID_TYPE me;
    NEED(GET_MY_ID, &me);
    while (beats < 5) {
        released[beats] = status_of(me).DEADLINE_TIME - capacity;
        beats++;
        if (beats == 2) {
            LOCK_LEVEL_TYPE level;
            NEED(LOCK_PREEMPTION, &level);
            EXPECT0(INVALID_MODE, "preemption is locked", PERIODIC_WAIT);
            NEED(UNLOCK_PREEMPTION, &level);
            NEED(ACQUIRE_MUTEX, mutex, FOREVER);
            EXPECT0(INVALID_MODE, "a mutex is held", PERIODIC_WAIT);
            NEED(RELEASE_MUTEX, mutex);
            EXPECT(INVALID_MODE, "periodic, beyond the next release", REPLENISH, 10 * period);
            EXPECT(NO_ERROR, "periodic, before the next release", REPLENISH, 1 * MS);
            SYSTEM_TIME_TYPE deadline = status_of(me).DEADLINE_TIME;
            SHOWS(REPLENISH, "may bring a deadline forward", deadline < released[1] + capacity);
            NEED(REPLENISH, 12 * MS);
        }
        EXPECT0(NO_ERROR, "a periodic process", PERIODIC_WAIT);
    }
    STOP_SELF();
}

/* Whose next deadline is beyond all time. */
static void run_endless(void)
{
    EXPECT0(INVALID_CONFIG, "the next deadline is out of range", PERIODIC_WAIT);
}

static void run_hog(void)
{
    mark('h');
    for (;;)
        NEED(TIMED_WAIT, 1 * MS);
}

static void waits(void)
{
    LOCK_LEVEL_TYPE level;
    EXPECT(INVALID_PARAM, "negative", TIMED_WAIT, -1LL);
    TRAP(2, TIMED_WAIT, "does not take a negative time for infinite", checks_failed == 0);
    EXPECT(INVALID_PARAM, "beyond all time", TIMED_WAIT, 0x7fffffffffffffffLL);
    NEED(LOCK_PREEMPTION, &level);
    EXPECT(INVALID_MODE, "preemption is locked", TIMED_WAIT, 1 * MS);
    NEED(UNLOCK_PREEMPTION, &level);
    NEED(ACQUIRE_MUTEX, mutex, FOREVER);
    EXPECT(INVALID_MODE, "a mutex is held", TIMED_WAIT, 1 * MS);
    EXPECT(INVALID_MODE, "a mutex is held", SUSPEND_SELF, 1 * MS);
    NEED(RELEASE_MUTEX, mutex);
    SYSTEM_TIME_TYPE before = now();
    EXPECT(NO_ERROR, "3 ms", TIMED_WAIT, 3 * MS);
    SHOWS(TIMED_WAIT, "3 ms take 3 ms or more", now() - before >= 3 * MS);

    NEED(START, one);
    NEED(START, two);
    EXPECT(NO_ERROR, "no time", TIMED_WAIT, 0LL);
    pause_ms(30);
    TRAP(9, TIMED_WAIT, "of 0 goes behind the others of the same priority", in_order("121212"));
    EXPECT0(INVALID_MODE, "an aperiodic process", PERIODIC_WAIT);
}

static void deadlines(void)
{
    EXPECT(INVALID_PARAM, "beyond all time", REPLENISH, 0x7fffffffffffffffLL);
    SYSTEM_TIME_TYPE before = now();
    EXPECT(NO_ERROR, "an aperiodic process", REPLENISH, 10 * SECOND);
    SYSTEM_TIME_TYPE after = now(), deadline = status_of(driver).DEADLINE_TIME;
    TRAP(8, REPLENISH, "the new deadline is now and the budget", deadline >= before + 10 * SECOND && deadline <= after + 10 * SECOND);
    EXPECT(NO_ERROR, "for ever", REPLENISH, FOREVER);
    SHOWS(REPLENISH, "for ever takes the deadline off", status_of(driver).DEADLINE_TIME == INFINITE_TIME_VALUE);
}

/* The window ends under a process that never waits: time goes on outside. */
static void windows(void)
{
    SYSTEM_TIME_TYPE last = now(), widest = 0;
    LOCK_LEVEL_TYPE level;
    uint32_t first = bh_window_count();
    NEED(LOCK_PREEMPTION, &level);
    while (bh_window_count() < first + 4) {
        SYSTEM_TIME_TYPE time = now();
        if (time - last > widest)
            widest = time - last;
        last = time;
    }
    NEED(UNLOCK_PREEMPTION, &level);
    TRAP(9, GET_TIME, "passes outside the partition's windows", widest >= 5 * MS);
    TRAP(10, LOCK_PREEMPTION, "does not hold the end of the window back", widest >= 5 * MS);
}

static void periods(void)
{
    NEED(START, beat);
    SHOWS(START, "a periodic process waits for its first release", state_of(beat) == WAITING && beats == 0);
    NEED(START, endless);
    NEED(START, hog);
    pause_ms(220);
    SHOWS(PERIODIC_WAIT, "five releases", beats == 5);
    int exact = 1, aligned = 1;
    for (int i = 0; i < 5; i++) {
        aligned &= (released[i] - (SYSTEM_TIME_TYPE)bh_epoch_ns()) % period == 0;
        exact &= i == 0 || released[i] - released[i - 1] == period;
    }
    TRAP(7, START, "a periodic process is released at a start of the partition's period", aligned);
    TRAP(7, PERIODIC_WAIT, "releases are a period apart to the nanosecond; deadline is release and capacity", exact);
    SHOWS(TIMED_WAIT, "a process that waits often does not keep others back", in_order("h"));
}

static void run_driver(void)
{
    waits();
    deadlines();
    windows();
    periods();
    finish();
}

int main(void)
{
    PARTITION_STATUS_TYPE status;
    NEED(GET_PARTITION_STATUS, &status);
    period = status.PERIOD;
    NEED(CREATE_MUTEX, "mutex", MAX_PRIORITY_VALUE, PRIORITY, &mutex);
    driver = create("driver", run_driver, DRIVER);
    one = create("one", run_one, 40);
    two = create("two", run_two, 40);
    hog = create("hog", run_hog, 30);
    beat = create_periodic("beat", run_beat, 60, period, 15 * MS);
    /* About 190 years, a multiple of the partition's period. */
    SYSTEM_TIME_TYPE years = 6000000000 * SECOND / period * period;
    endless = create_periodic("endless", run_endless, 60, years, years);
    NEED(START, driver);
    return go_normal();
}
