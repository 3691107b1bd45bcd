//! Command lines to be copied into a shell.

/// The words as a POSIX shell's command line, quoted where they have to be.
pub fn command_line<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_where_a_shell_would_read_it_otherwise() {
        assert_eq!(command_line(["gdb", "-p", "7", "/opt/guests/nav-2.elf"]), "gdb -p 7 /opt/guests/nav-2.elf");
        assert_eq!(command_line(["run", "my guests/it's.elf", "", "$HOME"]), r"run 'my guests/it'\''s.elf' '' '$HOME'");
    }
}
