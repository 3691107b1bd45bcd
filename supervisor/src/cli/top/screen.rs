//! The terminal: taken at the beginning, given back at every end, and what wakes `top` while it has it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};

use super::draw;
use super::view::View;

/// What ends `top`, and what suspends it.
const SIGNALS: [Signal; 5] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTSTP];
/// Something may have come up that nothing wakes for: the terminal has another size.
const LOOK_MS: u16 = 250;

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// A key was pressed.
    Key(KeyEvent),
    /// Somebody wants the terminal for something else.
    Suspend,
    /// Somebody wants `top` to end.
    Terminate,
    /// There is something else to look at.
    Other,
}

/// Wakes a screen from another thread.
#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<EventFd>);

impl Waker {
    pub(super) fn wake(&self) {
        // The next look comes anyway.
        let _ = self.0.write(1);
    }
}

/// The terminal, in `top`'s hands for as long as this lives.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: DefaultTerminal,
    signals: SignalFd,
    wake: Arc<EventFd>,
    keyboard: OwnedFd,
}

impl Screen {
    /// Takes the terminal. A panic gives it back before it says its words.
    pub(super) fn open() -> io::Result<(Screen, Waker)> {
        let wanted: SigSet = SIGNALS.into_iter().collect();
        // Before any other thread exists, so that all inherit it.
        wanted.thread_block()?;
        let signals = SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let keyboard = io::stdin().as_fd().try_clone_to_owned()?;
        let terminal = ratatui::try_init()?;
        Ok((Screen { terminal, signals, wake: Arc::clone(&wake), keyboard }, Waker(wake)))
    }

    pub(super) fn draw(&mut self, view: &View) -> io::Result<()> {
        self.terminal.draw(|frame| draw::draw(frame, view)).map(drop)
    }

    /// Waits for whatever comes first.
    pub(super) fn wait(&mut self) -> io::Result<Woken> {
        // Keys that are read already wake no poll.
        if !event::poll(std::time::Duration::ZERO)? {
            let watched = |fd| PollFd::new(fd, PollFlags::POLLIN);
            let mut fds = [watched(self.keyboard.as_fd()), watched(self.signals.as_fd()), watched(self.wake.as_fd())];
            match poll(&mut fds, PollTimeout::from(LOOK_MS)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_gone = fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP));
            if is_gone {
                return Ok(Woken::Terminate);
            }
        }
        let _ = self.wake.read();
        if let Some(signal) = self.signals.read_signal()? {
            let is_stop = signal.ssi_signo == Signal::SIGTSTP as u32;
            return Ok(if is_stop { Woken::Suspend } else { Woken::Terminate });
        }
        if event::poll(std::time::Duration::ZERO)?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
        {
            return Ok(Woken::Key(key));
        }
        Ok(Woken::Other)
    }

    /// Gives the terminal back, stops this process as Ctrl-Z does, and takes the terminal again when it continues.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        ratatui::try_restore()?;
        self.terminal.show_cursor()?;
        raise(Signal::SIGSTOP)?;
        self.terminal = ratatui::try_init()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to give back.
        let _ = ratatui::try_restore();
        let _ = self.terminal.show_cursor();
    }
}
