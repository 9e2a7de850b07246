//! Git, asked so that its answers depend on the workspace and not on whose machine it is.

use domain::tool::{Class, Failure, Output};

use super::site::Site;
use crate::command::{Ended, refused};
use crate::keep::KEPT_BYTES_MAX;

/// How much of what git says is told.
const WORDS_BYTES_MAX: usize = 2 * 1024;

/// The shell found no such program.
const NO_PROGRAM: i32 = 127;
/// Git could not do what it was asked, for a reason of the place it was asked in.
const FATAL: i32 = 128;

/// Settings of a person or of a repository that would change what git answers, or run something.
const SETTINGS: &str = "-c color.ui=false -c core.quotePath=false -c core.fsmonitor=false \
                        -c core.hooksPath=/dev/null -c apply.ignoreWhitespace=no";

/// One use of git.
pub(super) struct Git {
    words: String,
    input: Option<String>,
    kept_bytes_max: usize,
    is_alone: bool,
    is_unhurried: bool,
}

impl Git {
    /// Words as the shell reads them: what comes from elsewhere is [`quoted`].
    pub(super) fn new(words: impl Into<String>) -> Self {
        let (words, kept_bytes_max) = (words.into(), KEPT_BYTES_MAX);
        Self { words, input: None, kept_bytes_max, is_alone: false, is_unhurried: false }
    }

    pub(super) fn input(self, input: String) -> Self {
        Self { input: Some(input), ..self }
    }

    pub(super) fn keep(self, kept_bytes_max: usize) -> Self {
        Self { kept_bytes_max, ..self }
    }

    /// Knows of no repository above the workspace. Without this, git leaves out what a patch says
    /// of files above it, or takes their names for others, and calls that done.
    pub(super) fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Does not hear that it is asked to end, and is killed if it has not by itself in time: what
    /// it writes is short, and worth more as a whole.
    pub(super) fn unhurried(self) -> Self {
        Self { is_unhurried: true, ..self }
    }
}

impl Site {
    /// Asks git; any end but one of its own is the end of the call.
    pub(super) async fn git(&mut self, git: Git) -> Result<Ended, Failure> {
        let mut granted = vec![
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
            // Who only looks takes no lock that others wait for.
            ("GIT_OPTIONAL_LOCKS".to_owned(), "0".to_owned()),
        ];
        if let Some(above) = self.folder.parent().filter(|_| git.is_alone) {
            granted.push(("GIT_CEILING_DIRECTORIES".to_owned(), above.display().to_string()));
        }
        let manners = if git.is_unhurried { "trap '' TERM; " } else { "" };
        let line = format!("{manners}git {SETTINGS} {}", git.words);
        let ended = self.run(line, granted, git.input, git.kept_bytes_max).await?;
        match ended.fate {
            Err((class, story)) if class != Class::Failed => Err(failure(class, story)),
            Ok(()) | Err(_) => Ok(ended),
        }
    }

    /// The same, where any end but a good one is the end of the call.
    pub(super) async fn git_well(&mut self, git: Git, what: &str) -> Result<Ended, Failure> {
        let ended = self.git(git).await?;
        if ended.exit == Some(0) { Ok(ended) } else { Err(failed(what, &ended)) }
    }
}

/// What a use of git comes to that did not end well.
pub(super) fn failed(what: &str, ended: &Ended) -> Failure {
    let said = words(ended);
    match ended.exit {
        Some(NO_PROGRAM) => refused(format!(
            "{what}: there is no git on the PATH that this node grants; install it there"
        )),
        Some(FATAL) if said.contains("not a git repository") => refused(format!(
            "{what}: the workspace is no git repository; make it one with `git init` and a commit, \
             or give the run one that is"
        )),
        Some(FATAL) => refused(format!("{what}: {said}")),
        Some(_) | None => failure(Class::Failed, format!("{what}: {said}")),
    }
}

/// What git says about a use of it that was no success: its errors, or all of it without any.
pub(super) fn words(ended: &Ended) -> String {
    let said = ended.stderr.last(WORDS_BYTES_MAX);
    let error = |line| str::strip_prefix(line, "error: ").or_else(|| line.strip_prefix("fatal: "));
    let mut lines: Vec<&str> = said.lines().filter_map(error).collect();
    // Of a hunk that it did not find it repeats all lines as well.
    lines.retain(|line| *line != "while searching for:");
    if lines.is_empty() {
        lines = said.lines().filter(|line| !line.is_empty()).collect();
    }
    if lines.is_empty() { "git did not say why".to_owned() } else { lines.join("; ") }
}

/// A text as one word of the shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn failure(class: Class, story: String) -> Failure {
    Failure { class, story, output: Output::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_word_whatever_is_in_it() {
        let rows =
            [("main", "'main'"), ("a b", "'a b'"), ("a'b; c", r"'a'\''b; c'"), ("$x", "'$x'")];
        for (text, expected) in rows {
            assert_eq!(quoted(text), expected);
        }
    }
}
