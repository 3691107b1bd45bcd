//! What the keys do. Pure.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::{Page, Question, View};
use crate::control::protocol::Request;

/// What a key asks of the outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    Quit,
    Suspend,
    Ask(Request),
}

/// Lines that Page Up and Page Down move.
const PAGE: isize = 10;

/// Answers to requests that change something are told apart by this.
const ID: u64 = 1;

/// A key was pressed.
pub(super) fn pressed(view: &mut View, key: KeyEvent) -> Wanted {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | '\\' | 'd') => Wanted::Quit,
            KeyCode::Char('z') => Wanted::Suspend,
            _ => Wanted::Nothing,
        };
    }
    view.words = None;
    if let Some(question) = view.question.take() {
        return match key.code {
            KeyCode::Char('y' | 'Y') => Wanted::Ask(request(view, &question)),
            _ => Wanted::Nothing,
        };
    }
    match key.code {
        KeyCode::Char('q' | 'Q') => return Wanted::Quit,
        KeyCode::Esc if view.page == Page::Help => view.page = Page::Partitions,
        KeyCode::Esc => return Wanted::Quit,
        KeyCode::Char('p' | ' ') => view.paused = !view.paused,
        KeyCode::Char('s') => view.order = view.order.next(),
        KeyCode::Char('c') => turn(view, Page::Channels),
        KeyCode::Char('?' | 'h') => turn(view, Page::Help),
        KeyCode::Up | KeyCode::Char('k') => view.choose(-1),
        KeyCode::Down | KeyCode::Char('j') => view.choose(1),
        KeyCode::PageUp => view.choose(-PAGE),
        KeyCode::PageDown => view.choose(PAGE),
        KeyCode::Home => view.choose(isize::MIN),
        KeyCode::End => view.choose(isize::MAX),
        KeyCode::Char('K') if view.look.write => view.question = Some(Question::Stop),
        KeyCode::Char(letter @ ('r' | 'w')) if view.look.write => {
            view.question = view.chosen_partition().map(|index| Question::Restart(index, letter == 'w'));
        }
        _ => {}
    }
    Wanted::Nothing
}

/// Goes over to a page, or back from it.
fn turn(view: &mut View, page: Page) {
    view.page = if view.page == page { Page::Partitions } else { page };
    view.choose(0);
}

fn request(view: &View, question: &Question) -> Request {
    let id = Some(ID);
    match question {
        Question::Stop => Request { id, ..Request::new("stop") },
        Question::Restart(index, warm) => Request {
            id,
            partition: Some(view.module().partitions[*index].name.clone()),
            mode: Some(if *warm { "warm" } else { "cold" }.to_owned()),
            ..Request::new("restart")
        },
    }
}
