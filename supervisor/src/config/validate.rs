//! From raw tables to a [`Module`].
//!
//! A value that is wrong is reported and replaced by a default, so that the others are looked at too; the module that
//! comes out is used only if nothing was reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bulkhead_abi::health::Limits;
use toml::Spanned;

use super::blocks;
use super::channels;
use super::checks::{self, choice, required, size_in, time_in};
use super::cores::Cores;
use super::document::{Document, Section};
use super::health;
use super::mistakes::{Mistake, harmless, quote};
use super::module::{self, Module, Partition, PartitionId, Start};
use super::periods;
use super::raw::{RawApex, RawPartition};
use super::schedules;
use super::tables::tables_size;
use super::windows::{self, Frame, Owner};
use crate::health::Table;

const STARTS: [(&str, Start); 3] = [("cold", Start::Cold), ("warm", Start::Warm), ("idle", Start::Idle)];

/// The module that `document` describes. It keeps its promises only if nothing was added to `found`.
pub(super) fn module(
    document: &Document,
    base_dir: &Path,
    host_cpus: &[u32],
    check_image: &mut dyn FnMut(&Path) -> Result<(), String>,
    found: &mut Vec<Mistake>,
) -> Module {
    let raw = &document.module.raw;
    let subject = "`[module]`";
    let name = required(&document.module, &raw.name, "name", (subject, "name = \"demo\""), found);
    if let Some(name) = name {
        checks::name(name, "the module", found);
    }
    let frame = frame(document, found);
    let limits = 1..=module::MAX_FRAME_NS;
    let late_after_ns = time_in(raw.late_after.as_ref(), "late_after", subject, limits.clone(), found);
    let overrun_after_ns = time_in(raw.overrun_after.as_ref(), "overrun_after", subject, limits, found);
    let storm = health::storm(raw.storm.as_ref(), found);
    let module_health = health::module_table(raw.module_health.as_ref(), found);
    let of_module = health::layer(raw.health.as_ref(), found);

    let cores = Cores::read(&document.module, host_cpus, found);
    let sections = &document.partitions;
    how_many(sections, found);
    duplicates(sections, found);
    stdin(sections, found);
    images(sections, base_dir, check_image, found);
    let numbers: Vec<_> = sections.iter().map(|section| cores.number(section, found)).collect();
    let mut owners: Vec<_> = sections
        .iter()
        .zip(&numbers)
        .map(|(section, core)| Owner { name: name_of(section), core: *core, mentions: 0, windows: 0 })
        .collect();
    let (schedules, plans) = schedules::read(document, found);
    let mut placed = Vec::new();
    for windows in &plans {
        let mut of_plan: Vec<_> = owners.iter().map(|owner| Owner { mentions: 0, windows: 0, ..*owner }).collect();
        placed.push(windows::lay_out(windows, &mut of_plan, frame.as_ref(), found));
        for (owner, of_plan) in owners.iter_mut().zip(of_plan) {
            owner.mentions += of_plan.mentions;
            owner.windows = owner.windows.saturating_add(of_plan.windows);
        }
    }
    if plans.iter().flat_map(|windows| windows.iter()).all(|window| window.raw.partition.is_some()) {
        without_windows(sections, &owners, found);
    }

    let used: BTreeSet<u32> = numbers.iter().flatten().copied().collect();
    let index = |number: Option<u32>| used.iter().position(|&core| Some(core) == number).unwrap_or_default();
    let partitions = sections
        .iter()
        .zip(&owners)
        .map(|(section, owner)| {
            let own = health::layer(section.raw.health.as_ref(), found);
            let health = health::table(&own, &of_module, module_health);
            let room = Room { windows: owner.windows, schedules: schedules.len() };
            partition(section, base_dir, room, index(owner.core), health, found)
        })
        .collect();
    let names: Vec<_> = sections.iter().map(name_of).collect();
    let channels = channels::read(&document.channels, &names, base_dir, found);
    let blocks = blocks::read(&document.blocks, &names, found);
    let module = Module {
        name: name.map(|name| name.get_ref().clone()).unwrap_or_default(),
        major_frame_ns: frame.map_or(module::MIN_FRAME_NS, |frame| frame.ns),
        cores: used.iter().map(|&number| cores.core(number, &placed, &owners)).collect(),
        partitions,
        late_after_ns: late_after_ns.unwrap_or(module::DEFAULT_LATE_NS),
        overrun_after_ns: overrun_after_ns.unwrap_or(module::DEFAULT_OVERRUN_NS),
        storm,
        channels,
        blocks,
        health: module_health,
        schedules,
    };
    if found.is_empty() {
        for (index, section) in sections.iter().enumerate() {
            periods::check(&module, PartitionId(index as u16), section, found);
        }
    }
    module
}

