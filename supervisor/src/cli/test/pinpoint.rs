//! Where two runs of a test that should have been one begin to differ, by their recordings.

use std::io;
use std::path::Path;

use bulkhead_abi::virtual_time::BEGIN_NS;

use super::repeat::Run;
use crate::record::event::{Event, NO_PARTITION};
use crate::record::file::{Error, Reader};

/// Runs that are recorded at least to catch two that differ once more.
const TRIES: u32 = 10;

/// Records runs until two of them differ, `tries` times if need be, and says in words where. `run` runs the test and records to a
/// file.
pub(super) fn pinpoint(tries: u32, mut run: impl FnMut(&Path) -> io::Result<Run>) -> String {
    let tries = tries.max(TRIES);
    let mut attempt = || -> Result<Option<String>, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [first_file, other_file] = ["first", "other"].map(|name| folder.path().join(name));
        let first = run(&first_file).map_err(|error| error.to_string())?;
        for _ in 1..tries {
            if run(&other_file).map_err(|error| error.to_string())?.digest != first.digest {
                return compare(&first_file, &other_file).map(Some).map_err(|error| error.to_string());
            }
        }
        Ok(None)
    };
    match attempt() {
        Ok(Some(words)) => words,
        Ok(None) => format!("{tries} runs with recordings did not differ"),
        Err(error) => format!("no recordings to compare: {error}"),
    }
}

/// The first event that is not the same in both recordings.
fn compare(first: &Path, other: &Path) -> Result<String, Error> {
    let (ours, theirs) = (Reader::open(first)?, Reader::open(other)?);
    let names: Vec<String> = ours.header().partitions.iter().map(|partition| partition.name.clone()).collect();
    let words = first_difference(ours, theirs, &names)?;
    Ok(words.unwrap_or_else(|| "the recordings are the same: output or interrupts differ".to_owned()))
}

fn first_difference(
    mut ours: impl Iterator<Item = Result<Event, Error>>,
    mut theirs: impl Iterator<Item = Result<Event, Error>>,
    names: &[String],
) -> Result<Option<String>, Error> {
    for number in 1_u64.. {
        let (our, their) = (ours.next().transpose()?, theirs.next().transpose()?);
        if our != their {
            let show = |event: Option<Event>| event.map_or("the end".to_owned(), |event| in_words(&event, names));
            return Ok(Some(format!("event {number} is {} in one and {} in the other", show(our), show(their))));
        }
        if our.is_none() {
            break;
        }
    }
    Ok(None)
}

/// An event, such as "0.002000020 s, nav: Exit { status: 0 }".
fn in_words(event: &Event, names: &[String]) -> String {
    let ns = event.time_ns.saturating_sub(BEGIN_NS);
    let nobody = event.partition == NO_PARTITION;
    let who = names.get(usize::from(event.partition)).map(String::as_str).filter(|_| !nobody).unwrap_or("module");
    format!("{}.{:09} s, {who}: {:?}", ns / 1_000_000_000, ns % 1_000_000_000, event.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::Kind;

    fn difference(ours: &[Event], theirs: &[Event]) -> Option<String> {
        let events = |events: &[Event]| events.iter().copied().map(Ok).collect::<Vec<_>>().into_iter();
        first_difference(events(ours), events(theirs), &["nav".to_owned()]).unwrap()
    }

    #[test]
    fn the_first_event_that_differs_is_told() {
        let event =
            |ns, partition, status| Event { time_ns: BEGIN_NS + ns, core: 0, partition, kind: Kind::Exit { status } };
        let (one, two) = (event(2_000_020, 0, 0), event(3_000_000, NO_PARTITION, 1));
        assert_eq!(difference(&[one, two], &[one, two]), None);
        assert_eq!(
            difference(&[one, two], &[one, one]).unwrap(),
            "event 2 is 0.003000000 s, module: Exit { status: 1 } in one and 0.002000020 s, nav: Exit { status: 0 } in the other"
        );
        assert!(difference(&[one], &[one, two]).unwrap().starts_with("event 2 is the end in one and 0.003"));
    }
}
