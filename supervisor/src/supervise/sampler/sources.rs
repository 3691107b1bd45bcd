//! The rows of /proc/interrupts: what interrupts a CPU, and how often each source has done so.

/// Sources that are told apart at most; more are in no list, but in the sum.
const MOST: usize = 1024;
/// Longest name in bytes.
const NAME: usize = 64;

/// Something that interrupts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::supervise) struct Source {
    /// What the row begins with: a number, or three letters.
    label: String,
    /// What people call it: `Local timer interrupts (LOC)`, `virtio1-req.0 (36)`.
    pub(in crate::supervise) name: String,
}

/// The sources of a host whose /proc/interrupts is `text`, in its order.
pub(in crate::supervise) fn sources(text: &str) -> Vec<Source> {
    let mut rows = text.lines();
    let cpus = rows.next().unwrap_or_default().split_whitespace().count();
    let source = |row: &str| {
        let (label, rest) = row.split_once(':')?;
        let label = label.trim();
        let mut words = rest.split_whitespace();
        let are_counts = words.by_ref().take(cpus).filter(|word| word.parse::<u64>().is_ok()).count() == cpus;
        let words: Vec<&str> = words.collect();
        // Devices have the controller and its pin before what uses them.
        let is_device = label.bytes().all(|byte| byte.is_ascii_digit()) && words.len() > 2;
        let words = if is_device { &words[2..] } else { &words[..] };
        let mut name = words.join(" ");
        while name.len() > NAME - label.len().min(NAME / 2) - 3 {
            name.pop();
        }
        let name = if name.is_empty() { label.to_owned() } else { format!("{name} ({label})") };
        (cpus > 0 && are_counts && label.len() <= NAME / 2).then(|| Source { label: label.to_owned(), name })
    };
    rows.filter_map(source).take(MOST).collect()
}

/// How often each of `sources` has interrupted a CPU, and, last, how often anything has; none if the host does not count for it. A source
/// that has gone counts 0.
pub(super) fn counts(text: &str, cpu: u32, sources: &[Source]) -> Option<(Vec<u64>, u64)> {
    let mut rows = text.lines();
    let head = rows.next()?;
    let cpus = head.split_whitespace().count();
    let column = head.split_whitespace().position(|name| name.strip_prefix("CPU").map(str::parse) == Some(Ok(cpu)))?;
    let (mut counts, mut all, mut next) = (vec![0; sources.len()], 0u64, 0);
    for row in rows {
        let Some((label, rest)) = row.split_once(':') else { continue };
        // Rows that are not by CPU are shorter.
        let mut words = rest.split_whitespace();
        let Some(Ok(count)) = words.nth(column).map(str::parse::<u64>) else { continue };
        let rest = cpus - 1 - column;
        if words.take(rest).filter(|word| word.parse::<u64>().is_ok()).count() < rest {
            continue;
        }
        all = all.saturating_add(count);
        // The rows are in the order that they were in, but for those that have come since or have gone.
        let label = label.trim();
        let ahead = sources[next..].iter().position(|source| source.label == label).map(|index| next + index);
        if let Some(index) = ahead.or_else(|| sources.iter().position(|source| source.label == label)) {
            counts[index] = count;
            next = index + 1;
        }
    }
    Some((counts, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "           CPU0       CPU2
  0:         10          3   IO-APIC   2-edge      timer
 24:          1          20   PCI-MSIX-0000:00:02.0   1-edge      virtio1-req.0, shared
 25:          4          7
NMI:          0          100   Non-maskable interrupts
ERR:          7
MIS:          9
";

    #[test]
    fn rows_by_cpu_are_sources_with_names() {
        let names: Vec<_> = sources(ROWS).into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["timer (0)", "virtio1-req.0, shared (24)", "25", "Non-maskable interrupts (NMI)"]);
        assert_eq!((sources(""), sources("CPU0\n1: x timer\n")), (vec![], vec![]));
        let long = format!("CPU0\nLOC: 5 {}\n{}: 7 x\n", "ö".repeat(100), "y".repeat(99));
        let found = sources(&long);
        assert!(found.len() == 1 && found[0].name.len() <= NAME && found[0].name.ends_with("(LOC)"), "{found:?}");
    }

    #[test]
    fn each_cpu_has_its_column_and_its_sum() {
        let sources = sources(ROWS);
        assert_eq!(counts(ROWS, 0, &sources), Some((vec![10, 1, 4, 0], 15)));
        assert_eq!(counts(ROWS, 2, &sources), Some((vec![3, 20, 7, 100], 130)));
        assert_eq!((counts(ROWS, 1, &sources), counts("", 0, &sources)), (None, None));
    }

    #[test]
    fn rows_that_come_and_go_leave_the_others_in_their_place() {
        let sources = sources(ROWS);
        let later =
            "CPU0 CPU2\n 7: 1 1 x y new\n 24: 2 21 x y z\nNMI: 0 101 Non-maskable interrupts\n 0: 11 4 a b timer\n";
        assert_eq!(counts(later, 2, &sources), Some((vec![4, 21, 0, 101], 127)));
    }

    #[test]
    fn this_host_counts_interrupts() {
        let text = std::fs::read_to_string("/proc/interrupts").unwrap();
        let cpu = text.split_whitespace().next().unwrap().trim_start_matches("CPU").parse().unwrap();
        let sources = sources(&text);
        let (counts, all) = counts(&text, cpu, &sources).unwrap();
        assert!(all > 0 && counts.iter().sum::<u64>() == all, "{counts:?}, {all} in all: {text}");
    }
}
