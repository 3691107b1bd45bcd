//! Partition, processes and time, through the traits of `a653rs`.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};

use ErrorReturnCode::{InvalidConfig, InvalidMode, InvalidParam, NoAction, TimedOut};
use conform::*;

static ORDER: Order = Order::new();
static DRIVER_ID: AtomicI64 = AtomicI64::new(0);
static HIGH: AtomicI64 = AtomicI64::new(0);
static LOW: AtomicI64 = AtomicI64::new(0);
static BEATS: AtomicU32 = AtomicU32::new(0);

entry!(main);

extern "C" fn high() {
    ORDER.mark('h');
    let result = Bulkhead::suspend_self(FOREVER);
    ORDER.mark(if result.is_ok() { 'H' } else { '-' });
}

extern "C" fn low() {
    ORDER.mark('l');
    Bulkhead::stop_self();
    ORDER.mark('!');
}

extern "C" fn beat() {
    let me = Bulkhead::get_my_id().unwrap();
    let mut last = 0;
    loop {
        let deadline = Bulkhead::get_process_status(me).unwrap().deadline_time;
        let beats = BEATS.fetch_add(1, Relaxed);
        if beats == 1 || beats == 2 {
            trap(7, "PERIODIC_WAIT", "deadlines are a period apart to the nanosecond", deadline - last == 20 * MS);
        }
        last = deadline;
        if beats == 3 {
            refuses("SUSPEND_SELF", InvalidMode, "a periodic process", Bulkhead::suspend_self(MS));
            refuses("REPLENISH", InvalidMode, "beyond the next release", Bulkhead::replenish(200 * MS));
        }
        works("PERIODIC_WAIT", "a periodic process", Bulkhead::periodic_wait());
    }
}

fn creation() {
    let with = |change: fn(&mut ApexProcessAttribute)| {
        let mut attributes = attributes("variant", low, 20);
        change(&mut attributes);
        Bulkhead::create_process(&attributes)
    };
    refuses("CREATE_PROCESS", NoAction, "name taken", Bulkhead::create_process(&attributes("driver", low, 20)));
    refuses("CREATE_PROCESS", InvalidParam, "no stack", with(|a| a.stack_size = 0));
    refuses("CREATE_PROCESS", InvalidParam, "priority 0", with(|a| a.base_priority = 0));
    refuses("CREATE_PROCESS", InvalidParam, "priority 240", with(|a| a.base_priority = MAX_PRIORITY_VALUE + 1));
    refuses("CREATE_PROCESS", InvalidParam, "period 0", with(|a| a.period = 0));
    refuses("CREATE_PROCESS", InvalidParam, "time capacity 0", with(|a| a.time_capacity = 0));
    refuses(
        "CREATE_PROCESS",
        InvalidConfig,
        "period that is no multiple of the partition's",
        with(|a| a.period = 20 * MS + 1),
    );
    refuses("GET_PROCESS_ID", InvalidConfig, "no such name", Bulkhead::get_process_id(name("nobody")));
    refuses("GET_PROCESS_STATUS", InvalidParam, "no such process", Bulkhead::get_process_status(NOBODY));
    refuses(
        "GET_PROCESS_STATUS",
        InvalidParam,
        "an identifier of more than 32 bits",
        Bulkhead::get_process_status((1 << 32) + 1),
    );
    refuses("START", InvalidParam, "no such process", Bulkhead::start(NOBODY));
    refuses("LOCK_PREEMPTION", NoAction, "before NORMAL", Bulkhead::lock_preemption());
    refuses("REPLENISH", NoAction, "before NORMAL", Bulkhead::replenish(MS));
    refuses(
        "SET_PARTITION_MODE",
        InvalidMode,
        "COLD_START to WARM_START",
        Bulkhead::set_partition_mode(OperatingMode::WarmStart),
    );
    refuses(
        "INITIALIZE_PROCESS_CORE_AFFINITY",
        InvalidParam,
        "no such process",
        Bulkhead::initialize_process_core_affinity(NOBODY, 0),
    );
    let id = Bulkhead::get_process_id(name("low")).unwrap();
    refuses(
        "INITIALIZE_PROCESS_CORE_AFFINITY",
        InvalidConfig,
        "no such core",
        Bulkhead::initialize_process_core_affinity(id, 63),
    );
    works(
        "INITIALIZE_PROCESS_CORE_AFFINITY",
        "the partition's core",
        Bulkhead::initialize_process_core_affinity(id, 0),
    );
    shows(
        "GET_MY_PROCESSOR_CORE_ID",
        "a partition with one core runs on its core 0",
        Bulkhead::get_my_processor_core_id() == 0,
    );
    let status = Bulkhead::get_partition_status();
    shows("GET_PARTITION_STATUS", "tells the first start", status.start_condition == StartCondition::NormalStart);
}

