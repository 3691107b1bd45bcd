//! The image checker against bad images, mutated images, and what a real compiler makes.
//!
//! The corpus in `tests/image/corpus/` holds the small images of the table in `image/bad.rs`, written by
//! `BLESS=1 cargo test --test image corpus`, and in `found/` what the fuzzer added (see `tests/fuzz/README.md`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use bulkhead::image::{MAX_IMAGE_BYTES, check, symbolise};

#[path = "image/bad.rs"]
mod bad;
#[path = "image/builder.rs"]
mod builder;
#[path = "image/compiled.rs"]
mod compiled;
#[path = "image/invariants.rs"]
mod invariants;
#[path = "image/mutate.rs"]
mod mutate;

use builder::Elf;
use mutate::{Random, mutate};

/// Largest image that goes into the corpus, in bytes.
const CORPUS_IMAGE_MAX: usize = 4096;
/// Largest corpus, in bytes.
const CORPUS_MAX: usize = 200 << 10;
/// Mutated images that are tried.
const VARIANTS: usize = 200_000;

fn corpus_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/image/corpus")
}

/// The files of a directory with their contents, by name.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

fn corpus() -> Vec<Vec<u8>> {
    let dir = corpus_dir();
    files(&dir).into_iter().chain(files(&dir.join("found"))).map(|(_, bytes)| bytes).collect()
}

/// Checks an image and everything that must hold whatever it is; whether it was accepted.
fn accepted(bytes: &[u8]) -> bool {
    // In the good image's code, around its edges, and far out.
    for address in [builder::ENTRY + 2, builder::CODE.end, 0, u64::MAX] {
        if let Some(name) = symbolise(bytes, address) {
            invariants::name_holds(&name);
        }
    }
    match check(bytes) {
        Ok(image) => {
            invariants::hold(bytes, &image);
            true
        }
        Err(error) => {
            invariants::message_holds(&error);
            false
        }
    }
}

#[test]
fn every_bad_image_gets_its_message() {
    let images = bad::images();
    for (index, image) in images.iter().enumerate() {
        assert!(images[..index].iter().all(|other| other.name != image.name), "two are called {}", image.name);
        match check(&image.bytes) {
            Ok(_) => panic!("{} was accepted", image.name),
            Err(error) => assert_eq!(error.to_string(), image.message, "{}", image.name),
        }
        assert!(!accepted(&image.bytes));
    }
}

#[test]
fn what_the_rules_do_not_forbid_is_accepted() {
    use goblin::elf::ProgramHeader;
    use goblin::elf::program_header::{PF_R, PF_W, PF_X, PT_NULL, PT_TLS};

    let other = |kind| ProgramHeader { p_type: kind, p_offset: u64::MAX, p_filesz: u64::MAX, ..ProgramHeader::new() };
    let no_shim = bulkhead_abi::note::Note { abi_version: bulkhead_abi::ABI_VERSION, ..Default::default() };
    let mut many = Elf::good();
    many.headers.extend((0..30).map(|index| builder::load(PF_R | PF_W, 0, 0x50_0000 + index * 0x1000, 0, 1)));
    many.headers.resize(128, other(PT_NULL));
    for (what, image) in [
        ("as it is", Elf::good()),
        ("without symbols", Elf { stripped: true, ..Elf::good() }),
        ("without a shim", Elf::good().with_abi_note(&no_shim)),
        ("with thread-local storage and unknown headers", Elf::good().and_header(other(PT_TLS)).and_header(other(!0))),
        ("with a large alignment", Elf::good().with_header(builder::DATA, |data| data.p_align = 1 << 63)),
        ("with read-only data", Elf::good().and_header(builder::load(PF_R, 0, 0x50_0000, 0x480, 0x480))),
        ("with more code", Elf::good().and_header(builder::load(PF_R | PF_X, 0, 0x50_0000, 0x480, 0x480))),
        ("with an entry at the last byte of code", Elf { entry: builder::CODE.end - 1, ..Elf::good() }),
        ("with as many headers and segments as may be", many),
    ] {
        let bytes = image.bytes();
        check(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(accepted(&bytes));
    }
}

#[test]
fn the_corpus_is_up_to_date() {
    let bless = env::var_os("BLESS").is_some();
    let good = ("good", Elf::good().bytes());
    let bad = bad::images().into_iter().map(|image| (image.name, image.bytes));
    let mut expected: Vec<_> = [good]
        .into_iter()
        .chain(bad)
        .filter(|(_, bytes)| bytes.len() < CORPUS_IMAGE_MAX)
        .map(|(name, bytes)| (corpus_dir().join(name).with_extension("bin"), bytes))
        .collect();
    expected.sort();
    if bless {
        for (path, _) in files(&corpus_dir()) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &expected {
            fs::write(path, bytes).unwrap();
        }
    }
    for ((path, bytes), (expected_path, expected_bytes)) in files(&corpus_dir()).iter().zip(&expected) {
        assert_eq!(path, expected_path, "run again with BLESS=1 and look at the difference");
        assert!(bytes == expected_bytes, "{}: run again with BLESS=1 and look at the difference", path.display());
    }
    assert_eq!(files(&corpus_dir()).len(), expected.len(), "run again with BLESS=1 and look at the difference");
    assert!(corpus().iter().map(Vec::len).sum::<usize>() < CORPUS_MAX);
    assert!(corpus().iter().all(|bytes| bytes.len() < CORPUS_IMAGE_MAX));
}

#[test]
fn mutated_images_are_refused_or_obey_every_rule() {
    let (corpus, good) = (corpus(), Elf::good().bytes());
    let mut random = Random(0xb01c_4ead);
    let mut count = 0;
    for variant in 0..VARIANTS {
        // A bad image seldom gets better: take the good one as often as all the others together.
        let seed = if random.below(2) == 0 { &good } else { &corpus[variant % corpus.len()] };
        let mut image = seed.clone();
        mutate(&mut image, &corpus[random.below(corpus.len())], &mut random);
        count += usize::from(accepted(&image));
    }
    println!("{count} of {VARIANTS} variants were accepted");
    assert!(count > VARIANTS / 20, "{count} of {VARIANTS}: too few to say anything about accepted images");
}

#[test]
fn mutations_of_the_good_image_meet_most_of_the_rules() {
    // If they did not, the test above would say little.
    let good = Elf::good().bytes();
    let mut random = Random(7);
    let mut kinds = BTreeSet::new();
    for _ in 0..VARIANTS / 4 {
        let mut image = good.clone();
        mutate(&mut image, &good, &mut random);
        if let Err(error) = check(&image) {
            let debug = format!("{error:?}");
            kinds.extend(debug.split(' ').next().map(str::to_owned));
        }
    }
    println!("{} kinds of errors: {kinds:?}", kinds.len());
    assert!(kinds.len() >= 25, "{kinds:?}");
}

#[test]
fn tables_that_claim_the_whole_of_a_large_file_are_harmless() {
    let mut bytes = Elf::good().bytes();
    let sections_at = bytes.len() - 4 * 64;
    for section in 1..4 {
        let at = sections_at + section * 64;
        builder::put(&mut bytes, at + 24, &0u64.to_le_bytes());
        builder::put(&mut bytes, at + 32, &(16u64 << 20).to_le_bytes());
    }
    bytes.resize(16 << 20, 0);
    assert!((bytes.len() as u64) < MAX_IMAGE_BYTES);
    assert!(accepted(&bytes));
    builder::put(&mut bytes, 60, &0u16.to_le_bytes());
    assert_eq!(symbolise(&bytes, builder::ENTRY), None);
}
