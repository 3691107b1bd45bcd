//! Channels whose ends are sockets, seen from a program outside: this test.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::common::{WATCHDOG, eventually, example, guest, round_robin, write_module};
use super::module::{channel, figures, queuing, sampling};
use super::running::{guests, is_complete};
use super::runs::{Background, run_module};

/// A UDP port that is free now.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("its address").port()
}

/// Sends and receives until `receive` gives something.
fn until<T>(what: &str, mut send: impl FnMut(), mut receive: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        send();
        if let Some(value) = receive() {
            return value;
        }
        assert!(begun.elapsed() < WATCHDOG, "{what}: never happened");
    }
}

/// Bytes that were sent through a socket of the Unix domain and lie at the other end, as the kernel counts them.
fn unfetched(socket: &UnixDatagram) -> i32 {
    let mut bytes = 0;
    // SAFETY: fills the integer.
    assert_eq!(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) }, 0);
    bytes
}

/// A guest in Rust that echoes, between this test's sockets: Unix on the one side, UDP on the other.
#[test]
fn datagrams_go_in_and_come_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let echo = example("echo-rust");
    let outside = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    outside.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let address = format!("udp:{}", outside.local_addr().expect("its address"));
    let text = round_robin(&[("echo", &echo, "")], 1000, 1000)
        + &channel("there", &queuing(16, 4), "unix:there.sock", &["echo.in"])
        + &channel("back", &queuing(16, 4), "echo.out", &[&address]);
    let module = write_module(folder.path(), &text);
    // What an earlier run has left behind.
    let path = folder.path().join("there.sock");
    drop(UnixDatagram::bind(&path).expect("a socket"));
    let recording = folder.path().join("run.rec");
    let run = Background::start(&[module.as_os_str(), "--json".as_ref(), "--record".as_ref(), recording.as_os_str()]);

    let sender = UnixDatagram::unbound().expect("a socket");
    let mut buffer = [0; 64];
    let receive = |buffer: &mut [u8]| outside.recv(buffer).ok();
    let send = |message: &[u8]| _ = sender.send_to(message, &path);
    // The supervisor may not be there yet at first, nor the guest; and what it is sent until then may come late.
    let mut firsts = 0;
    let first = || {
        firsts += 1;
        send(b"first");
    };
    let len = until("the first echo", first, || receive(&mut buffer));
    assert_eq!(&buffer[..len], b"first");
    let next =
        |buffer: &mut [u8]| until("an echo", || {}, || receive(buffer).filter(|&len| buffer[..len] != *b"first"));
    for number in 0..20u8 {
        send(&[number; 16]);
        let len = next(&mut buffer);
        assert_eq!(&buffer[..len], [number; 16]);
    }
    // Neither is a message: one is empty, the other too long.
    send(b"");
    send(&[7; 17]);
    send(b"last");
    let len = next(&mut buffer);
    assert_eq!(&buffer[..len], b"last");

    run.signal(Signal::SIGINT);
    let json = run.finish().json();
    let (there, back) = (&figures(&json, "there")["sockets"][0], &figures(&json, "back")["sockets"][0]);
    assert_eq!(there["dropped"], 2, "{json:#}");
    assert_eq!(back["dropped"], 0, "{json:#}");
    let passed = |socket: &Value| socket["passed"].as_u64().expect("a number");
    // What came before the guest's start was cleared then.
    assert!((22..22 + firsts).contains(&passed(back)), "{json:#}");
    assert!((passed(back)..22 + firsts).contains(&passed(there)), "{json:#}");
    assert!(!path.exists(), "the socket is still there");
    // The recording has them when they come from outside. Who came before the guest did did not come for it.
    let echo = super::runs::figures(&json, "echo");
    assert_eq!(
        (&echo["messages_arrived"], &echo["messages_received"]),
        (&echo["messages_sent"], &echo["messages_sent"])
    );
    assert_eq!(echo["messages_sent"], back["passed"], "{json:#}");
}

/// More datagrams than the queue holds, for a guest that takes none: bounded, counted, and nobody waits.
#[test]
fn a_flood_of_datagrams_is_dropped_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (spin, port) = (guest("spin"), free_port());
    let source = format!("udp:127.0.0.1:{port}");
    let text = round_robin(&[("deaf", &spin, "")], 1000, 1000)
        + &channel("flood", &queuing(16, 4), &source, &["deaf.in"])
        + &channel("shown", &sampling(16, 100), "unix:shown.sock", &["deaf.looks"]);
    let module = write_module(folder.path(), &text);
    let run = Background::start(&[module.as_os_str(), "--json".as_ref()]);
    let path = folder.path().join("shown.sock");
    // What comes before the guest's start is cleared then.
    eventually("the guest runs", || guests(run.pid()).into_iter().find(is_complete));

    let (flood, shown) =
        (UdpSocket::bind("127.0.0.1:0").expect("a socket"), UnixDatagram::unbound().expect("a socket"));
    for _ in 0..200 {
        flood.send_to(b"datagram", ("127.0.0.1", port)).expect("loopback");
        shown.send_to(b"sample", &path).expect("the supervisor listens");
        std::thread::sleep(Duration::from_micros(200));
    }
    // The kernel tells how much of what was sent has not been fetched yet.
    eventually("the samples are fetched", || (unfetched(&shown) == 0).then_some(()));
    run.signal(Signal::SIGINT);
    let json = run.finish().json();
    let figures_of_flood = figures(&json, "flood");
    let socket = &figures_of_flood["sockets"][0];
    assert_eq!((&figures_of_flood["messages"], &figures_of_flood["waiting"]), (&socket["passed"], &json!(4)));
    assert_eq!(socket["passed"], 4, "{json:#}");
    assert_eq!(socket["dropped"], figures_of_flood["lost"]);
    assert!(socket["dropped"].as_u64() > Some(0), "{json:#}");
    // The control: a sampling channel takes them all.
    let shown = figures(&json, "shown");
    assert_eq!((&shown["messages"], &shown["sockets"][0]["dropped"]), (&json!(200), &json!(0)));
}

#[test]
fn a_socket_that_cannot_be_had_is_named() {
    let spin = guest("spin");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let source = format!("udp:{}", taken.local_addr().expect("its address"));
    let text =
        round_robin(&[("deaf", &spin, "")], 1000, 1000) + &channel("flood", &queuing(16, 4), &source, &["deaf.in"]);
    let run = run_module(&text, &["--frames", "1"]);
    assert_eq!(run.code(), 3, "{run:#?}");
    let words = format!("channel \"flood\": the host refuses the socket {source}: ");
    assert!(run.stderr.contains(&words), "{run:#?}");
}
