//! Buffers, blackboards, semaphores, events and mutexes, through the traits of `a653rs`.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicI64, Ordering::Relaxed};

use ErrorReturnCode::{InvalidConfig, InvalidMode, InvalidParam, NoAction, NotAvailable, TimedOut};
use QueuingDiscipline::{Fifo, Priority as ByPriority};
use conform::*;

static ORDER: Order = Order::new();
static BUFFER: AtomicI64 = AtomicI64::new(0);
static BOARD: AtomicI64 = AtomicI64::new(0);
static SEMAPHORE: AtomicI64 = AtomicI64::new(0);
static EVENT: AtomicI64 = AtomicI64::new(0);
static MUTEX: AtomicI64 = AtomicI64::new(0);
/// A process at priority 20, and one at 60.
static WAITERS: [AtomicI64; 2] = [const { AtomicI64::new(0) }; 2];

entry!(main);

fn id(of: &AtomicI64) -> i64 {
    of.load(Relaxed)
}

/// Waits for the semaphore, then for the event, the buffer and the blackboard.
fn wait(letter: char) {
    let mut message = [0; 8];
    let mark = |good: bool| ORDER.mark(if good { letter } else { '-' });
    mark(Bulkhead::wait_semaphore(id(&SEMAPHORE), FOREVER).is_ok());
    mark(Bulkhead::wait_event(id(&EVENT), FOREVER).is_ok());
    // SAFETY: the messages are as long as the largest of the buffer and the blackboard.
    let (received, read) = unsafe {
        let received = Bulkhead::receive_buffer(id(&BUFFER), FOREVER, &mut message);
        mark(received.is_ok());
        (received, Bulkhead::read_blackboard(id(&BOARD), FOREVER, &mut message))
    };
    mark(read.is_ok() && received == Ok(2));
}

extern "C" fn low() {
    wait('a');
}

extern "C" fn high() {
    wait('b');
}

fn creation() {
    let buffer = works("CREATE_BUFFER", "PRIORITY", Bulkhead::create_buffer(name("buffer"), 8, 1, ByPriority));
    BUFFER.store(buffer, Relaxed);
    refuses("CREATE_BUFFER", NoAction, "name taken", Bulkhead::create_buffer(name("buffer"), 8, 1, Fifo));
    refuses("CREATE_BUFFER", InvalidParam, "message size 0", Bulkhead::create_buffer(name("bad"), 0, 1, Fifo));
    refuses("CREATE_BUFFER", InvalidParam, "no messages", Bulkhead::create_buffer(name("bad"), 8, 0, Fifo));
    refuses("GET_BUFFER_ID", InvalidConfig, "no such name", Bulkhead::get_buffer_id(name("nobody")));
    shows(
        "GET_BUFFER_ID",
        "is what CREATE_BUFFER gave",
        works("GET_BUFFER_ID", "by name", Bulkhead::get_buffer_id(name("buffer"))) == buffer,
    );

    BOARD.store(works("CREATE_BLACKBOARD", "a blackboard", Bulkhead::create_blackboard(name("board"), 8)), Relaxed);
    refuses("CREATE_BLACKBOARD", NoAction, "name taken", Bulkhead::create_blackboard(name("board"), 8));
    refuses("CREATE_BLACKBOARD", InvalidParam, "message size 0", Bulkhead::create_blackboard(name("bad"), 0));
    refuses("GET_BLACKBOARD_ID", InvalidConfig, "no such name", Bulkhead::get_blackboard_id(name("nobody")));

    SEMAPHORE.store(
        works("CREATE_SEMAPHORE", "PRIORITY", Bulkhead::create_semaphore(name("semaphore"), 0, 1, ByPriority)),
        Relaxed,
    );
    refuses("CREATE_SEMAPHORE", NoAction, "name taken", Bulkhead::create_semaphore(name("semaphore"), 0, 1, Fifo));
    refuses(
        "CREATE_SEMAPHORE",
        InvalidParam,
        "value over the maximum",
        Bulkhead::create_semaphore(name("bad"), 2, 1, Fifo),
    );
    refuses("GET_SEMAPHORE_ID", InvalidConfig, "no such name", Bulkhead::get_semaphore_id(name("nobody")));

    EVENT.store(works("CREATE_EVENT", "an event", Bulkhead::create_event(name("event"))), Relaxed);
    refuses("CREATE_EVENT", NoAction, "name taken", Bulkhead::create_event(name("event")));
    refuses("GET_EVENT_ID", InvalidConfig, "no such name", Bulkhead::get_event_id(name("nobody")));

    MUTEX.store(works("CREATE_MUTEX", "FIFO", Bulkhead::create_mutex(name("mutex"), 60, Fifo)), Relaxed);
    refuses("CREATE_MUTEX", NoAction, "name taken", Bulkhead::create_mutex(name("mutex"), 60, Fifo));
    refuses("CREATE_MUTEX", InvalidParam, "priority 240", Bulkhead::create_mutex(name("bad"), 240, Fifo));
    refuses("GET_MUTEX_ID", InvalidConfig, "no such name", Bulkhead::get_mutex_id(name("nobody")));
    Bulkhead::create_mutex(name("low"), 40, Fifo).unwrap();
}

