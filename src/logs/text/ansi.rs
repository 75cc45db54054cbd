//! Removes terminal control sequences from text.

/// A line without escape sequences and control characters, trimmed.
#[must_use]
pub fn plain(line: &str) -> String {
    if !line.chars().any(char::is_control) {
        return line.trim().to_owned();
    }
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // Control sequence: parameters, then one final character.
                Some('[') => {
                    characters.find(|c| ('\u{40}'..='\u{7e}').contains(c));
                }
                // An operating-system command or similar, up to a bell or `ESC \`.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = characters.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && characters.next_if_eq(&'\\').is_some())
                        {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\u{9b}' => {
                characters.find(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_links_and_backspaces_are_removed() {
        assert_eq!(plain("\u{1b}[1;32mstep 0\u{1b}[0m loss \u{1b}[K2"), "step 0 loss 2");
        assert_eq!(plain("a\u{1b}]8;id=1;file:///x\u{1b}\\link\u{1b}]8;;\u{7}b"), "alinkb");
        assert_eq!(plain("x\u{8}\u{8}\u{1b}"), "x");
        assert_eq!(plain("\u{1b}[A\ttab\u{9b}31mred"), "tab".to_owned() + "red");
    }
}
