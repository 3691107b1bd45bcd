//! From `[[memory]]` tables to [`Block`]s.

use std::collections::HashMap;
use std::ops::Range;

use bulkhead_abi::block::{MAX_BLOCK, MAX_BLOCKS};
use bulkhead_abi::map::PAGE;
use toml::Spanned;

use super::PartitionId;
use super::block::Block;
use super::checks::{self, required, size_in};
use super::document::Section;
use super::mistakes::{Mistake, quote};
use super::raw::RawMemory;
use super::suggest;

/// Reads the memory blocks of a module with these partitions, by name.
pub(super) fn read(
    sections: &[Section<RawMemory>],
    partitions: &[Option<&str>],
    found: &mut Vec<Mistake>,
) -> Vec<Block> {
    if let Some(section) = sections.get(MAX_BLOCKS) {
        let label = format!("the first beyond {MAX_BLOCKS}, which is the most there can be");
        let title = format!("there are {} memory blocks", sections.len());
        found.push(Mistake::at(section.span.clone().unwrap_or_default(), title, label));
    }
    let mut names = HashMap::new();
    sections.iter().filter_map(|section| block(section, partitions, &mut names, found)).collect()
}

fn block<'a>(
    section: &'a Section<RawMemory>,
    partitions: &[Option<&str>],
    names: &mut HashMap<&'a str, Range<usize>>,
    found: &mut Vec<Mistake>,
) -> Option<Block> {
    let raw = &section.raw;
    let subject = match &raw.name {
        Some(name) => format!("memory block {}", quote(name.get_ref())),
        None => "a memory block".to_owned(),
    };
    let name = required(section, &raw.name, "name", ("a memory block", "name = \"map\""), found);
    if let Some(name) = name {
        checks::name(name, "a memory block", found);
        let title = format!("two memory blocks are called {}", quote(name.get_ref()));
        match names.get(name.get_ref().as_str()) {
            Some(before) => {
                found.push(Mistake::at(name.span(), title, "again here").also(before.clone(), "first here"));
            }
            None => _ = names.insert(name.get_ref(), name.span()),
        }
    }
    let size = required(section, &raw.size, "size", (&subject, "size = \"64 KiB\""), found);
    let size = size_in(size, "size", &subject, PAGE..=MAX_BLOCK, found);

    let about = (subject.as_str(), "writers = [\"partition\"]");
    let writers = required(section, &raw.writers, "writers", about, found);
    if let Some(list) = writers.filter(|list| list.get_ref().is_empty()) {
        let label = "at least one is needed; the block would stay zero for ever";
        found.push(Mistake::at(list.span(), format!("{subject} has no writer"), label));
    }
    let mut used = HashMap::new();
    let mut members = |list: Option<&'a Spanned<Vec<Spanned<String>>>>, role| -> Option<Vec<PartitionId>> {
        let texts = list.map_or(&[][..], |list| list.get_ref().as_slice());
        let all: Vec<_> = texts.iter().map(|text| member(text, role, &subject, partitions, &mut used, found)).collect();
        all.into_iter().collect()
    };
    let readers = members(raw.readers.as_ref(), "reader");
    let writers = members(writers, "writer");
    Some(Block { name: name?.get_ref().clone(), size: size?, readers: readers?, writers: writers? })
}

/// A partition by its name, which is named once in a block.
fn member<'a>(
    text: &'a Spanned<String>,
    role: &'static str,
    subject: &str,
    partitions: &[Option<&str>],
    used: &mut HashMap<&'a str, (Range<usize>, &'static str)>,
    found: &mut Vec<Mistake>,
) -> Option<PartitionId> {
    let word = text.get_ref().as_str();
    let Some(index) = partitions.iter().position(|name| *name == Some(word)) else {
        let title = format!("{subject} has the {role} {}, which is no partition", quote(word));
        let mistake = Mistake::at(text.span(), title, "no `[[partition]]` has this name");
        found.push(match suggest::nearest(word, partitions.iter().copied().flatten()) {
            Some(near) => mistake.help(format!("did you mean {}?", quote(near))),
            None => mistake,
        });
        return None;
    };
    if let Some((before, as_what)) = used.get(word) {
        let title = format!("{subject} names partition {} twice", quote(word));
        let mistake = Mistake::at(text.span(), title, format!("again here, as a {role}"))
            .also(before.clone(), format!("first here, as a {as_what}"));
        found.push(if *as_what == role { mistake } else { mistake.help("a writer may read as well") });
        return None;
    }
    used.insert(word, (text.span(), role));
    Some(PartitionId(u16::try_from(index).unwrap_or(u16::MAX)))
}