fn late_creation() {
    refuses("CREATE_BUFFER", InvalidMode, "in NORMAL", Bulkhead::create_buffer(name("late"), 8, 1, Fifo));
    refuses("CREATE_BLACKBOARD", InvalidMode, "in NORMAL", Bulkhead::create_blackboard(name("late"), 8));
    refuses("CREATE_SEMAPHORE", InvalidMode, "in NORMAL", Bulkhead::create_semaphore(name("late"), 0, 1, Fifo));
    refuses("CREATE_EVENT", InvalidMode, "in NORMAL", Bulkhead::create_event(name("late")));
    refuses("CREATE_MUTEX", InvalidMode, "in NORMAL", Bulkhead::create_mutex(name("late"), 60, Fifo));
}

fn messages() {
    let mut message = [0; 8];
    let (buffer, board) = (id(&BUFFER), id(&BOARD));
    refuses("SEND_BUFFER", InvalidParam, "no such buffer", Bulkhead::send_buffer(NOBODY, &[1], 0));
    refuses("SEND_BUFFER", InvalidParam, "length 0", Bulkhead::send_buffer(buffer, &[], 0));
    refuses("SEND_BUFFER", InvalidParam, "overlong", Bulkhead::send_buffer(buffer, &[1; 9], 0));
    works("SEND_BUFFER", "there is room", Bulkhead::send_buffer(buffer, &[1, 2, 3], FOREVER));
    refuses("SEND_BUFFER", NotAvailable, "full, no wait", Bulkhead::send_buffer(buffer, &[1], 0));
    refuses("SEND_BUFFER", TimedOut, "full for 2 ms", Bulkhead::send_buffer(buffer, &[1], 2 * MS));
    let status = works("GET_BUFFER_STATUS", "a buffer", Bulkhead::get_buffer_status(buffer));
    shows(
        "GET_BUFFER_STATUS",
        "counts the messages",
        status.nb_message == 1 && status.max_nb_message == 1 && status.max_message_size == 8,
    );
    refuses("GET_BUFFER_STATUS", InvalidParam, "no such buffer", Bulkhead::get_buffer_status(NOBODY));
    // SAFETY: the message is as long as the largest of the buffer and the blackboard.
    unsafe {
        let length = works("RECEIVE_BUFFER", "a message waits", Bulkhead::receive_buffer(buffer, 0, &mut message));
        shows("RECEIVE_BUFFER", "gives what was sent", length == 3 && message[..3] == [1, 2, 3]);
        refuses("RECEIVE_BUFFER", NotAvailable, "empty, no wait", Bulkhead::receive_buffer(buffer, 0, &mut message));
        refuses("RECEIVE_BUFFER", TimedOut, "empty for 2 ms", Bulkhead::receive_buffer(buffer, 2 * MS, &mut message));
        refuses("RECEIVE_BUFFER", InvalidParam, "no such buffer", Bulkhead::receive_buffer(NOBODY, 0, &mut message));
        refuses("READ_BLACKBOARD", NotAvailable, "empty, no wait", Bulkhead::read_blackboard(board, 0, &mut message));
        refuses("READ_BLACKBOARD", TimedOut, "empty for 2 ms", Bulkhead::read_blackboard(board, 2 * MS, &mut message));
        refuses(
            "READ_BLACKBOARD",
            InvalidParam,
            "no such blackboard",
            Bulkhead::read_blackboard(NOBODY, 0, &mut message),
        );
        works("DISPLAY_BLACKBOARD", "a message", Bulkhead::display_blackboard(board, &[7, 8]));
        let length = works("READ_BLACKBOARD", "a message is there", Bulkhead::read_blackboard(board, 0, &mut message));
        shows("READ_BLACKBOARD", "gives what is displayed", length == 2 && message[..2] == [7, 8]);
    }
    refuses("DISPLAY_BLACKBOARD", InvalidParam, "overlong", Bulkhead::display_blackboard(board, &[1; 9]));
    let status = works("GET_BLACKBOARD_STATUS", "a blackboard", Bulkhead::get_blackboard_status(board));
    shows("GET_BLACKBOARD_STATUS", "with a message it is occupied", status.empty_indicator == EmptyIndicator::Occupied);
    refuses("GET_BLACKBOARD_STATUS", InvalidParam, "no such blackboard", Bulkhead::get_blackboard_status(NOBODY));
    works("CLEAR_BLACKBOARD", "a message is there", Bulkhead::clear_blackboard(board));
    refuses("CLEAR_BLACKBOARD", InvalidParam, "no such blackboard", Bulkhead::clear_blackboard(NOBODY));
}

