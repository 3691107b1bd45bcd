//! Seeded mutations of images: every run of the tests tries the same variants.

/// A small generator of pseudo-random numbers (splitmix64).
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Values at which arithmetic on addresses, offsets and sizes goes wrong, if anywhere.
const EDGES: [u64; 14] = [
    0,
    1,
    4,
    8,
    0xfff,
    0x1000,
    0x1_0000,
    0x40_0000,
    0x40_0400,
    0xffff_ffff,
    0x1000_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_f000,
    u64::MAX,
];

/// Changes `image` in one to three places; `other` lends bytes.
pub(crate) fn mutate(image: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        match random.below(8) {
            0 => image.truncate(random.below(image.len() + 1)),
            1 => splice(image, other, random),
            2..4 => flip(image, random),
            4 => replace(image, 1, random.next(), random),
            5 => replace(image, 4, EDGES[random.below(EDGES.len())], random),
            6 => replace(image, 8, EDGES[random.below(EDGES.len())], random),
            _ => nudge(image, random),
        }
    }
}

/// A place in the image; most often in the headers and notes, which decide.
fn place(image: &[u8], random: &mut Random) -> usize {
    let end = if random.below(4) == 0 { image.len() } else { image.len().min(0x280) };
    random.below(end)
}

fn flip(image: &mut [u8], random: &mut Random) {
    let at = place(image, random);
    if let Some(byte) = image.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// Overwrites an aligned field of `size` bytes.
fn replace(image: &mut [u8], size: usize, value: u64, random: &mut Random) {
    let at = place(image, random) / size * size;
    if let Some(field) = image.get_mut(at..at + size) {
        field.copy_from_slice(&value.to_le_bytes()[..size]);
    }
}

/// Adds a small number to an aligned word, so that it misses a bound by little.
fn nudge(image: &mut [u8], random: &mut Random) {
    let at = place(image, random) / 8 * 8;
    if let Some(word) = image.get_mut(at..at + 8).and_then(|field| field.first_chunk_mut()) {
        let step = [1, 4, 8, 0x1000][random.below(4)];
        let value = u64::from_le_bytes(*word);
        let value = if random.below(2) == 0 { value.wrapping_add(step) } else { value.wrapping_sub(step) };
        *word = value.to_le_bytes();
    }
}

/// Copies a piece of `other` over the image, most often to where it was, sometimes behind the end.
fn splice(image: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let from = random.below(other.len());
    let piece = &other[from..from + random.below((other.len() - from).min(256) + 1)];
    let at = if random.below(2) == 0 { from } else { random.below(image.len() + 1) };
    image.resize(image.len().max(at + piece.len()), 0);
    image[at..at + piece.len()].copy_from_slice(piece);
}
