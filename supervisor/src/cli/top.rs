//! `bulkhead top`: a running module in a terminal, live.
//!
//! It sees what the control socket tells ([`crate::control`]), and changes nothing unless it was started with `--write` and the
//! run permits it. `view` is what is known and chosen, `draw` what that looks like: both pure. Here are the terminal, the keys
//! and the end.

mod bar;
mod draw;
mod keys;
mod screen;
mod view;

use std::io::IsTerminal;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::{HOST_CANNOT, USAGE, WELL, complain};
use crate::control::client::{self, ClientError, Listener, Speaker};
use crate::control::place;
use crate::control::protocol::{Hello, Line, Request};
use keys::Wanted;
use screen::{Screen, Woken};
use view::{Look, View};

/// The arguments of `top`.
#[derive(Debug, clap::Args)]
pub struct TopArgs {
    /// The control socket of a run; not needed if one module of yours is running
    path: Option<PathBuf>,
    /// From one look to the next, such as "500 ms"
    #[arg(long, value_name = "TIME", default_value = "500 ms", value_parser = every)]
    every: Duration,
    /// Offer to stop the module and to restart partitions, if the run permits it
    #[arg(long)]
    write: bool,
}

/// Lines that may wait for the terminal.
const WAITING: usize = 4;

fn every(text: &str) -> Result<Duration, String> {
    let every = super::duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&every) {
        Ok(every)
    } else {
        Err("must be from 100 ms to 60 s".to_owned())
    }
}

/// Runs the subcommand; the result is the exit status.
pub fn run(args: &TopArgs) -> u8 {
    match try_run(args) {
        Ok(()) => WELL,
        Err((words, status)) => complain(&words, status),
    }
}

fn try_run(args: &TopArgs) -> Result<(), (String, u8)> {
    let can_draw = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if !can_draw {
        let words =
            "top draws on a terminal and reads its keys; scripts ask the control socket itself (docs/control.md)";
        return Err((words.to_owned(), USAGE));
    }
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        return Err(("this terminal cannot be drawn on (TERM is unset or \"dumb\")".to_owned(), USAGE));
    }
    let path = match &args.path {
        Some(path) => path.clone(),
        None => find().map_err(|words| (words, USAGE))?,
    };
    let (hello, listener, mut speaker) = connect(&path).map_err(|words| (words, USAGE))?;
    if args.write && !hello.write {
        return Err((
            "--write: this run permits no changes; it would with `bulkhead run --control-write`".to_owned(),
            USAGE,
        ));
    }
    let every_ms = u64::try_from(args.every.as_millis()).unwrap_or(u64::MAX);
    let gone = |error: std::io::Error| (format!("{}: {error}", path.display()), HOST_CANNOT);
    speaker.send(&Request { every_ms: Some(every_ms), ..Request::new("subscribe") }).map_err(gone)?;
    let look =
        Look { colour: std::env::var_os("NO_COLOR").is_none(), ascii: super::terminal_is_ascii(), write: args.write };
    watch(View::new(hello, look), listener, speaker)
}

/// The socket of the one module that is running.
fn find() -> Result<PathBuf, String> {
    let found = place::candidates();
    let [only] = found.as_slice() else {
        if found.is_empty() {
            return Err(
                "no module of yours is running here (root's are seen by root; one that was started with --control \
                        PATH by `bulkhead top PATH`)"
                    .to_owned(),
            );
        }
        let mut words = "several modules are running, say which:".to_owned();
        for path in &found {
            let name = client::connect(path).map_or_else(|error| error.to_string(), |(hello, ..)| hello.module.name);
            words += &format!(
                "\n  bulkhead top {}   # {}",
                path.display(),
                crate::supervise::console::visible(name.as_bytes())
            );
        }
        return Err(words);
    };
    Ok(only.to_owned())
}

fn connect(path: &Path) -> Result<(Hello, Listener, Speaker), String> {
    client::connect(path).map_err(|error| match error {
        ClientError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            // The same is said of what is no socket at all.
            let is_socket = std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
            let words = if is_socket { "the run that made this socket is over" } else { "is not a socket" };
            format!("{}: {words}", path.display())
        }
        error => format!("{}: {error}", path.display()),
    })
}

/// What comes from the supervisor.
enum News {
    Line(Line),
    /// Nothing more, and why if it was not in order.
    Gone(Option<String>),
}

/// Passes on what comes from the supervisor, and wakes the screen for it.
fn listen(mut listener: Listener, wake: impl Fn() + Send + 'static) -> std::io::Result<Receiver<News>> {
    let (sender, receiver) = sync_channel(WAITING);
    let body = move || {
        loop {
            let news = match listener.next_line() {
                Ok(Some(line)) => News::Line(line),
                Ok(None) => News::Gone(None),
                Err(error) => News::Gone(Some(error.to_string())),
            };
            let is_last = matches!(news, News::Gone(_));
            let nobody = sender.send(news).is_err();
            wake();
            if is_last || nobody {
                return;
            }
        }
    };
    std::thread::Builder::new().name("listen".to_owned()).spawn(body)?;
    Ok(receiver)
}

/// Draws until somebody has had enough, or there is nothing more to see. The terminal is as it was before when this returns.
fn watch(mut view: View, listener: Listener, mut speaker: Speaker) -> Result<(), (String, u8)> {
    let refused = |error: std::io::Error| (format!("the terminal: {error}"), HOST_CANNOT);
    let (mut screen, waker) = Screen::open().map_err(refused)?;
    let news = listen(listener, move || waker.wake()).map_err(refused)?;
    loop {
        screen.draw(&view).map_err(refused)?;
        match screen.wait().map_err(refused)? {
            Woken::Key(key) => match keys::pressed(&mut view, key) {
                Wanted::Nothing => {}
                Wanted::Quit => return Ok(()),
                Wanted::Suspend => screen.suspend().map_err(refused)?,
                Wanted::Ask(request) => {
                    if let Err(error) = speaker.send(&request) {
                        view.say(format!("not sent: {error}"));
                    }
                }
            },
            Woken::Suspend => screen.suspend().map_err(refused)?,
            Woken::Terminate => return Ok(()),
            Woken::Other => {}
        }
        while let Ok(news) = news.try_recv() {
            match news {
                News::Line(Line::State(state)) => view.take(state),
                News::Line(Line::Answer(answer)) => view.answer(&answer),
                News::Line(Line::Hello(_)) => {}
                News::Line(Line::End { ending }) => {
                    drop(screen);
                    return farewell(&view, &format!("the run is over: {}", view::ending(&ending)));
                }
                News::Gone(None) => {
                    drop(screen);
                    let words = "the supervisor is gone, without a word how the run ended".to_owned();
                    return Err((words, HOST_CANNOT));
                }
                News::Gone(Some(error)) => {
                    drop(screen);
                    return Err((format!("the conversation with the supervisor broke off: {error}"), HOST_CANNOT));
                }
            }
        }
    }
}

/// The last word, below what was on the screen before.
fn farewell(view: &View, words: &str) -> Result<(), (String, u8)> {
    complain(&format_args!("\"{}\": {words}", view.module_name()), WELL);
    Ok(())
}