fn signals() {
    let (semaphore, event) = (id(&SEMAPHORE), id(&EVENT));
    refuses("WAIT_SEMAPHORE", NotAvailable, "value 0, no wait", Bulkhead::wait_semaphore(semaphore, 0));
    refuses("WAIT_SEMAPHORE", TimedOut, "value 0 for 2 ms", Bulkhead::wait_semaphore(semaphore, 2 * MS));
    refuses("WAIT_SEMAPHORE", InvalidParam, "time out of range", Bulkhead::wait_semaphore(semaphore, NEVER));
    works("SIGNAL_SEMAPHORE", "below the maximum", Bulkhead::signal_semaphore(semaphore));
    refuses("SIGNAL_SEMAPHORE", NoAction, "at the maximum", Bulkhead::signal_semaphore(semaphore));
    refuses("SIGNAL_SEMAPHORE", InvalidParam, "no such semaphore", Bulkhead::signal_semaphore(NOBODY));
    let status = works("GET_SEMAPHORE_STATUS", "a semaphore", Bulkhead::get_semaphore_status(semaphore));
    shows("GET_SEMAPHORE_STATUS", "tells value and maximum", status.current_value == 1 && status.maximum_value == 1);
    refuses("GET_SEMAPHORE_STATUS", InvalidParam, "no such semaphore", Bulkhead::get_semaphore_status(NOBODY));
    works("WAIT_SEMAPHORE", "value 1, for ever", Bulkhead::wait_semaphore(semaphore, FOREVER));

    refuses("WAIT_EVENT", NotAvailable, "down, no wait", Bulkhead::wait_event(event, 0));
    refuses("WAIT_EVENT", TimedOut, "down for 2 ms", Bulkhead::wait_event(event, 2 * MS));
    refuses("WAIT_EVENT", InvalidParam, "no such event", Bulkhead::wait_event(NOBODY, 0));
    works("SET_EVENT", "down", Bulkhead::set_event(event));
    works("WAIT_EVENT", "up, no wait", Bulkhead::wait_event(event, 0));
    works("RESET_EVENT", "up", Bulkhead::reset_event(event));
    refuses("SET_EVENT", InvalidParam, "no such event", Bulkhead::set_event(NOBODY));
    refuses("RESET_EVENT", InvalidParam, "no such event", Bulkhead::reset_event(NOBODY));
    refuses("GET_EVENT_STATUS", InvalidParam, "no such event", Bulkhead::get_event_status(NOBODY));
    shows(
        "RESET_EVENT",
        "the event is down",
        works("GET_EVENT_STATUS", "an event", Bulkhead::get_event_status(event)).event_state == EventState::Down,
    );

    Bulkhead::lock_preemption().unwrap();
    refuses("WAIT_SEMAPHORE", InvalidMode, "value 0, preemption is locked", Bulkhead::wait_semaphore(semaphore, MS));
    let poll = Bulkhead::wait_event(event, 0) == Err(NotAvailable);
    trap(
        2,
        "WAIT_EVENT",
        "may be polled with preemption locked",
        poll && Bulkhead::wait_event(event, MS) == Err(InvalidMode),
    );
    Bulkhead::unlock_preemption().unwrap();
}

