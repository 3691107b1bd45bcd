//! HdrHistogram's two formats: the percentile distribution that its plotters read (`.hgrm`), and the interval log.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

use super::Error;
use crate::record::event::Kind;
use crate::record::figure::MAX_NS;
use crate::record::file::Reader;

/// Steps from each half of the distance to 100 % to the next.
const STEPS_PER_HALF: u32 = 5;
/// Digits of the percentile column; 100 % is the end of what they tell apart.
const DIGITS: usize = 12;
/// How long an interval of a log is.
const INTERVAL_NS: u64 = 1_000_000_000;

fn histogram() -> Result<Histogram<u64>, Error> {
    Histogram::new_with_bounds(1, MAX_NS, 3).map_err(|error| Error::Output(io::Error::other(error)))
}

/// The start lateness of each partition in the recording at `path`, with the partition's name.
///
/// # Errors
/// If the recording cannot be read.
pub fn histograms(path: &Path) -> Result<Vec<(String, Histogram<u64>)>, Error> {
    let mut reader = Reader::open(path)?;
    let names: Vec<String> = reader.header().partitions.iter().map(|partition| partition.name.clone()).collect();
    let mut histograms = names.iter().map(|_| histogram()).collect::<Result<Vec<_>, _>>()?;
    for event in reader.by_ref() {
        let event = event?;
        if let Kind::WindowStart { planned_ns, continued_ns, .. } = event.kind
            && let Some(histogram) = histograms.get_mut(usize::from(event.partition))
        {
            histogram.saturating_record(continued_ns.saturating_sub(planned_ns));
        }
    }
    Ok(names.into_iter().zip(histograms).collect())
}

/// Writes a percentile distribution, in microseconds.
///
/// # Errors
/// If it cannot be written.
pub fn write_hgrm(histogram: &Histogram<u64>, out: &mut dyn Write) -> Result<(), Error> {
    let us = |ns: f64| ns / 1000.0;
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut total = 0;
    for step in histogram.iter_quantiles(STEPS_PER_HALF) {
        total += step.count_since_last_iteration();
        let (value, part) = (us(step.value_iterated_to() as f64), step.quantile_iterated_to());
        if part < 1.0 {
            let inverse = 1.0 / (1.0 - part);
            writeln!(out, "{value:12.3} {part:1.DIGITS$} {total:10} {inverse:14.2}")?;
        } else {
            writeln!(out, "{value:12.3} {part:1.DIGITS$} {total:10}")?;
        }
    }
    let (mean, deviation) = (us(histogram.mean()), us(histogram.stdev()));
    let (max, count) = (us(histogram.max() as f64), histogram.len());
    let buckets = histogram.buckets();
    let sub_buckets = histogram.distinct_values() / usize::from(buckets).max(1) * 2;
    writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    writeln!(out, "#[Max     = {max:12.3}, Total count    = {count:12}]")?;
    writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]")?;
    Ok(out.flush()?)
}

/// Writes an interval log of the recording at `path`: each partition's start lateness in nanoseconds, second by second,
/// under the partition's name as tag.
///
/// # Errors
/// If the recording cannot be read or the log cannot be written.
pub fn write_log(path: &Path, mut out: &mut dyn Write) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let header = reader.header().clone();
    let began = UNIX_EPOCH + Duration::from_nanos(header.started_unix_ns);
    let mut serializer = V2DeflateSerializer::new();
    // A tag can have no comma and no space.
    let tags: Vec<String> =
        header.partitions.iter().map(|partition| partition.name.replace([',', ' ', '\r', '\n'], "_")).collect();
    let mut histograms = tags.iter().map(|_| histogram()).collect::<Result<Vec<_>, _>>()?;
    {
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("[Start lateness of windows in nanoseconds]")
            .with_start_time(began)
            .with_base_time(began)
            .with_max_value_divisor(1_000_000.0)
            .begin_log_with(&mut out, &mut serializer)?;
        let mut interval = 0;
        let mut flush = |interval: u64, histograms: &mut [Histogram<u64>]| -> Result<(), Error> {
            for (histogram, tag) in histograms.iter_mut().zip(&tags).filter(|(histogram, _)| !histogram.is_empty()) {
                let (from, length) = (Duration::from_nanos(interval * INTERVAL_NS), Duration::from_nanos(INTERVAL_NS));
                log.write_histogram(histogram, from, length, Tag::new(tag)).map_err(|error| match error {
                    IntervalLogWriterError::IoError(error) => Error::Output(error),
                    other => Error::Output(io::Error::other(other.to_string())),
                })?;
                histogram.reset();
            }
            Ok(())
        };
        for event in reader.by_ref() {
            let event = event?;
            if let Kind::WindowStart { planned_ns, continued_ns, .. } = event.kind
                && let Some(histogram) = histograms.get(usize::from(event.partition)).map(|_| event.partition)
            {
                let now = planned_ns.saturating_sub(header.started_monotonic_ns) / INTERVAL_NS;
                // Cores are interleaved by some milliseconds: what is a little older counts where it is read.
                if now > interval {
                    flush(interval, &mut histograms)?;
                    interval = now;
                }
                histograms[usize::from(histogram)].saturating_record(continued_ns.saturating_sub(planned_ns));
            }
        }
        flush(interval, &mut histograms)?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::record::synth;

    fn recorded() -> tempfile::NamedTempFile {
        let header = synth::header(&["nav", "flight control"]);
        let events = synth::events(&header, 500, 11);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), synth::bytes(&header, &events)).unwrap();
        file
    }

    #[test]
    fn a_distribution_ends_at_the_maximum_and_counts_everything() {
        let file = recorded();
        let histograms = histograms(file.path()).unwrap();
        let (_, histogram) = &histograms[0];
        let mut out = Vec::new();
        write_hgrm(histogram, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(rows.len() > 20 && rows.iter().all(|row| row.len() >= 3));
        let last = &rows[rows.len() - 1];
        assert_eq!((last[1].parse::<f64>().unwrap(), last[2].parse::<u64>().unwrap()), (1.0, histogram.len()));
        assert!((last[0].parse::<f64>().unwrap() * 1000.0 - histogram.max() as f64).abs() < 1.0);
        assert!(text.contains(&format!("Total count    = {:12}]", histogram.len())));
    }

    #[test]
    fn a_log_adds_up_to_the_whole_run() {
        let file = recorded();
        let mut log = Vec::new();
        write_log(file.path(), &mut log).unwrap();
        let mut deserializer = Deserializer::new();
        let mut intervals = 0;
        let mut sums = [histogram().unwrap(), histogram().unwrap()];
        for entry in IntervalLogIterator::new(&log) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            intervals += 1;
            let bytes = base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice()).unwrap();
            let index = ["nav", "flight_control"].iter().position(|tag| interval.tag().unwrap().as_str() == *tag);
            sums[index.unwrap()].add(histogram).unwrap();
        }
        // 500 frames of 10 ms.
        assert_eq!(intervals, 10);
        for (sum, (_, whole)) in sums.iter().zip(histograms(file.path()).unwrap()) {
            assert!(*sum == whole);
        }
    }
}
