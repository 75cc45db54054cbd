//! A prompt below the table of runs: a line to type or a question.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The purpose of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    Filter,
    Label,
    Note,
    Tags,
    /// Confirmation before deleting a run.
    Delete,
}

impl PromptKind {
    /// The text before the line.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Filter => "/",
            Self::Label => "name:",
            Self::Note => "note:",
            Self::Tags => "tags:",
            Self::Delete => "delete it with its files? y yes, any other key no",
        }
    }
}

/// A line that is being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub kind: PromptKind,
    /// The run that it refers to.
    pub run: String,
    pub text: String,
}

/// The effect of a key on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptEffect {
    Changed,
    Done,
    Cancelled,
    Nothing,
}

/// Maximum number of characters of a line.
const MAX_LENGTH: usize = 1000;

impl Prompt {
    pub fn key(&mut self, key: KeyEvent) -> PromptEffect {
        if self.kind == PromptKind::Delete {
            let yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
            return if yes { PromptEffect::Done } else { PromptEffect::Cancelled };
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => PromptEffect::Done,
            KeyCode::Esc => PromptEffect::Cancelled,
            KeyCode::Backspace => {
                self.text.pop();
                PromptEffect::Changed
            }
            KeyCode::Char('u') if control => {
                self.text.clear();
                PromptEffect::Changed
            }
            KeyCode::Char('w') if control => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(kept);
                PromptEffect::Changed
            }
            KeyCode::Char(character) if !control => {
                if self.text.chars().count() < MAX_LENGTH {
                    self.text.push(character);
                }
                PromptEffect::Changed
            }
            _ => PromptEffect::Nothing,
        }
    }

    /// The tags of a line: distinct words, separated by blanks or commas.
    pub fn tags(text: &str) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for tag in text.split([' ', ',']).filter(|tag| !tag.is_empty()) {
            if !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
        tags
    }
}
