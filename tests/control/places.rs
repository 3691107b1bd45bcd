//! Where sockets are, what is refused, and what is left behind.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::common::{bulkhead, eventually, finish, guest};
use crate::running::{Running, alone};
use crate::talk::Talk;

/// `bulkhead run` of a guest that never ends, in an environment whose runtime folder is `folder`.
fn run(folder: &Path, more: &[&str]) -> Command {
    let mut command = bulkhead();
    command.arg("run").arg(guest("spin")).args(more).env("XDG_RUNTIME_DIR", folder);
    command
}

fn sockets(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("bulkhead")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn a_run_is_found_without_being_told_where_to_be() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(run(folder.path(), &[]));
    let socket = folder.path().join(format!("bulkhead/{}.sock", running.pid()));
    let talk = Talk::begin(&socket);
    assert_eq!((&talk.hello["pid"], &talk.hello["write"]), (&running.pid().into(), &false.into()));
    let mode = |path: &Path| fs::symlink_metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!((mode(&folder.path().join("bulkhead")), mode(&socket)), (0o700, 0o600));
    drop(talk);
    running.interrupt();
    assert_eq!(sockets(folder.path()), [] as [PathBuf; 0]);

    // One that was killed leaves its socket, and the next run clears it away.
    let killed = Running::start(run(folder.path(), &[]));
    eventually("the socket", || (!sockets(folder.path()).is_empty()).then_some(()));
    killed.signal(Signal::SIGKILL);
    killed.finish();
    assert_eq!(sockets(folder.path()).len(), 1);
    let next = Running::start(run(folder.path(), &[]));
    let socket = folder.path().join(format!("bulkhead/{}.sock", next.pid()));
    Talk::begin(&socket);
    assert_eq!(sockets(folder.path()), [socket]);
    next.interrupt();
}

#[test]
fn none_means_none_and_a_useless_folder_costs_nothing() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let finished = finish(run(folder.path(), &["--control", "none", "--frames", "1"]));
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(!folder.path().join("bulkhead").exists());
    // Somebody else could write there.
    fs::create_dir(folder.path().join("bulkhead")).expect("a folder");
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder.path().join("bulkhead"), open).expect("its mode");
    let finished = finish(run(folder.path(), &["--frames", "1"]));
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert_eq!(sockets(folder.path()), [] as [PathBuf; 0]);
}

#[test]
fn nothing_but_a_dead_socket_is_replaced() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let control = |path: &Path| {
        let path = path.to_str().expect("text").to_owned();
        finish(run(folder.path(), &["--frames", "1", "--control", &path]))
    };
    fs::write(at("file"), "precious").expect("a file");
    std::os::unix::fs::symlink(at("file"), at("link")).expect("a link");
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).expect("a link");
    let _served = UnixListener::bind(at("served")).expect("a socket");
    for (name, words) in [
        ("file", "something else than a socket"),
        ("link", "something else than a socket"),
        ("dangling", "something else than a socket"),
        ("served", "another program listens"),
        ("no/folder", "No such file"),
        (&"n".repeat(120), "too long"),
    ] {
        let finished = control(&at(name));
        assert_eq!((finished.code(), finished.stdout.as_str()), (2, ""), "{name}: {finished:#?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
        assert!(finished.stderr.contains(words) && finished.stderr.contains(name), "{finished:#?}");
    }
    assert_eq!(fs::read_to_string(at("file")).expect("the file"), "precious");
    assert!(at("link").is_symlink() && at("dangling").is_symlink() && !at("nowhere").exists());
    assert!(fs::symlink_metadata(at("served")).expect("the socket").file_type().is_socket());

    drop(UnixListener::bind(at("dead")).expect("a socket"));
    assert_eq!(control(&at("dead")).code(), 0);
    assert!(!at("dead").exists());
}
