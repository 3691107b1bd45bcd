//! What somebody may have meant by a name that does not exist.

/// The candidate that is nearest to `word`, if one is near enough to be a slip of the keyboard.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    // Names are 32 bytes at most and keys shorter still; whatever is much longer is no slip.
    if length > 64 {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty() && candidate.len() <= 64)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= length.max(candidate.chars().count()).div_ceil(3))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and exchanges of neighbours that lead from one word to the other; upper and
/// lower case are the same.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().collect();
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let mut best = (last[j + 1] + 1).min(row[j] + 1).min(last[j] + usize::from(a != b));
            if i > 0 && j > 0 && a == to[j - 1] && from[i - 1] == b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_do_not() {
        let known = ["name", "image", "memory", "stack"];
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("memmory", known), Some("memory"));
        assert_eq!(nearest("Stack", known), Some("stack"));
        assert_eq!(nearest("frequency", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn distance_counts_single_slips_once() {
        assert_eq!(distance("nav", "nav"), 0);
        assert_eq!(distance("nva", "nav"), 1);
        assert_eq!(distance("na", "nav"), 1);
        assert_eq!(distance("näv", "nav"), 1);
        assert_eq!(distance("", "nav"), 3);
    }
}
