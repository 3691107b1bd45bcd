//! Bulkhead runs real-time guests as ordinary Linux processes.
//!
//! Each *partition* is one process that holds a guest, fenced in by seccomp and namespaces. A *supervisor* starts and
//! stops partitions in a cyclic schedule of time windows. There is no kernel module and no emulator.
//!
//! Four principles shape the code:
//!
//! 1. Decisions are pure functions ([`config`], [`schedule`], [`health`], [`image`]); system calls stand apart.
//! 2. What a guest says is an allegation until one place has validated it, once.
//! 3. On the dispatcher's path nothing allocates, locks or logs ([`dispatch`], [`record::ring`]).
//! 4. An error says whose fault it is (guest, configuration, host, us) and names the culprit.
//!
//! A run goes through the modules in this order:
//!
//! * [`cli`]: the command line, one file per subcommand;
//! * [`config`]: `module.toml` becomes a [`config::Module`], or a list of mistakes that point at their lines;
//! * [`image`]: what a guest's ELF file must be before anything runs;
//! * [`host`]: what this machine grants;
//! * [`block`]: memory blocks that partitions share by name;
//! * [`port`]: channels between partitions: whose memory is whose, and who is told of what;
//! * [`partition`]: birth of a process: namespaces, exec under ptrace, memory, seccomp;
//! * [`schedule`] and [`dispatch`]: frames and windows, and the threads that keep them;
//! * [`supervise`]: the main thread: births, deaths, consoles, the health monitor's actions;
//! * [`health`]: an error, a table, an action;
//! * [`record`]: what happened, as events in rings and files, and as figures;
//! * [`control`]: the local API, through which others see and steer a running module;
//! * [`lockstep`]: how a program outside moves a virtual run from instant to instant;
//! * [`shell`]: command lines that messages suggest.

pub mod block;
pub mod cli;
pub mod config;
pub mod control;
pub mod dispatch;
pub mod health;
pub mod host;
pub mod image;
pub mod lockstep;
pub mod partition;
pub mod port;
pub mod record;
pub mod schedule;
pub mod shell;
pub mod supervise;
