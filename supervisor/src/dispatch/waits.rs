//! When a dispatcher asks the kernel for how long it had to wait for its core.
//!
//! The answer explains late windows, and asking costs microseconds, out of a window's time. So it asks where a wait worth an event may
//! be: at windows that start later than usual; and at every [`TOGETHER`]th besides, so that what has added up since cannot be mistaken
//! for a wait of a late one, and that a core which is taken each time shows. From then on it asks every time, until waits are short again.

/// A wait for the core that is shorter, in nanoseconds, is not worth an event.
const NOTICEABLE_NS: u64 = 20_000;
/// Windows that one answer may be about.
const TOGETHER: u32 = 8;
/// The usual lateness follows a window's by this part.
const PART: u64 = 16;

/// What is known of the waits so far.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// What the kernel said last.
    before_ns: u64,
    /// Windows that it has not been asked about.
    unasked: u32,
    /// A window is so late as a rule.
    usual_ns: u64,
    /// For so long a window waits as a rule, while that is short.
    usual_wait_ns: u64,
    /// Waits are not short at present.
    long: bool,
}

impl Waits {
    /// Nothing yet; the kernel's count so far is `all_ns`.
    pub(super) fn new(all_ns: u64) -> Waits {
        Waits { before_ns: all_ns, ..Waits::default() }
    }

    /// Whether to ask about a window that was so late.
    pub(super) fn is_due(&mut self, late_ns: u64) -> bool {
        self.unasked += 1;
        let limit_ns = self.usual_ns + NOTICEABLE_NS;
        // One that is much later than usual makes no rule, however late it is.
        self.usual_ns = self.usual_ns - self.usual_ns / PART + late_ns.min(limit_ns) / PART;
        late_ns >= limit_ns || self.long || self.unasked >= TOGETHER
    }

    /// The kernel's count is now `all_ns`: for how long the dispatcher has waited at this window, if that is worth an event.
    pub(super) fn answer(&mut self, all_ns: u64) -> Option<u64> {
        let all_waited_ns = all_ns.saturating_sub(self.before_ns);
        self.before_ns = all_ns;
        let windows = u64::from(std::mem::take(&mut self.unasked).max(1));
        let mean_ns = all_waited_ns / windows;
        self.long = mean_ns >= NOTICEABLE_NS;
        // Many short waits are none that is worth an event.
        let waited_ns = all_waited_ns.saturating_sub((windows - 1) * self.usual_wait_ns);
        if waited_ns >= NOTICEABLE_NS {
            return Some(waited_ns);
        }
        self.usual_wait_ns = mean_ns.min(NOTICEABLE_NS);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows that are so late and wait so long; which of them the kernel is asked about, and what comes of it.
    fn ask(waits: &mut Waits, all_ns: &mut u64, windows: &[(u64, u64)]) -> Vec<(usize, Option<u64>)> {
        let mut found = Vec::new();
        for (index, &(late_ns, waited_ns)) in windows.iter().enumerate() {
            *all_ns += waited_ns;
            if waits.is_due(late_ns) {
                found.push((index, waits.answer(*all_ns)));
            }
        }
        found
    }

    #[test]
    fn ordinary_windows_are_asked_about_together() {
        let (mut waits, mut all_ns) = (Waits::new(77), 77);
        assert_eq!(ask(&mut waits, &mut all_ns, &[(10_000, 1_000); 20]), [(7, None), (15, None)]);
        // They add up to more than would be worth an event in one.
        let asked = ask(&mut waits, &mut all_ns, &[(10_000, 4_000); 40]);
        assert!(asked.len() == 5 && asked[2..].iter().all(|(_, waited)| waited.is_none()), "{asked:?}");
    }

    #[test]
    fn a_late_window_is_asked_about_at_once_and_a_machine_that_is_slow_throughout_is_not() {
        let (mut waits, mut all_ns) = (Waits::new(0), 0);
        let mut windows = vec![(45_000, 2_000); 100];
        let asked = ask(&mut waits, &mut all_ns, &windows);
        // Until it is known what is usual here.
        assert!(asked[0].0 == 0 && asked.len() < 35, "{asked:?}");
        windows.truncate(8);
        windows[3] = (900_000, 850_000);
        let asked = ask(&mut waits, &mut all_ns, &windows);
        let found: Vec<_> = asked.iter().filter_map(|(index, waited)| waited.map(|ns| (*index, ns))).collect();
        assert!(found.len() == 1 && found[0].0 == 3 && (850_000..870_000).contains(&found[0].1), "{found:?}");
        // It makes no rule.
        assert!(waits.usual_ns < 50_000, "{}", waits.usual_ns);
    }

    #[test]
    fn a_core_that_is_taken_each_time_shows_each_time() {
        let (mut waits, mut all_ns) = (Waits::new(0), 0);
        ask(&mut waits, &mut all_ns, &[(60_000, 1_000); 200]);
        let asked = ask(&mut waits, &mut all_ns, &[(60_000, 30_000); 20]);
        // A sum shows it, or two; from then on it shows window by window.
        assert!(asked.len() >= 12 && asked.iter().all(|(_, waited)| waited.is_some()), "{asked:?}");
        assert!(asked[2..].iter().all(|(_, waited)| *waited == Some(30_000)), "{asked:?}");
        assert!(asked[2..].windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{asked:?}");
        let asked = ask(&mut waits, &mut all_ns, &[(60_000, 1_000); 20]);
        assert!(asked.len() <= 4, "{asked:?}");
    }
}
