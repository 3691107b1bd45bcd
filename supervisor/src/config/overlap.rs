//! Windows that want the same core at the same time.

use std::collections::{BTreeMap, HashSet};

use super::document::Section;
use super::mistakes::{Mistake, quote};
use super::quantity::ns_text;
use super::raw::RawWindow;
use super::windows::{Owner, Placed};

/// Reports windows that overlap on a core; each pair of `[[window]]`s once.
/// The windows are sorted by start.
pub(super) fn report(
    sections: &[Section<RawWindow>],
    placed: &[Placed],
    owners: &[Owner<'_>],
    found: &mut Vec<Mistake>,
) {
    // On each core, the window that ends last of those seen so far.
    let mut latest: BTreeMap<u32, Placed> = BTreeMap::new();
    let mut reported = HashSet::new();
    for window in placed {
        let Some(core) = owners[window.owner].core else { continue };
        let Some(earlier) = latest.get_mut(&core) else {
            latest.insert(core, *window);
            continue;
        };
        if window.start_ns < earlier.end_ns {
            let pair = (earlier.section.min(window.section), earlier.section.max(window.section));
            if reported.insert(pair)
                && let Some(mistake) = overlap(sections, earlier, window, owners, core)
            {
                found.push(mistake);
            }
        }
        if window.end_ns > earlier.end_ns {
            *earlier = *window;
        }
    }
}

/// Two windows that overlap on a core.
fn overlap(
    sections: &[Section<RawWindow>],
    earlier: &Placed,
    later: &Placed,
    owners: &[Owner<'_>],
    core: u32,
) -> Option<Mistake> {
    let name = |window: &Placed| quote(owners[window.owner].name.unwrap_or_default());
    let (first, second) = (name(earlier), name(later));
    let whose = if earlier.owner == later.owner {
        format!("two windows of {first}")
    } else {
        format!("windows of {first} and {second}")
    };
    let from = ns_text(later.start_ns);
    let to = ns_text(later.end_ns.min(earlier.end_ns));
    let start = sections[later.section].raw.start.as_ref()?.span();
    let mistake = Mistake::at(
        start,
        format!("{whose} overlap on core {core} from {from} to {to}"),
        format!("{second} has it from {from} to {}", ns_text(later.end_ns)),
    )
    .also(
        sections[earlier.section].raw.duration.as_ref()?.span(),
        format!("{first} has the core from {} to {}", ns_text(earlier.start_ns), ns_text(earlier.end_ns)),
    );
    let until = ns_text(earlier.end_ns);
    Some(match later.start_ns > earlier.start_ns {
        true => mistake.help(format!("end the first by {from}, or start the second at {until} or later")),
        false => mistake.help(format!("start one of them at {until} or later, or give them different cores")),
    })
}
