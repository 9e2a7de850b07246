use std::path::PathBuf;

use crate::guard::Verb;

/// What the tools of a node are told about the place they work in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How the guard is started.
    pub guard: Verb,
    /// The file that every guard holds a shared lock on while anything of its tool lives.
    pub hands: PathBuf,
    /// The shell that runs commands, as an absolute path.
    pub shell: PathBuf,
    /// Where a command works that does not say where; an absolute path.
    pub folder: PathBuf,
    /// All that a command sees of the node's environment.
    pub environment: Environment,
}

impl Options {
    /// With the shell that every Unix has, at work in the root folder, with a plain `PATH`.
    pub fn new(guard: Verb, hands: PathBuf) -> Self {
        let path = Some("/usr/local/bin:/usr/bin:/bin".to_owned());
        Self {
            guard,
            hands,
            shell: PathBuf::from("/bin/sh"),
            folder: PathBuf::from("/"),
            environment: Environment { path, ..Environment::default() },
        }
    }
}

/// The variables that are the same for every command; what is absent here is absent there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    pub path: Option<String>,
    pub home: Option<String>,
    pub user: Option<String>,
    pub lang: Option<String>,
    pub tz: Option<String>,
    pub term: Option<String>,
}

impl Environment {
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("PATH", &self.path),
            ("HOME", &self.home),
            ("USER", &self.user),
            ("LANG", &self.lang),
            ("TZ", &self.tz),
            ("TERM", &self.term),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}
