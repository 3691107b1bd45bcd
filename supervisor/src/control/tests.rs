//! The thread and its clients, with a main thread that is played.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};

use super::protocol::{Module, PartitionState, VERSION};
use super::*;
use crate::dispatch::clock::now_ns;

/// Long enough for anything; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn hello() -> Hello {
    let module = Module {
        name: "m".to_owned(),
        major_frame_ns: 1_000_000,
        late_after_ns: 1,
        virtual_time: false,
        real_time: false,
        schedules: vec!["main".to_owned()],
        cores: vec![],
        partitions: vec![protocol::Partition { name: "nav".to_owned(), core: 0 }],
        channels: vec![],
        host: Default::default(),
    };
    Hello { protocol: VERSION, bulkhead: "0".to_owned(), pid: 1, write: true, module }
}

/// A desk with a main thread that puts down states of `state_bytes` or so, and refuses whatever it is told to do but stopping.
struct Played {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    main: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Played {
    fn start(state_bytes: usize) -> Played {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let mut desk = Desk::open(place::open(&path).unwrap(), hello(), &[]).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let main = std::thread::spawn(move || {
            let mut states = 0;
            while !stopped.load(Ordering::Relaxed) {
                while let Some(order) = desk.next_order() {
                    let result = if order.command == Command::Stop { Ok(()) } else { Err("not now".to_owned()) };
                    order.answer(result);
                }
                let now_ns = now_ns();
                if let Some(ticket) = desk.wanted(now_ns) {
                    states += 1;
                    let partition = PartitionState { last: "x".repeat(state_bytes), ..PartitionState::default() };
                    let state = State { frame: states, partitions: vec![partition], ..State::default() };
                    desk.publish(ticket, state, now_ns);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            desk.close("complete".into());
        });
        Played { path, stop, main: Some(main), _folder: folder }
    }

    fn connect(&self) -> Client {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { writer: stream.try_clone().unwrap(), reader: BufReader::new(stream) }
    }

    fn greeted(&self) -> Client {
        let mut client = self.connect();
        assert_eq!(client.line()["type"], "hello");
        client
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(main) = self.main.take() {
            main.join().unwrap();
        }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.end();
    }
}

struct Client {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Client {
    /// The next line; null at the end.
    fn line(&mut self) -> Value {
        let mut text = String::new();
        match self.reader.read_line(&mut text) {
            Ok(0) => Value::Null,
            Ok(_) => serde_json::from_str(&text).unwrap(),
            // A connection that is given up with something unread in it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Value::Null,
            Err(error) => panic!("{error}"),
        }
    }

    fn send(&mut self, request: &Value) {
        self.writer.write_all(format!("{request}\n").as_bytes()).unwrap();
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.send(request);
        self.line()
    }
}

#[test]
fn a_state_is_one_of_after_the_question() {
    let played = Played::start(1);
    let mut client = played.greeted();
    let mut last = 0;
    for id in 1..4 {
        let answer = client.ask(&json!({"op": "state", "id": id}));
        assert_eq!((&answer["type"], &answer["id"], &answer["ok"]), (&"answer".into(), &id.into(), &true.into()));
        let frame = answer["state"]["frame"].as_u64().unwrap();
        assert!(frame > last);
        last = frame;
    }
    // Nobody asks, and nobody takes states.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(client.ask(&json!({"op": "state"}))["state"]["frame"], last + 1);
}

#[test]
fn a_subscription_goes_on_until_it_is_ended() {
    let played = Played::start(1);
    let mut client = played.greeted();
    assert_eq!(client.ask(&json!({"op": "subscribe", "every_ms": 20})), json!({"type": "answer", "ok": true}));
    for _ in 0..3 {
        assert_eq!(client.line()["type"], "state");
    }
    client.send(&json!({"op": "unsubscribe", "id": 9}));
    while client.line()["id"] != 9 {}
    // The next line is the next answer.
    assert_eq!(client.ask(&json!({"op": "state", "id": 10}))["id"], 10);
}

#[test]
fn requests_are_answered_in_their_order_and_mistakes_cost_nothing_else() {
    let played = Played::start(1);
    let mut client = played.greeted();
    for (request, ok, words) in [
        (json!({"op": "stop", "id": 1}), true, ""),
        (json!({"op": "restart", "partition": "nav"}), false, "not now"),
        (json!(["op"]), false, "no request"),
        (json!({"op": "jump", "id": 3}), false, "there is no op \"jump\""),
        (json!({"op": "stop"}), true, ""),
    ] {
        let answer = client.ask(&request);
        assert_eq!(answer["ok"], ok, "{answer}");
        assert_eq!(answer["id"], request["id"], "{answer}");
        assert!(answer["error"].as_str().unwrap_or_default().contains(words), "{answer}");
    }
    client.writer.write_all(b"\xff\xfe\n{\"op\"").unwrap();
    assert_eq!(client.line()["ok"], false);
    // A line may come in pieces.
    client.writer.write_all(b":\"stop\"}\n").unwrap();
    assert_eq!(client.line()["ok"], true);
}

#[test]
fn who_has_said_everything_still_gets_its_answers() {
    let played = Played::start(1);
    let mut client = played.greeted();
    client.send(&json!({"op": "state", "id": 1}));
    client.send(&json!({"op": "state", "id": 2}));
    client.writer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!((client.line()["id"].clone(), client.line()["id"].clone()), (json!(1), json!(2)));
    assert_eq!(client.line(), Value::Null);
}

#[test]
fn a_line_without_end_ends_the_connection() {
    let played = Played::start(1);
    let mut client = played.greeted();
    // The supervisor may close before all of it is sent.
    let _ = client.writer.write_all(&vec![b'x'; protocol::MAX_LINE + (64 << 10)]);
    let answer = client.line();
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("longer than")), "{answer}");
    assert_eq!(client.line(), Value::Null);
    // The control: a long line that ends is only a mistake.
    let mut client = played.greeted();
    client.writer.write_all(&vec![b' '; protocol::MAX_LINE / 2]).unwrap();
    assert_eq!(client.ask(&json!({"op": "stop"}))["ok"], true);
}

#[test]
fn there_is_room_for_so_many_and_more_are_told() {
    let played = Played::start(1);
    let mut clients: Vec<Client> = (0..16).map(|_| played.greeted()).collect();
    let mut refused = played.connect();
    let answer = refused.line();
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("16 clients")), "{answer}");
    assert_eq!(refused.line(), Value::Null);
    assert_eq!(clients[15].ask(&json!({"op": "stop"}))["ok"], true);
    // Where one leaves there is room again.
    clients.pop();
    let begun = std::time::Instant::now();
    while played.connect().line()["type"] != "hello" {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_does_not_read_is_dropped_and_holds_up_nobody() {
    let played = Played::start(64 << 10);
    let mut deaf = played.greeted();
    deaf.send(&json!({"op": "subscribe", "every_ms": 20}));
    let mut other = played.greeted();
    other.ask(&json!({"op": "subscribe", "every_ms": 20}));
    // In this time the deaf one's states fill whatever the kernel keeps for it, and its patience ends.
    for _ in 0..150 {
        assert_eq!(other.line()["type"], "state");
    }
    let mut rest = Vec::new();
    let end = deaf.reader.read_to_end(&mut rest);
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
    assert!(rest.len() < 100 * (64 << 10), "{} bytes were kept for it", rest.len());
}

#[test]
fn everybody_hears_of_the_end() {
    let mut played = Played::start(1);
    let mut clients: Vec<Client> = (0..3).map(|_| played.greeted()).collect();
    played.end();
    for client in &mut clients {
        assert_eq!(client.line(), json!({"type": "end", "ending": "complete"}));
        assert_eq!(client.line(), Value::Null);
    }
    assert!(!played.path.exists());
}

#[test]
fn a_client_of_another_protocol_is_told_what_is_wrong() {
    use client::{ClientError, connect};
    let played = Played::start(1);
    let (hello, mut listener, mut speaker) = connect(&played.path).unwrap();
    assert_eq!(hello.module.name, "m");
    speaker.send(&protocol::Request::new("state")).unwrap();
    assert!(matches!(listener.next_line(), Ok(Some(protocol::Line::Answer(_)))));

    let folder = tempfile::tempdir().unwrap();
    let talk = |name: &str, words: &'static str| {
        let path = folder.path().join(name);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(words.as_bytes()).unwrap());
        let result = connect(&path).map(drop);
        server.join().unwrap();
        result
    };
    let newer = talk("newer", "{\"type\":\"hello\",\"protocol\":2}\n");
    assert!(matches!(newer, Err(ClientError::Version(2))), "{newer:?}");
    let full = talk("full", "{\"type\":\"answer\",\"ok\":false,\"error\":\"full\"}\n");
    assert!(matches!(&full, Err(ClientError::Refused(words)) if words == "full"), "{full:?}");
    for (name, words) in [("web", "HTTP/1.1 400\n"), ("mute", "")] {
        assert!(matches!(talk(name, words), Err(ClientError::Foreign(_))), "{name}");
    }
}