fn mutexes() {
    let me = Bulkhead::get_my_id().unwrap();
    let (mutex, ceiling) = (id(&MUTEX), Bulkhead::get_mutex_id(name("low")).unwrap());
    refuses("ACQUIRE_MUTEX", InvalidParam, "the preemption lock", Bulkhead::acquire_mutex(PREEMPTION_LOCK_MUTEX, 0));
    refuses("ACQUIRE_MUTEX", InvalidMode, "priority above the ceiling", Bulkhead::acquire_mutex(ceiling, 0));
    works("ACQUIRE_MUTEX", "available, for ever", Bulkhead::acquire_mutex(mutex, FOREVER));
    let status = works("GET_MUTEX_STATUS", "a mutex", Bulkhead::get_mutex_status(mutex));
    shows("GET_MUTEX_STATUS", "tells the owner", status.mutex_owner == me && status.lock_count == 1);
    shows(
        "GET_PROCESS_MUTEX_STATE",
        "tells the mutex",
        works("GET_PROCESS_MUTEX_STATE", "the owner", Bulkhead::get_process_mutex_state(me)) == mutex,
    );
    refuses("GET_PROCESS_MUTEX_STATE", InvalidParam, "no such process", Bulkhead::get_process_mutex_state(NOBODY));
    for _ in 1..MAX_LOCK_LEVEL {
        Bulkhead::acquire_mutex(mutex, 0).unwrap();
    }
    refuses("ACQUIRE_MUTEX", InvalidConfig, "lock count at MAX_LOCK_LEVEL", Bulkhead::acquire_mutex(mutex, 0));
    works("RESET_MUTEX", "the owner's, locked many times", Bulkhead::reset_mutex(mutex, me));
    refuses("RESET_MUTEX", InvalidMode, "the process is not the owner", Bulkhead::reset_mutex(mutex, me));
    refuses("RELEASE_MUTEX", InvalidMode, "not the owner", Bulkhead::release_mutex(mutex));
    refuses("RELEASE_MUTEX", InvalidParam, "no such mutex", Bulkhead::release_mutex(NOBODY));
    refuses("GET_MUTEX_STATUS", InvalidParam, "no such mutex", Bulkhead::get_mutex_status(NOBODY));
}

/// Both waiters wait for one thing after the other.
fn waiters() {
    for waiter in &WAITERS {
        Bulkhead::start(id(waiter)).unwrap();
    }
    let_others();
    Bulkhead::signal_semaphore(id(&SEMAPHORE)).unwrap();
    let_others();
    Bulkhead::signal_semaphore(id(&SEMAPHORE)).unwrap();
    let_others();
    trap(3, "SIGNAL_SEMAPHORE", "PRIORITY serves the waiting processes by priority", ORDER.was("ba"));
    Bulkhead::set_event(id(&EVENT)).unwrap();
    let_others();
    trap(3, "SET_EVENT", "releases every waiter", ORDER.was("ba"));
    Bulkhead::send_buffer(id(&BUFFER), &[1, 2], 0).unwrap();
    let_others();
    Bulkhead::send_buffer(id(&BUFFER), &[1, 2], 0).unwrap();
    let_others();
    trap(3, "SEND_BUFFER", "PRIORITY serves the waiting processes by priority", ORDER.was("ba"));
    Bulkhead::display_blackboard(id(&BOARD), &[1]).unwrap();
    let_others();
    trap(3, "DISPLAY_BLACKBOARD", "releases every waiter", ORDER.was("ba"));
}

extern "C" fn driver() {
    late_creation();
    messages();
    signals();
    mutexes();
    waiters();
    finish()
}

fn main() -> i32 {
    creation();
    begin("driver", driver, DRIVER);
    WAITERS[0].store(Bulkhead::create_process(&attributes("low", low, 20)).unwrap(), Relaxed);
    WAITERS[1].store(Bulkhead::create_process(&attributes("high", high, 60)).unwrap(), Relaxed);
    go_normal()
}
