//! Which kind of project a folder holds, and how its own tools check it.

/// What is asked of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Tests,
    Linters,
}

impl Check {
    pub(super) fn tool(self) -> &'static str {
        match self {
            Check::Tests => "run_tests",
            Check::Linters => "run_linters",
        }
    }

    /// The target of a Makefile that answers it.
    fn target(self) -> &'static str {
        match self {
            Check::Tests => "test",
            Check::Linters => "lint",
        }
    }
}

/// A kind of project: any of its files tells that it is one.
struct Kind {
    files: &'static [&'static str],
    tests: &'static str,
    linters: &'static str,
}

/// In the order in which they are looked for: the first one found counts.
const KINDS: [Kind; 5] = [
    Kind { files: &["Cargo.toml"], tests: "cargo test", linters: "cargo clippy -- -D warnings" },
    Kind { files: &["package.json"], tests: "npm test", linters: "npm run lint" },
    Kind {
        files: &["pyproject.toml", "setup.py", "pytest.ini"],
        tests: "python3 -m pytest -q",
        linters: "python3 -m ruff check .",
    },
    Kind { files: &["go.mod"], tests: "go test ./...", linters: "go vet ./..." },
    Kind { files: &[MAKEFILE], tests: "make test", linters: "make lint" },
];

/// Tells a kind only if it has a target for what is asked.
pub(super) const MAKEFILE: &str = "Makefile";

/// How a project is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// The file that told its kind.
    pub(super) file: &'static str,
    pub(super) command: &'static str,
}

/// All files that tell a kind, in the order in which they are looked for.
pub(super) fn files() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|kind| kind.files).copied()
}

/// The kind of a project of which these files are there, with what its Makefile says if it has one.
pub(super) fn recognize(check: Check, there: &[&str], makefile: &str) -> Option<Known> {
    KINDS.iter().find_map(|kind| {
        let file = kind.files.iter().find(|file| there.contains(file))?;
        let command = match check {
            Check::Tests => kind.tests,
            Check::Linters => kind.linters,
        };
        let has_target = *file != MAKEFILE || has_target(makefile, check.target());
        has_target.then_some(Known { file, command })
    })
}

/// Whether a rule of this Makefile, and no variable, has the target among its targets.
fn has_target(makefile: &str, target: &str) -> bool {
    makefile.lines().filter(|line| !line.starts_with(['\t', '#'])).any(|line| {
        let Some((targets, rest)) = line.split_once(':') else { return false };
        let is_variable = rest.starts_with('=') || rest.starts_with(":=") || targets.contains('=');
        !is_variable && targets.split_whitespace().any(|word| word == target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kind_that_a_file_tells_counts() {
        use Check::{Linters, Tests};
        let make = "all: test\n\ntest lint:\n\ttrue\n";
        let rows = [
            (Tests, vec!["Cargo.toml", "package.json", "Makefile"], "", Some("cargo test")),
            (Linters, vec!["Cargo.toml"], "", Some("cargo clippy -- -D warnings")),
            (Tests, vec!["go.mod", "package.json"], "", Some("npm test")),
            (Linters, vec!["package.json"], "", Some("npm run lint")),
            (Tests, vec!["setup.py"], "", Some("python3 -m pytest -q")),
            (Tests, vec!["pytest.ini"], "", Some("python3 -m pytest -q")),
            (Linters, vec!["pyproject.toml", "go.mod"], "", Some("python3 -m ruff check .")),
            (Tests, vec!["go.mod", "Makefile"], make, Some("go test ./...")),
            (Linters, vec!["go.mod"], "", Some("go vet ./...")),
            (Tests, vec!["Makefile"], make, Some("make test")),
            (Linters, vec!["Makefile"], make, Some("make lint")),
            (Linters, vec!["Makefile"], "test:\n", None),
            (Tests, vec![], "", None),
        ];
        for (check, there, makefile, expected) in rows {
            let known = recognize(check, &there, makefile).map(|known| known.command);
            assert_eq!(known, expected, "{check:?} {there:?} {makefile:?}");
        }
    }

    #[test]
    fn a_target_is_told_from_what_only_looks_like_one() {
        let rows = [
            ("test:", true),
            ("test: build", true),
            ("build test : x", true),
            ("test::", true),
            ("test := 1", false),
            ("test ::= 1", false),
            ("FLAGS = test: x", false),
            ("all: test", false),
            ("# test:", false),
            ("\ttest: x", false),
            (".PHONY: test", false),
            ("tests:", false),
        ];
        for (line, expected) in rows {
            assert_eq!(has_target(line, "test"), expected, "{line:?}");
        }
    }
}