/// What a partition's boot tables have to hold besides its arguments.
#[derive(Debug, Clone, Copy)]
struct Room {
    windows: usize,
    schedules: usize,
}

/// The major frame.
fn frame(document: &Document, found: &mut Vec<Mistake>) -> Option<Frame> {
    let (section, subject) = (&document.module, "`[module]`");
    let about = (subject, "major_frame = \"20 ms\"");
    let value = required(section, &section.raw.major_frame, "major_frame", about, found)?;
    let limits = module::MIN_FRAME_NS..=module::MAX_FRAME_NS;
    let ns = time_in(Some(value), "major_frame", subject, limits, found)?;
    Some(Frame { ns, span: value.span() })
}

/// The partition's name as it was written.
fn name_of(section: &Section<RawPartition>) -> Option<&str> {
    section.raw.name.as_ref().map(|name| name.get_ref().as_str())
}

/// A partition in words: "partition `nav`".
pub(super) fn subject(section: &Section<RawPartition>) -> String {
    name_of(section).map_or_else(|| "a partition".to_owned(), |name| format!("partition {}", quote(name)))
}

/// "1 CPU", "3 CPUs".
pub(super) fn count_text(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// No more partitions than the limit.
fn how_many(sections: &[Section<RawPartition>], found: &mut Vec<Mistake>) {
    if let Some(section) = sections.get(module::MAX_PARTITIONS) {
        found.push(Mistake::at(
            section.span.clone().unwrap_or_default(),
            format!("there are {} partitions", sections.len()),
            format!("the first beyond {}, which is the most there can be", module::MAX_PARTITIONS),
        ));
    }
}

/// Partitions with the same name.
fn duplicates(sections: &[Section<RawPartition>], found: &mut Vec<Mistake>) {
    let mut first: HashMap<&str, Range<usize>> = HashMap::new();
    for name in sections.iter().filter_map(|section| section.raw.name.as_ref()) {
        checks::name(name, "a partition", found);
        match first.get(name.get_ref().as_str()) {
            Some(before) => found.push(
                Mistake::at(name.span(), format!("two partitions are called {}", quote(name.get_ref())), "again here")
                    .also(before.clone(), "first here"),
            ),
            None => _ = first.insert(name.get_ref(), name.span()),
        }
    }
}

/// At most one partition may have the standard input.
fn stdin(sections: &[Section<RawPartition>], found: &mut Vec<Mistake>) {
    let mut takers = sections.iter().filter_map(|section| {
        let stdin = section.raw.stdin.as_ref().filter(|stdin| *stdin.get_ref())?;
        Some((stdin.span(), subject(section)))
    });
    let Some((first, holder)) = takers.next() else { return };
    for (span, other) in takers {
        found.push(
            Mistake::at(span, format!("{other} is to have the standard input too"), "only one partition can have it")
                .also(first.clone(), format!("{holder} has it")),
        );
    }
}

/// Every image once, with all the places that name it.
fn images(
    sections: &[Section<RawPartition>],
    base_dir: &Path,
    check_image: &mut dyn FnMut(&Path) -> Result<(), String>,
    found: &mut Vec<Mistake>,
) {
    let mut places: BTreeMap<&str, Vec<Range<usize>>> = BTreeMap::new();
    for section in sections {
        let about = (subject(section), "image = \"guest.elf\"");
        if let Some(image) = required(section, &section.raw.image, "image", (&about.0, about.1), found) {
            places.entry(image.get_ref()).or_default().push(image.span());
        }
    }
    for (image, spans) in places {
        let problem = match image {
            "" => Err("the path is empty".to_owned()),
            _ if image.contains('\0') => Err("the path contains a NUL".to_owned()),
            _ => check_image(&base_dir.join(image)),
        };
        let (Err(problem), [first, others @ ..]) = (problem, spans.as_slice()) else { continue };
        let mistake =
            Mistake::at(first.clone(), format!("the image {} cannot be used", quote(image)), harmless(&problem));
        found.push(others.iter().fold(mistake, |mistake, span| mistake.also(span.clone(), "the same image")));
    }
}

/// Every partition needs a window. Those of a namesake count: that there are two is a mistake of its own.
fn without_windows(sections: &[Section<RawPartition>], owners: &[Owner<'_>], found: &mut Vec<Mistake>) {
    let mentioned: BTreeSet<_> =
        owners.iter().filter(|owner| owner.mentions > 0).filter_map(|owner| owner.name).collect();
    for name in sections.iter().filter_map(|section| section.raw.name.as_ref()) {
        if !mentioned.contains(name.get_ref().as_str()) {
            let shown = quote(name.get_ref());
            found.push(
                Mistake::at(name.span(), format!("partition {shown} has no window"), "would never run")
                    .help(format!("add a `[[window]]` with `partition = \"{}\"`", shown.trim_matches('`'))),
            );
        }
    }
}

/// One partition, whose name, image and core have been looked at already.
fn partition(
    section: &Section<RawPartition>,
    base_dir: &Path,
    room: Room,
    core: usize,
    health: Table,
    found: &mut Vec<Mistake>,
) -> Partition {
    let raw = &section.raw;
    let subject = subject(section);
    let about = ("a partition", "name = \"nav\"");
    let name = required(section, &raw.name, "name", about, found).map_or("", |name| name.get_ref());
    let memory_limits = module::MIN_MEMORY..=module::MAX_MEMORY;
    let memory = size_in(raw.memory.as_ref(), "memory", &subject, memory_limits, found);
    let stack_limits = module::MIN_STACK..=module::MAX_STACK;
    let stack = size_in(raw.stack.as_ref(), "stack", &subject, stack_limits, found);
    let image = raw.image.as_ref().map_or(PathBuf::new(), |image| base_dir.join(image.get_ref()));
    Partition {
        name: name.to_owned(),
        image,
        memory_bytes: memory.unwrap_or(module::DEFAULT_MEMORY),
        stack_bytes: stack.unwrap_or(module::DEFAULT_STACK),
        args: args(section, name, room, &subject, found),
        core,
        start: choice(&raw.start, "kind of start", &STARTS, found).unwrap_or_default(),
        stdin: raw.stdin.as_ref().is_some_and(|stdin| *stdin.get_ref()),
        health,
        period_ns: time_in(raw.period.as_ref(), "period", &subject, module::MIN_FRAME_NS..=module::MAX_FRAME_NS, found),
        duration_ns: time_in(raw.duration.as_ref(), "duration", &subject, 1..=module::MAX_FRAME_NS, found),
        may_switch_schedule: raw.may_switch_schedule.as_ref().is_some_and(|may| *may.get_ref()),
        apex: apex(raw.apex.as_ref(), &subject, found),
    }
}

/// Limits of an executive.
fn apex(raw: Option<&RawApex>, subject: &str, found: &mut Vec<Mistake>) -> Limits {
    let mut limits = module::DEFAULT_LIMITS;
    let Some(raw) = raw else { return limits };
    let most = module::MAX_LIMITS;
    let values = [
        ("processes", &raw.processes, &mut limits.processes, most.processes),
        ("buffers", &raw.buffers, &mut limits.buffers, most.buffers),
        ("blackboards", &raw.blackboards, &mut limits.blackboards, most.blackboards),
        ("semaphores", &raw.semaphores, &mut limits.semaphores, most.semaphores),
        ("events", &raw.events, &mut limits.events, most.events),
        ("mutexes", &raw.mutexes, &mut limits.mutexes, most.mutexes),
        ("logbooks", &raw.logbooks, &mut limits.logbooks, most.logbooks),
    ];
    for (key, value, limit, most) in values {
        let Some(value) = value else { continue };
        match u32::try_from(*value.get_ref()) {
            Ok(number) if number <= most => *limit = number,
            _ => found.push(Mistake::at(
                value.span(),
                format!("`apex.{key}` in {subject} is out of range"),
                format!("must be from 0 to {most}"),
            )),
        }
    }
    limits
}

/// Arguments without NULs that fit into the boot tables together with windows and schedules.
fn args(
    section: &Section<RawPartition>,
    name: &str,
    Room { windows, schedules }: Room,
    subject: &str,
    found: &mut Vec<Mistake>,
) -> Vec<String> {
    let list: &[Spanned<String>] = section.raw.args.as_ref().map_or(&[], |list| list.get_ref());
    for arg in list.iter().filter(|arg| arg.get_ref().contains('\0')) {
        let title = format!("an argument of {subject} contains a NUL");
        found.push(Mistake::at(arg.span(), title, "the guest would see its end there"));
    }
    let args: Vec<String> = list.iter().map(|arg| arg.get_ref().clone()).collect();
    let room = bulkhead_abi::map::host::TABLES_SIZE;
    let windows = windows.min(module::MAX_WINDOWS * schedules);
    let needed = tables_size(name, args.iter().map(String::as_str), windows, schedules);
    if needed > room {
        let (span, what) = match &section.raw.args {
            Some(list) => (Some(list.span()), "arguments of"),
            None => (section.raw.name.as_ref().map(|name| name.span()), "windows in all schedules of"),
        };
        let title = format!("the {what} {subject} are too {}", if args.is_empty() { "many" } else { "long" });
        let label = format!("{} bytes too long", needed - room);
        found.push(Mistake::at(span.unwrap_or_default(), title, label).help(format!(
            "the name, the arguments and {} need {needed} bytes of the boot tables, which have {room}; each argument \
             takes 9 bytes besides its text",
            count_text(windows, "window"),
        )));
    }
    args
}
