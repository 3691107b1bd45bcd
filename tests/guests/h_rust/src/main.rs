//! The same as `h_life.c`, word for word, through the shim's Rust interface.
#![no_std]
#![no_main]

use bulkhead_shim::partition::{self, ErrorCode, Mode, ReportKind};
use bulkhead_shim::{boot, clock, entry, print, println, schedule, window};

entry!(main);

fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

fn facts() {
    let limits = partition::limits();
    println!("period {} duration {}", partition::period_ns(), partition::duration_ns());
    for code in ErrorCode::ALL {
        let (level, action) = partition::health(code);
        println!("code {} level {} action {}", code as u32, level as u8, action as u8);
    }
    println!(
        "limits {} {} {} {} {} {} {}",
        limits.processes,
        limits.buffers,
        limits.blackboards,
        limits.semaphores,
        limits.events,
        limits.mutexes,
        limits.logbooks
    );
    for (number, found) in schedule::all().iter().enumerate() {
        let end = found.name.iter().position(|&byte| byte == 0).unwrap_or(found.name.len());
        let name = &found.name[..end];
        println!(
            "schedule {} period {} duration {} windows {} found {}",
            core::str::from_utf8(name).unwrap_or("?"),
            found.period_ns,
            found.duration_ns,
            schedule::windows(number as u32).map_or(0, |windows| windows.len()),
            schedule::find(name).map_or(-1, |number| number as i32)
        );
    }
    let asked = |number| match schedule::request(number) {
        Ok(()) => 0,
        Err(schedule::RequestError::NoSuchSchedule) => -1,
        Err(schedule::RequestError::NotPermitted) => -2,
    };
    println!("may switch {}, request {}, of none {}", u32::from(schedule::may_switch()), asked(0), asked(99));
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn overflow(above: &[u8; 256]) -> u8 {
    let mut frame = [0; 256];
    frame[0] = core::hint::black_box(above)[0];
    overflow(core::hint::black_box(&frame)).wrapping_add(frame[0])
}

#[inline(never)]
fn fault(how: &str) {
    use core::arch::asm;
    // SAFETY: none; each is a fault on purpose.
    unsafe {
        match how {
            "memory" => core::ptr::without_provenance_mut::<i32>(core::hint::black_box(0x10)).write_volatile(1),
            "stack" => _ = overflow(&[0; 256]),
            "numeric" => {
                asm!("idiv {0:e}", in(reg) core::hint::black_box(0u32), inout("eax") 1u32 => _, inout("edx") 0u32 => _)
            }
            "illegal" => asm!("ud2"),
            "call" => asm!("syscall", inout("rax") 39u64 => _, out("rcx") _, out("r11") _),
            _ => {}
        }
    }
}

fn report() {
    partition::report(ReportKind::Mode, Mode::Normal as u32, 0, &[]);
    partition::report(ReportKind::Message, 77, 3, b"hot\x1b[31m");
    partition::report_error(ErrorCode::MemoryViolation, 4, 0x1234, &[b'x'; 200]);
    // What C can ask for and is refused cannot even be said here.
    println!("nonsense 0 0");
}

fn flood() {
    let taken = (0..100_000).filter(|&code| partition::report(ReportKind::Message, code, 0, b"flood")).count();
    println!("taken {taken} of 100000");
}

fn pilot(times: u32) -> i32 {
    let frame = boot::info().major_frame_ns;
    let (mut wanted, mut wrong) = (0, 0);
    let mut check = |is_wrong: bool| wrong += u32::from(is_wrong);
    loop {
        let now = schedule::status();
        check(now.last_switch_ns != 0 && !(now.last_switch_ns - clock::epoch_ns()).is_multiple_of(frame));
        check(now.last_switch_ns > clock::now_ns());
        check((now.switches == 0) != (now.last_switch_ns == 0));
        if now.current == wanted {
            if now.switches >= times {
                break;
            }
            wanted = (wanted + 1) % schedule::all().len() as u32;
            check(schedule::request(wanted).is_err());
            check(schedule::status().next != wanted);
        }
        window::yield_window();
    }
    println!("wrong {wrong}");
    0
}

fn passenger(times: u32) -> i32 {
    let (mut last, mut wrong) = (0, 0);
    while last < times {
        window::yield_window();
        let now = schedule::status();
        wrong += u32::from(now.switches < last);
        last = now.switches;
    }
    println!("wrong {wrong}");
    0
}

fn main() -> i32 {
    let mut args = boot::args().skip(1);
    let (part, what, times) = (args.next().unwrap_or(""), args.next().unwrap_or(""), args.next());
    let times = times.map_or(1, number);
    let generation = boot::info().generation;
    let (ram, _) = boot::ram();
    // SAFETY: the RAM is the guest's alone, and aligned.
    let kept = unsafe { &mut *ram.cast::<u32>() };
    let (condition, mode) = (partition::start_condition() as u32, partition::start_mode() as u32);
    println!("start {generation} condition {condition} mode {mode} kept {kept}");
    *kept += 1;
    match part {
        "facts" => facts(),
        "report" => report(),
        "flood" => flood(),
        "pilot" => return pilot(number(what)),
        "passenger" => return passenger(number(what)),
        "stay" => loop {
            window::yield_window();
        },
        "mode" if generation <= times => {
            partition::request_mode(Mode::new(number(what)).unwrap_or(Mode::ColdStart));
        }
        "raise" if generation <= times => {
            let code = ErrorCode::new(number(what)).unwrap_or(ErrorCode::ApplicationError);
            partition::raise_error(code, 7, 0x1234, b"went wrong\x1b[2J");
        }
        "fault" if generation <= times => fault(what),
        _ => {}
    }
    print!("all is well\n");
    0
}
