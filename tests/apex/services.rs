//! Which services there are, which return codes each must be seen to give, and what implementers get wrong.
//!
//! The conformance document has a row for every line here; a code without a check that shows it fails the test, unless
//! [`OUT_OF_REACH`] says why nothing can show it.

/// A service: its name, and the codes besides NO_ERROR that it must be seen to return.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) codes: &'static [&'static str],
}

/// A group of services under one heading.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) services: &'static [Service],
}

const NA: &str = "NO_ACTION";
const NAV: &str = "NOT_AVAILABLE";
const IP: &str = "INVALID_PARAM";
const IC: &str = "INVALID_CONFIG";
const IM: &str = "INVALID_MODE";
const TO: &str = "TIMED_OUT";

const fn service(name: &'static str, codes: &'static [&'static str]) -> Service {
    Service { name, codes }
}

/// Part 1, the required services.
pub(crate) const PART_1: &[Group] = &[
    Group {
        name: "Partition management",
        services: &[service("GET_PARTITION_STATUS", &[]), service("SET_PARTITION_MODE", &[NA, IP, IM])],
    },
    Group {
        name: "Process management",
        services: &[
            service("CREATE_PROCESS", &[NA, IP, IC, IM]),
            service("SET_PRIORITY", &[IP, IM]),
            service("SUSPEND_SELF", &[IP, IM, TO]),
            service("SUSPEND", &[NA, IP, IM]),
            service("RESUME", &[NA, IP, IM]),
            service("STOP_SELF", &[]),
            service("STOP", &[NA, IP]),
            service("START", &[NA, IP]),
            service("DELAYED_START", &[NA, IP]),
            service("LOCK_PREEMPTION", &[NA, IC, IM]),
            service("UNLOCK_PREEMPTION", &[NA, IM]),
            service("GET_MY_ID", &[IM]),
            service("GET_PROCESS_ID", &[IC]),
            service("GET_PROCESS_STATUS", &[IP]),
            service("INITIALIZE_PROCESS_CORE_AFFINITY", &[IP, IC, IM]),
            service("GET_MY_PROCESSOR_CORE_ID", &[]),
            service("GET_MY_INDEX", &[IM]),
        ],
    },
    Group {
        name: "Time management",
        services: &[
            service("TIMED_WAIT", &[IP, IM]),
            service("PERIODIC_WAIT", &[IC, IM]),
            service("GET_TIME", &[]),
            service("REPLENISH", &[NA, IP, IM]),
        ],
    },
    Group {
        name: "Sampling ports",
        services: &[
            service("CREATE_SAMPLING_PORT", &[NA, IC, IM]),
            service("WRITE_SAMPLING_MESSAGE", &[IP, IC, IM]),
            service("READ_SAMPLING_MESSAGE", &[NA, IP, IM]),
            service("GET_SAMPLING_PORT_ID", &[IC]),
            service("GET_SAMPLING_PORT_STATUS", &[IP]),
        ],
    },
    Group {
        name: "Queuing ports",
        services: &[
            service("CREATE_QUEUING_PORT", &[NA, IP, IC, IM]),
            service("SEND_QUEUING_MESSAGE", &[NAV, IP, IC, IM, TO]),
            service("RECEIVE_QUEUING_MESSAGE", &[NAV, IP, IC, IM, TO]),
            service("GET_QUEUING_PORT_ID", &[IC]),
            service("GET_QUEUING_PORT_STATUS", &[IP]),
            service("CLEAR_QUEUING_PORT", &[IP, IM]),
        ],
    },
    Group {
        name: "Buffers",
        services: &[
            service("CREATE_BUFFER", &[NA, IP, IC, IM]),
            service("SEND_BUFFER", &[NAV, IP, IM, TO]),
            service("RECEIVE_BUFFER", &[NAV, IP, IM, TO]),
            service("GET_BUFFER_ID", &[IC]),
            service("GET_BUFFER_STATUS", &[IP]),
        ],
    },
    Group {
        name: "Blackboards",
        services: &[
            service("CREATE_BLACKBOARD", &[NA, IP, IC, IM]),
            service("DISPLAY_BLACKBOARD", &[IP]),
            service("READ_BLACKBOARD", &[NAV, IP, IM, TO]),
            service("CLEAR_BLACKBOARD", &[IP]),
            service("GET_BLACKBOARD_ID", &[IC]),
            service("GET_BLACKBOARD_STATUS", &[IP]),
        ],
    },
    Group {
        name: "Semaphores",
        services: &[
            service("CREATE_SEMAPHORE", &[NA, IP, IC, IM]),
            service("WAIT_SEMAPHORE", &[NAV, IP, IM, TO]),
            service("SIGNAL_SEMAPHORE", &[NA, IP]),
            service("GET_SEMAPHORE_ID", &[IC]),
            service("GET_SEMAPHORE_STATUS", &[IP]),
        ],
    },
    Group {
        name: "Events",
        services: &[
            service("CREATE_EVENT", &[NA, IC, IM]),
            service("SET_EVENT", &[IP]),
            service("RESET_EVENT", &[IP]),
            service("WAIT_EVENT", &[NAV, IP, IM, TO]),
            service("GET_EVENT_ID", &[IC]),
            service("GET_EVENT_STATUS", &[IP]),
        ],
    },
    Group {
        name: "Mutexes",
        services: &[
            service("CREATE_MUTEX", &[NA, IP, IC, IM]),
            service("ACQUIRE_MUTEX", &[NAV, IP, IC, IM, TO]),
            service("RELEASE_MUTEX", &[IP, IM]),
            service("RESET_MUTEX", &[IP, IM]),
            service("GET_MUTEX_ID", &[IC]),
            service("GET_MUTEX_STATUS", &[IP]),
            service("GET_PROCESS_MUTEX_STATE", &[IP]),
        ],
    },
    Group {
        name: "Health monitoring",
        services: &[
            service("REPORT_APPLICATION_MESSAGE", &[IP]),
            service("CREATE_ERROR_HANDLER", &[NA, IC, IM]),
            service("GET_ERROR_STATUS", &[NA, IC]),
            service("RAISE_APPLICATION_ERROR", &[IP]),
            service("CONFIGURE_ERROR_HANDLER", &[IP, IC, IM]),
        ],
    },
];

/// Part 2, the extended services: a group either exists, and is then held to its codes, or it does not.
pub(crate) const PART_2: &[Group] = &[
    Group {
        name: "Module schedules",
        services: &[
            service("SET_MODULE_SCHEDULE", &[NA, IP, IC]),
            service("GET_MODULE_SCHEDULE_STATUS", &[]),
            service("GET_MODULE_SCHEDULE_ID", &[IC]),
        ],
    },
    Group {
        name: "Logbooks",
        services: &[
            service("CREATE_LOGBOOK", &[NA, IC, IM]),
            service("WRITE_LOGBOOK", &[IP, IC]),
            service("OVERWRITE_LOGBOOK", &[NAV, IP, IC]),
            service("READ_LOGBOOK", &[NAV, IP]),
            service("CLEAR_LOGBOOK", &[IP]),
            service("GET_LOGBOOK_ID", &[IC]),
            service("GET_LOGBOOK_STATUS", &[IP]),
        ],
    },
    Group { name: "Memory blocks", services: &[service("GET_MEMORY_BLOCK_STATUS", &[IC])] },
    Group {
        name: "Sampling port extensions",
        services: &[
            service("READ_UPDATED_SAMPLING_MESSAGE", &[NA, IP, IM]),
            service("GET_SAMPLING_PORT_CURRENT_STATUS", &[IP]),
            service("READ_SAMPLING_MESSAGE_CONDITIONAL", &[NA, IP, IM]),
        ],
    },
];

/// Groups of Part 2 that Bulkhead does not have at all.
pub(crate) const PART_2_WITHOUT: &[&str] =
    &["File system", "Service access points", "Name service", "Queuing port lists", "Multiple cores", "Interrupts"];

/// Services that do not return when they do what they are asked.
pub(crate) const NEVER_RETURNS: [&str; 2] = ["SET_PARTITION_MODE", "STOP_SELF"];

/// Codes that no check can show, and why.
pub(crate) const OUT_OF_REACH: &[(&str, &str, &str)] = &[(
    "UNLOCK_PREEMPTION",
    IM,
    "a partition has one core: while a process holds the lock only the error handler can call, and it gets NO_ACTION",
)];

/// What implementers get wrong, numbered from 1.
pub(crate) const TRAPS: [&str; 13] = [
    "Sizes and values of the binding: names of 32 bytes, priorities 1 to 239, messages of 128 bytes, times of 64 bits",
    "A negative time means for ever, but not for TIMED_WAIT; 0 means poll, which the error handler and the holder of a \
     lock may do",
    "FIFO and PRIORITY order the waiting processes, FIFO among equals; events and blackboards release every waiter",
    "A message goes straight to a waiting receiver, a waiting sender's message moves in, SIGNAL_SEMAPHORE with waiters \
     leaves the value",
    "A process suspended while it waits: neither a grant nor a time-out makes it ready, and RESUME leaves it waiting",
    "A sampling message is valid up to the refresh period; a stale one is still returned, with NO_ERROR",
    "START before NORMAL leaves a process waiting; a periodic one is released at the start of a period, and then without \
     drift",
    "REPLENISH: the new deadline is now and the budget",
    "TIMED_WAIT of 0 yields to equals; time goes on outside the partition's windows",
    "The preemption lock bars processes, but neither the error handler nor the end of the window; STOP_SELF gives it back",
    "The error handler comes before all processes and errors queue for it; an error in it, or without it, is the \
     partition's",
    "NORMAL ends the main process; a restart clears the objects, a warm one keeps data, and START_CONDITION tells why",
    "A change of the schedule takes effect at the next major frame",
];
