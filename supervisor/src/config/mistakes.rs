//! Mistakes in a configuration, and how they are shown: the line itself, what is wrong in it, what to do.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

/// Most mistakes that are shown; the others are counted only.
const MAX_SHOWN: usize = 100;
/// Labels with more lines than this between them stand in snippets of their own.
const MAX_GAP: usize = 50;
/// Longest quotation of the configuration in a message, in characters.
const MAX_QUOTE: usize = 60;

/// One mistake.
#[derive(Debug)]
pub(super) struct Mistake {
    title: String,
    /// Places in the text and what to say about them; the mistake itself comes first. Empty if the file as a whole is
    /// meant.
    labels: Vec<(Range<usize>, String)>,
    help: Option<String>,
}

impl Mistake {
    /// A mistake at `span`, with a few words that stand right below it.
    pub(super) fn at(span: Range<usize>, title: impl Into<String>, label: impl Into<String>) -> Mistake {
        Mistake { title: title.into(), labels: vec![(span, label.into())], help: None }
    }

    /// A mistake of the whole file.
    pub(super) fn of_file(title: impl Into<String>) -> Mistake {
        Mistake { title: title.into(), labels: Vec::new(), help: None }
    }

    /// Adds another place that helps to understand.
    pub(super) fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Mistake {
        self.labels.push((span, label.into()));
        self
    }

    /// Adds what to do about it.
    pub(super) fn help(mut self, text: impl Into<String>) -> Mistake {
        self.help = Some(text.into());
        self
    }
}

/// What is wrong with a configuration: at least one mistake.
#[derive(Debug)]
pub struct Mistakes {
    path: String,
    text: String,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// The mistakes `list` in the `text` of the file at `path`.
    pub(super) fn new(path: &Path, text: &str, mut list: Vec<Mistake>) -> Mistakes {
        list.sort_by_key(|mistake| mistake.labels.first().map_or(0, |(span, _)| span.start));
        Mistakes { path: harmless(&path.to_string_lossy()), text: text.to_owned(), list }
    }

    /// The file at `path` itself cannot be used.
    pub(super) fn of_file(path: &Path, problem: &str) -> Mistakes {
        Mistakes::new(path, "", vec![Mistake::of_file(format!("the configuration {problem}"))])
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The mistakes with the lines in question, in the order of the file, with terminal colours if `colour` is set.
    /// Ends with a newline.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let lines = Lines::of(&self.text);
        let mut out = String::new();
        for mistake in self.list.iter().take(MAX_SHOWN) {
            out.push_str(&renderer.render(&[self.group(mistake, &lines)]));
            out.push_str("\n\n");
        }
        if self.list.len() > 1 {
            let hidden = self.list.len().saturating_sub(MAX_SHOWN);
            let more = if hidden > 0 { format!("; {hidden} of them are not shown") } else { String::new() };
            let summary = format!("{} mistakes in `{}`{more}", self.list.len(), self.path);
            out.push_str(&renderer.render(&[Group::with_title(Level::ERROR.primary_title(summary))]));
            out.push('\n');
        } else {
            out.pop();
        }
        out
    }

    /// A mistake in the terms of the renderer.
    fn group<'a>(&'a self, mistake: &'a Mistake, lines: &Lines) -> Group<'a> {
        let mut group = Group::with_title(Level::ERROR.primary_title(&mistake.title));
        for Excerpt { first, last, labels, .. } in self.excerpts(mistake, lines) {
            let (start, end) = (lines.start(first), lines.start(last + 1));
            let snippet = Snippet::source(&self.text[start..end]).path(&self.path).line_start(first + 1).annotations(
                labels.into_iter().map(|(kind, span, label)| -> Annotation<'a> {
                    kind.span(span.start - start..span.end - start).label(label)
                }),
            );
            group = group.element(snippet);
        }
        if mistake.labels.is_empty() {
            group = group.element(Origin::path(&self.path));
        }
        match &mistake.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }

    /// The parts of the text that a mistake needs. The part with the mistake itself comes first, as its place is the one
    /// that heads the message.
    fn excerpts<'a>(&self, mistake: &'a Mistake, lines: &Lines) -> Vec<Excerpt<'a>> {
        let mut single: Vec<_> = mistake
            .labels
            .iter()
            .enumerate()
            .map(|(index, (span, label))| {
                let primary = index == 0;
                let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let span = clamp(&self.text, span);
                let (first, last) = (lines.line(span.start), lines.line(span.end));
                Excerpt { first, last, primary, labels: vec![(kind, span, label.as_str())] }
            })
            .collect();
        single.sort_by_key(|excerpt| excerpt.first);
        let mut excerpts: Vec<Excerpt<'_>> = Vec::new();
        for next in single {
            match excerpts.last_mut() {
                Some(open) if next.first <= open.last + MAX_GAP => {
                    open.last = open.last.max(next.last);
                    open.primary |= next.primary;
                    open.labels.extend(next.labels);
                }
                _ => excerpts.push(next),
            }
        }
        excerpts.sort_by_key(|excerpt| !excerpt.primary);
        excerpts
    }
}

/// Some lines with the labels in them.
struct Excerpt<'a> {
    /// The first line, from 0.
    first: usize,
    /// The last line.
    last: usize,
    /// Whether the mistake itself is among the labels.
    primary: bool,
    labels: Vec<(AnnotationKind, Range<usize>, &'a str)>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// Where the lines of a text begin.
struct Lines {
    starts: Vec<usize>,
    end: usize,
}

impl Lines {
    fn of(text: &str) -> Lines {
        let after = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Lines { starts: std::iter::once(0).chain(after).collect(), end: text.len() }
    }

    /// The line (from 0) that `offset` is in.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset) - 1
    }

    /// Where `line` begins; the text's end for a line behind the last.
    fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.end)
    }
}

/// `span` widened to whole characters and cut at the text's end.
fn clamp(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// `text` between backticks, harmless to a terminal and not too long.
pub(super) fn quote(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(MAX_QUOTE) {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    let more = if text.chars().nth(MAX_QUOTE).is_some() { "..." } else { "" };
    format!("`{}{more}`", normalize_untrusted_str(&shown))
}

/// `text` as it may stand in a message: on one line, without control characters.
pub(super) fn harmless(text: &str) -> String {
    normalize_untrusted_str(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}
