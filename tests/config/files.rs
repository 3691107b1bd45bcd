//! Files that are no configuration at all.

use std::fs;
use std::path::Path;

use bulkhead::config;

use super::{HOST_CPUS, check_image, folder};

/// What is said about the file at `path`, whose folder is cut out of the text.
fn complaint(path: &Path) -> String {
    let mistakes = config::load(path, &HOST_CPUS, &mut check_image).unwrap_err();
    assert_eq!(mistakes.count(), 1, "{mistakes}");
    let folder = path.parent().unwrap().display().to_string();
    mistakes.to_string().replace(&format!("{folder}/"), "")
}

/// What is said about a file that holds `bytes`.
fn complaint_about(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.toml");
    fs::write(&path, bytes).unwrap();
    complaint(&path)
}

#[test]
fn a_configuration_is_read_from_its_file_and_images_lie_beside_it() {
    let path = folder("good").join("minimal.toml");
    let module = config::load(&path, &HOST_CPUS, &mut check_image).unwrap();
    assert_eq!(module.partitions[0].image, folder("good").join("nav.elf"));
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        complaint(&folder.path().join("absent.toml")),
        "error: the configuration does not exist\n--> absent.toml\n"
    );
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    assert_eq!(
        complaint(&inner),
        "error: the configuration is a directory; name the configuration file in it\n--> inner\n"
    );
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let message = complaint(Path::new("/proc/self/mem"));
    assert!(message.starts_with("error: the configuration cannot be read: "), "{message}");
}

#[test]
fn a_huge_or_endless_file_is_refused() {
    let expected = "error: the configuration is larger than 4 MiB, which no module needs\n--> ";
    assert!(complaint_about(&vec![b'#'; 10 << 20]).starts_with(expected));
    assert!(complaint(Path::new("/dev/zero")).starts_with(expected));
}

#[test]
fn binary_files_are_refused_in_two_lines() {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let message = complaint_about(&bytes);
    assert!(message.starts_with("error: the configuration is not UTF-8 text: line 2 "), "{message}");
    assert_eq!(message.lines().count(), 2);
    let latin = complaint_about(b"[module]\nname = \"gr\xf6\xdfe\"\n");
    assert!(latin.contains("line 2"), "{latin}");
}

#[test]
fn zeroes_are_text_but_no_toml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.toml");
    fs::write(&path, vec![0; 100_000]).unwrap();
    let mistakes = config::load(&path, &HOST_CPUS, &mut check_image).unwrap_err();
    assert_eq!(mistakes.count(), 1);
    assert!(mistakes.to_string().len() < 2000, "{mistakes}");
}
