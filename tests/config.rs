//! The configuration language from outside: what good files mean, and what is said about bad ones.
//!
//! `tests/config/bad/NAME.txt` holds the complete text that `NAME.toml` there gets; `BULKHEAD_BLESS=1 cargo test --test
//! config` rewrites these texts, and the difference is for a person to judge.

use std::path::{Path, PathBuf};
use std::{env, fs};

use bulkhead::config::{self, Mistakes, Module};

#[path = "config/channels.rs"]
mod channels;
#[path = "config/files.rs"]
mod files;
#[path = "config/good.rs"]
mod good;
#[path = "config/mutations.rs"]
mod mutations;

/// The CPUs of the host that these configurations meet.
const HOST_CPUS: [u32; 4] = [3, 2, 1, 0];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/config").join(name)
}

/// The configurations of a folder with their names, in order.
fn configurations(folder: &Path) -> Vec<(String, String)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Stands in for the image checker: the name decides.
fn check_image(path: &Path) -> Result<(), String> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("absent.elf") => Err("there is no such file".to_owned()),
        Some("text.elf") => Err("not an ELF file: it begins with \"#!/b\"".to_owned()),
        _ => Ok(()),
    }
}

fn parse(name: &str, text: &str) -> Result<Module, Mistakes> {
    config::parse(Path::new(name), text, Path::new("guests"), &HOST_CPUS, &mut check_image)
}

#[test]
fn bad_configurations_get_their_texts() {
    let bless = env::var_os("BULKHEAD_BLESS").is_some_and(|value| value == "1");
    let folder = folder("bad");
    let configurations = configurations(&folder);
    assert!(configurations.len() >= 40, "{} configurations", configurations.len());
    let mut wrong = String::new();
    for (name, text) in configurations {
        let Err(mistakes) = parse(&name, &text) else { panic!("{name} was accepted") };
        let actual = mistakes.render(false);
        assert_eq!(actual, mistakes.to_string(), "{name}");
        let golden = folder.join(&name).with_extension("txt");
        if bless {
            fs::write(&golden, &actual).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != actual {
            wrong += &format!("--- {name}\n{actual}\n");
        }
    }
    assert!(wrong.is_empty(), "not as in the golden files (BULKHEAD_BLESS=1 rewrites them):\n{wrong}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    for (name, text) in configurations(&folder("bad")) {
        let mistakes = parse(&name, &text).unwrap_err();
        let coloured = mistakes.render(true);
        assert!(coloured.contains("\x1b["), "{name}");
        assert_eq!(without_escapes(&coloured), mistakes.render(false), "{name}");
        assert!(!mistakes.render(false).contains('\x1b'), "{name}");
    }
}

/// `text` without the sequences that set a colour.
fn without_escapes(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| out + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}