fn suspension(me: ProcessId, high: ProcessId, low: ProcessId) {
    refuses("SUSPEND", InvalidParam, "the caller itself", Bulkhead::suspend(me));
    refuses("SUSPEND", InvalidMode, "dormant", Bulkhead::suspend(high));
    refuses("RESUME", InvalidMode, "dormant", Bulkhead::resume(high));
    refuses("STOP", NoAction, "dormant", Bulkhead::stop(high));
    refuses("STOP", InvalidParam, "the caller itself", Bulkhead::stop(me));
    works("START", "a higher process", Bulkhead::start(high));
    shows("START", "a higher process runs at once", ORDER.was("h"));
    refuses("START", NoAction, "started already", Bulkhead::start(high));
    refuses("SUSPEND", NoAction, "suspended already", Bulkhead::suspend(high));
    works("RESUME", "a suspended process", Bulkhead::resume(high));
    shows("RESUME", "a resumed higher process runs at once", ORDER.was("H"));
    works("START", "a lower process", Bulkhead::start(low));
    refuses("RESUME", NoAction, "not suspended", Bulkhead::resume(low));
    works("SET_PRIORITY", "of a lower process", Bulkhead::set_priority(low, 60));
    shows("STOP_SELF", "does not return", ORDER.was("l"));
    refuses("SET_PRIORITY", InvalidMode, "dormant", Bulkhead::set_priority(low, 60));
    refuses("SUSPEND_SELF", TimedOut, "nobody resumes", Bulkhead::suspend_self(2 * MS));
    refuses("SUSPEND_SELF", InvalidParam, "time out of range", Bulkhead::suspend_self(NEVER));
    refuses("DELAYED_START", InvalidParam, "negative delay", Bulkhead::delayed_start(low, -1));
    works("DELAYED_START", "an aperiodic process", Bulkhead::delayed_start(low, 5 * MS));
    works("TIMED_WAIT", "20 ms", Bulkhead::timed_wait(20 * MS));
    shows("DELAYED_START", "it runs after the delay", ORDER.was("l"));
}

fn locking(high: ProcessId) {
    refuses("UNLOCK_PREEMPTION", NoAction, "not locked", Bulkhead::unlock_preemption());
    let level = works("LOCK_PREEMPTION", "once", Bulkhead::lock_preemption());
    shows("LOCK_PREEMPTION", "the level is 1", level == 1);
    Bulkhead::start(high).unwrap();
    trap(10, "LOCK_PREEMPTION", "bars a higher process", ORDER.was(""));
    refuses("TIMED_WAIT", InvalidMode, "preemption is locked", Bulkhead::timed_wait(MS));
    for _ in 1..MAX_LOCK_LEVEL {
        Bulkhead::lock_preemption().unwrap();
    }
    refuses("LOCK_PREEMPTION", InvalidConfig, "at MAX_LOCK_LEVEL", Bulkhead::lock_preemption());
    for _ in 1..MAX_LOCK_LEVEL {
        Bulkhead::unlock_preemption().unwrap();
    }
    works("UNLOCK_PREEMPTION", "the last time", Bulkhead::unlock_preemption());
    shows("UNLOCK_PREEMPTION", "lets the higher process run", ORDER.was("h"));
}

extern "C" fn driver() {
    let [me, high, low] = [&DRIVER_ID, &HIGH, &LOW].map(|id| id.load(Relaxed));
    shows("GET_MY_ID", "is what CREATE_PROCESS gave", works("GET_MY_ID", "a process", Bulkhead::get_my_id()) == me);
    works("GET_MY_INDEX", "a process", Bulkhead::get_my_index());
    refuses("CREATE_PROCESS", InvalidMode, "in NORMAL", Bulkhead::create_process(&attributes("late", driver, 20)));
    refuses("SET_PARTITION_MODE", NoAction, "in NORMAL", Bulkhead::set_partition_mode(OperatingMode::Normal));
    suspension(me, high, low);
    locking(high);
    refuses("TIMED_WAIT", InvalidParam, "negative", Bulkhead::timed_wait(-1));
    refuses("TIMED_WAIT", InvalidParam, "beyond all time", Bulkhead::timed_wait(NEVER));
    refuses("PERIODIC_WAIT", InvalidMode, "an aperiodic process", Bulkhead::periodic_wait());
    let before = Bulkhead::get_time();
    works("REPLENISH", "an aperiodic process", Bulkhead::replenish(10_000 * MS));
    let deadline = Bulkhead::get_process_status(me).unwrap().deadline_time;
    trap(
        8,
        "REPLENISH",
        "the new deadline is now and the budget",
        (before + 10_000 * MS..=Bulkhead::get_time() + 10_000 * MS).contains(&deadline),
    );
    Bulkhead::replenish(FOREVER).unwrap();
    Bulkhead::timed_wait(150 * MS).unwrap();
    shows("PERIODIC_WAIT", "one release a period", BEATS.load(Relaxed) >= 4);
    finish()
}

fn main() -> i32 {
    DRIVER_ID.store(begin("driver", driver, DRIVER), Relaxed);
    HIGH.store(Bulkhead::create_process(&attributes("high", high, 80)).unwrap(), Relaxed);
    LOW.store(Bulkhead::create_process(&attributes("low", low, 20)).unwrap(), Relaxed);
    let mut periodic = attributes("beat", beat, 60);
    (periodic.period, periodic.time_capacity) = (20 * MS, 20 * MS);
    let beat = works("CREATE_PROCESS", "a periodic process", Bulkhead::create_process(&periodic));
    works("START", "before NORMAL", Bulkhead::start(beat));
    trap(
        7,
        "START",
        "before NORMAL leaves a process waiting",
        Bulkhead::get_process_status(beat).unwrap().process_state == ProcessState::Waiting,
    );
    creation();
    go_normal()
}
