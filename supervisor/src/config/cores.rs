//! Cores: the host's CPUs by the numbers that a configuration gives them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::document::Section;
use super::mistakes::Mistake;
use super::module::{Core, PartitionId, Window};
use super::raw::{RawModule, RawPartition};
use super::validate::{count_text, subject};
use super::windows::{Owner, Placed};

/// The CPUs that serve as cores.
pub(super) struct Cores {
    /// The CPU of each core; `None` if that could not be found out.
    cpus: Option<Vec<u32>>,
    /// Where the configuration names them, if it does.
    span: Option<Range<usize>>,
}

impl Cores {
    /// The CPUs that the module names, or else the host's.
    pub(super) fn read(section: &Section<RawModule>, host_cpus: &[u32], found: &mut Vec<Mistake>) -> Cores {
        let Some(list) = &section.raw.cores else {
            let known = !section.reported("cores");
            return Cores { cpus: known.then(|| host_cpus.to_vec()), span: None };
        };
        if list.get_ref().is_empty() {
            let label = "name at least one CPU, or leave `cores` out";
            found.push(Mistake::at(list.span(), "`cores` in `[module]` is empty", label));
            return Cores { cpus: None, span: None };
        }
        let mut first: HashMap<i64, Range<usize>> = HashMap::new();
        for cpu in list.get_ref() {
            let number = *cpu.get_ref();
            if let Some(before) = first.get(&number) {
                let title = format!("CPU {number} is to serve as two cores");
                found.push(Mistake::at(cpu.span(), title, "again here").also(before.clone(), "first here"));
                continue;
            }
            first.insert(number, cpu.span());
            if !host_cpus.iter().any(|&host| i64::from(host) == number) {
                let title = format!("there is no CPU {number} for `cores`");
                let label = format!("this host offers {}", cpus_text(host_cpus));
                found.push(Mistake::at(cpu.span(), title, label));
            }
        }
        let cpus = list.get_ref().iter().map(|cpu| u32::try_from(*cpu.get_ref()).unwrap_or(u32::MAX)).collect();
        Cores { cpus: Some(cpus), span: Some(list.span()) }
    }

    /// The number of a partition's core.
    pub(super) fn number(&self, section: &Section<RawPartition>, found: &mut Vec<Mistake>) -> Option<u32> {
        if section.reported("core") {
            return None;
        }
        let cpus = self.cpus.as_ref()?;
        let number = section.raw.core.as_ref().map_or(0, |core| *core.get_ref());
        if let Some(number) = u32::try_from(number).ok().filter(|&number| (number as usize) < cpus.len()) {
            return Some(number);
        }
        let count = match cpus.len() {
            0 => "there is no core".to_owned(),
            1 => "the only core is 0".to_owned(),
            2 => "the cores are 0 and 1".to_owned(),
            many => format!("the cores are 0 to {}", many - 1),
        };
        let title = format!("{} is to run on core {number}, which does not exist", subject(section));
        let span = section.raw.core.as_ref().map(|core| core.span()).or(section.span.clone()).unwrap_or_default();
        found.push(match &self.span {
            Some(span_of_cores) => Mistake::at(span, title, count)
                .also(span_of_cores.clone(), format!("{} named here", count_text(cpus.len(), "CPU")))
                .help("choose one of these cores, or add a CPU to `cores`"),
            None => Mistake::at(span, title, format!("{count}; this host offers {}", cpus_text(cpus))),
        });
        None
    }

    /// A core with its windows, by schedule.
    pub(super) fn core(&self, number: u32, placed: &[Vec<Placed>], owners: &[Owner<'_>]) -> Core {
        let mut by_schedule = placed.iter().map(|placed| {
            let of_core = placed.iter().filter(|window| owners[window.owner].core == Some(number));
            let window = |window: &Placed| Window {
                partition: PartitionId(u16::try_from(window.owner).unwrap_or(u16::MAX)),
                start_ns: window.start_ns,
                duration_ns: window.end_ns - window.start_ns,
            };
            of_core.map(window).collect()
        });
        let cpu = self.cpus.as_ref().and_then(|cpus| cpus.get(number as usize)).copied().unwrap_or_default();
        Core { number, cpu, windows: by_schedule.next().unwrap_or_default(), alternatives: by_schedule.collect() }
    }
}

/// CPUs with ranges: "CPUs 0-3, 6".
fn cpus_text(cpus: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in cpus.iter().copied().collect::<BTreeSet<_>>() {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(cpu) => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let ranges: Vec<_> = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    match cpus.len() {
        0 => "no CPU".to_owned(),
        1 => format!("CPU {}", ranges.join(", ")),
        _ => format!("CPUs {}", ranges.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_named_in_ranges() {
        assert_eq!(cpus_text(&[3, 2, 0, 1, 6]), "CPUs 0-3, 6");
        assert_eq!(cpus_text(&[5]), "CPU 5");
        assert_eq!(cpus_text(&[u32::MAX, 0]), "CPUs 0, 4294967295");
        assert_eq!(cpus_text(&[]), "no CPU");
    }
}
