//! Comma-separated values, for spreadsheets and scripts: a line for each window, one for each change of a queue's filling, or one for
//! each virtual interrupt's and message's step.

use std::io::Write;
use std::path::Path;

use super::Error;
use crate::record::event::{Event, Kind};
use crate::record::file::Reader;

/// The first line.
pub const COLUMNS: &str = "core,partition,state,frame,planned_ns,awake_ns,continued_ns,start_lateness_ns,end_planned_ns,\
                           end_awake_ns,stop_requested_ns,stop_confirmed_ns,first_instruction_ns";

/// The columns of a window's end, and what stands there for a window whose end was not recorded.
const NO_END: &str = ",,,,";

/// Writes a line for each window of the recording at `path`, in the order of their ends.
///
/// # Errors
/// If the recording cannot be read or the lines cannot be written.
pub fn write(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let header = reader.header().clone();
    writeln!(out, "{COLUMNS}")?;
    // By partition: the window that has begun and not ended yet.
    let mut begun: Vec<Option<String>> = vec![None; header.partitions.len()];
    for event in reader.by_ref() {
        let event: Event = event?;
        let index = usize::from(event.partition);
        let (Some(partition), Some(core)) = (header.partitions.get(index), header.cores.get(usize::from(event.core)))
        else {
            continue;
        };
        let lead = |state| format!("{},{},{state}", core.number, quoted(&partition.name));
        match event.kind {
            Kind::WindowStart { frame, planned_ns, awake_ns, continued_ns } => {
                let lateness_ns = continued_ns.saturating_sub(planned_ns);
                let lead = lead("ran");
                let line = format!("{lead},{frame},{planned_ns},{awake_ns},{continued_ns},{lateness_ns}");
                if let Some(before) = begun[index].replace(line) {
                    writeln!(out, "{before},{NO_END}")?;
                }
            }
            Kind::WindowEnd { planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns, .. } => {
                if let Some(line) = begun[index].take() {
                    let known = |ns: u64| if ns == 0 { String::new() } else { ns.to_string() };
                    let (confirmed, first) = (known(confirmed_ns), known(first_ns));
                    writeln!(out, "{line},{planned_ns},{awake_ns},{requested_ns},{confirmed},{first}")?;
                }
            }
            Kind::WindowVacant { frame, planned_ns } => {
                writeln!(out, "{},{frame},{planned_ns},,,,{NO_END}", lead("vacant"))?;
            }
            Kind::WindowSkipped { frame, planned_ns, awake_ns } => {
                writeln!(out, "{},{frame},{planned_ns},{awake_ns},,,{NO_END}", lead("skipped"))?;
            }
            _ => {}
        }
    }
    for line in begun.into_iter().flatten() {
        writeln!(out, "{line},{NO_END}")?;
    }
    Ok(out.flush()?)
}

/// The first line of the queues' form.
pub const QUEUE_COLUMNS: &str = "time_ns,channel,waiting,depth";

/// Writes a line for each time that the recording at `path` tells how many messages wait in a queuing channel.
///
/// # Errors
/// If the recording cannot be read or the lines cannot be written.
pub fn write_queues(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let names: Vec<String> = reader.header().channels.iter().map(|name| quoted(name)).collect();
    writeln!(out, "{QUEUE_COLUMNS}")?;
    for event in reader.by_ref() {
        let event: Event = event?;
        if let Kind::Waiting { channel, messages, depth } = event.kind
            && let Some(name) = names.get(usize::from(channel))
        {
            writeln!(out, "{},{name},{messages},{depth}", event.time_ns)?;
        }
    }
    Ok(out.flush()?)
}

/// The first line of the events' form.
pub const EVENT_COLUMNS: &str = "time_ns,partition,event,line,channel,sequence,count";

/// Writes a line for each thing that guests did and that was brought to them, as the recording at `path` has it: interrupts raised, entered
/// and finished, ticks, messages sent, arrived and received. The lines are in the recording's order, not in that of time.
///
/// # Errors
/// If the recording cannot be read or the lines cannot be written.
pub fn write_events(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let quote = |name: &String| quoted(name);
    let channels: Vec<String> = reader.header().channels.iter().map(quote).collect();
    let partitions: Vec<String> = reader.header().partitions.iter().map(|partition| quote(&partition.name)).collect();
    writeln!(out, "{EVENT_COLUMNS}")?;
    for event in reader.by_ref() {
        let event: Event = event?;
        let Some(partition) = partitions.get(usize::from(event.partition)) else { continue };
        let lead = format_args!("{},{partition}", event.time_ns);
        let name = |channel: u16| channels.get(usize::from(channel)).map_or("", String::as_str);
        match event.kind {
            Kind::InterruptRaised { line } => writeln!(out, "{lead},interrupt_raised,{line},,,")?,
            Kind::RaisedItself { line } => writeln!(out, "{lead},interrupt_raised_by_guest,{line},,,")?,
            Kind::InterruptEntered { line } => writeln!(out, "{lead},interrupt_entered,{line},,,")?,
            Kind::InterruptFinished { line } => writeln!(out, "{lead},interrupt_finished,{line},,,")?,
            Kind::Tick { ticks, .. } => writeln!(out, "{lead},timer_tick,,,,{ticks}")?,
            Kind::Sent { channel, sequence } => {
                writeln!(out, "{lead},message_sent,,{},{sequence},1", name(channel))?;
            }
            Kind::Arrived { channel, sequence, count } => {
                writeln!(out, "{lead},messages_arrived,,{},{sequence},{count}", name(channel))?;
            }
            Kind::Received { channel, sequence } => {
                writeln!(out, "{lead},message_received,,{},{sequence},1", name(channel))?;
            }
            _ => {}
        }
    }
    Ok(out.flush()?)
}

/// A name as a field: in quotes if it needs them. A leading character that spreadsheets take for a formula needs them not
/// to be one, too, but quotes do not help there; module names cannot begin with one.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synth;

    #[test]
    fn every_window_has_its_line_and_every_line_all_columns() {
        let header = synth::header(&["nav", "a,\"b\"", "io"]);
        let events = synth::events(&header, 500, 4);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), synth::bytes(&header, &events)).unwrap();
        let mut out = Vec::new();
        write(file.path(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let starts = events.iter().filter(|event| matches!(event.kind, Kind::WindowStart { .. })).count();
        assert_eq!(text.lines().filter(|line| line.contains(",ran,")).count(), starts);
        let columns = COLUMNS.split(',').count();
        for line in text.lines() {
            assert_eq!(line.replace("\"a,\"\"b\"\"\"", "ab").split(',').count(), columns, "{line}");
        }
        // The very first window: 10 ms frame, so its planned start is the recording's begin.
        let first = text.lines().nth(1).unwrap();
        assert!(first.starts_with(&format!("0,nav,ran,0,{},", synth::BEGIN_NS)), "{first}");
    }
}
