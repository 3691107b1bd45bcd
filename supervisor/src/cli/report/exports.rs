//! The files that a report is asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::words::{counted, micros};
use super::{Exports, HOST_CANNOT, USAGE, complain};
use crate::record::analysis::analyse;
use crate::record::budget::{Budget, Verdict};
use crate::record::export::{self, csv, cyclictest, gate, hdr, html, perfetto};
use crate::record::summary::Summary;

/// What went wrong, and the exit status for it.
type Failure = (String, u8);

impl Exports {
    /// Whether any file is asked for.
    pub(in crate::cli) fn any(&self) -> bool {
        let Exports { html, perfetto, csv, queues_csv, events_csv, hgrm, hlog, cyclictest, gate } = self;
        [html, perfetto, csv, queues_csv, events_csv, hgrm, hlog, cyclictest, gate].into_iter().any(Option::is_some)
    }
}

/// Writes every file that is asked for.
pub(super) fn write(
    recording: &Path,
    exports: &Exports,
    budgets: &[Budget],
    summary: &Summary,
    verdicts: &[Verdict],
) -> Result<(), Failure> {
    let Exports { html, perfetto, csv, queues_csv, events_csv, hlog, cyclictest, gate, .. } = exports;
    let files = [html, perfetto, csv, queues_csv, events_csv, hlog, cyclictest, gate];
    if let Some(same) = files.into_iter().flatten().find(|path| is_same(recording, path)) {
        return Err((format!("{} is the recording itself", same.display()), USAGE));
    }
    if let Some(path) = &exports.html {
        let profile = analyse(recording, budgets).map_err(|error| (error.to_string(), USAGE))?;
        let page = html::page(&profile).map_err(|error| (error.to_string(), HOST_CANNOT))?;
        to(path, |out| Ok(out.write_all(page.as_bytes())?))?;
    }
    if let Some(path) = &exports.perfetto {
        to(path, |out| perfetto::write(recording, out))?;
    }
    if let Some(path) = &exports.csv {
        to(path, |out| csv::write(recording, out))?;
    }
    if let Some(path) = &exports.queues_csv {
        to(path, |out| csv::write_queues(recording, out))?;
    }
    if let Some(path) = &exports.events_csv {
        to(path, |out| csv::write_events(recording, out))?;
    }
    if let Some(folder) = &exports.hgrm {
        distributions(recording, folder)?;
    }
    if let Some(path) = &exports.hlog {
        to(path, |out| hdr::write_log(recording, out))?;
    }
    if let Some(path) = &exports.cyclictest {
        to(path, |out| cyclictest::write(recording, out))?;
    }
    if let Some(path) = &exports.gate {
        let json = serde_json::to_string_pretty(&gate::gate(summary, verdicts));
        let json = json.map_err(|error| (error.to_string(), HOST_CANNOT))?;
        to(path, |out| Ok(writeln!(out, "{json}")?))?;
    }
    Ok(())
}

/// Says which budgets were broken; true if one was.
pub(super) fn complain_of(verdicts: &[Verdict]) -> bool {
    for verdict in verdicts.iter().filter(|verdict| !verdict.kept) {
        let observed = match (verdict.observed_ns, verdict.missed_windows) {
            (Some(ns), _) => format!("observed {} us", micros(ns, 1)),
            (None, 0) => "observed nothing".to_owned(),
            (None, missed) => format!("{} did not start at all", counted(missed, "window")),
        };
        let (partition, budget) = (&verdict.partition, &verdict.budget);
        complain(&format_args!("budget broken: partition \"{partition}\": {budget}, {observed}"), 0);
    }
    verdicts.iter().any(|verdict| !verdict.kept)
}

fn distributions(recording: &Path, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| (format!("{}: {error}", folder.display()), USAGE))?;
    let histograms = hdr::histograms(recording).map_err(|error| (error.to_string(), USAGE))?;
    let mut taken: Vec<String> = Vec::new();
    for (name, histogram) in &histograms {
        // A recording may come from anywhere, and so may the names in it.
        let safe = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
        let mut file: String = name.chars().map(safe).collect();
        while taken.contains(&file) {
            file.push('_');
        }
        to(&folder.join(format!("{file}.hgrm")), |out| hdr::write_hgrm(histogram, out))?;
        taken.push(file);
    }
    Ok(())
}

/// Creates the file, and lets `write` fill it.
fn to(path: &PathBuf, write: impl FnOnce(&mut dyn Write) -> Result<(), export::Error>) -> Result<(), Failure> {
    let file = File::create(path).map_err(|error| (format!("{}: {error}", path.display()), USAGE))?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let done = write(&mut out).and_then(|()| Ok(out.flush()?));
    done.map_err(|error| match error {
        export::Error::Output(error) => (format!("{}: {error}", path.display()), HOST_CANNOT),
        error => (error.to_string(), USAGE),
    })
}

/// Whether two paths lead to one file; writing an export over the recording would destroy both.
fn is_same(recording: &Path, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(recording), std::fs::metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
