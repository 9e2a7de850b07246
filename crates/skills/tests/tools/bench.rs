//! A workspace to use actions in: a folder beside the yard's own things, a repository if one is
//! wanted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use domain::BoxFuture;
use domain::tool::{Attachment, Class, Content, Failure, Media, Output, Tools};
use serde_json::{Value, json};
use skills::Options;
use tempfile::TempDir;

use crate::yard::{PATIENCE, Yard, never};

pub(crate) struct Bench {
    pub(crate) yard: Yard,
    /// Goes away with it.
    _programs: Option<TempDir>,
}

impl Bench {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let bench = Self { yard: Yard::with(change), _programs: None };
        std::fs::create_dir(bench.path()).expect("it is new");
        bench
    }

    /// A repository with one commit, on the branch `main`.
    pub(crate) fn repository(files: &[(&str, &str)]) -> Self {
        let bench = Self::new();
        bench.git("init -q -b main");
        bench.commit(files);
        bench
    }

    /// With a program of its own that a call finds before all others.
    pub(crate) fn with_program(name: &str, script: &str) -> Self {
        let programs = tempfile::tempdir().expect("a temporary folder");
        write(programs.path(), name, script);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.path().display());
        let bench = Self::with(|options| options.environment.path = Some(path));
        Self { _programs: Some(programs), ..bench }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.yard.folder().join("workspace")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.path(), path, text);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect("it is there")
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        files.iter().for_each(|(path, text)| self.write(path, text));
        self.git("add -A");
        self.git("-c user.name=ann -c user.email=ann@example.org commit -q --allow-empty -m all");
    }

    pub(crate) fn git(&self, words: &str) -> String {
        let mut git = Command::new("git");
        git.args(words.split(' ')).current_dir(self.path());
        let output = git.output().expect("git is installed");
        assert!(output.status.success(), "git {words}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Arguments with the workspace in them.
    pub(crate) fn args(&self, mut args: Value) -> Value {
        let workspace = json!({ "id": "sample", "path": self.path() });
        let place = args.as_object_mut().expect("an object").entry("workspace");
        place.or_insert(workspace);
        args
    }

    pub(crate) async fn act(&self, tool: &str, args: Value) -> Result<Output, Failure> {
        self.act_until(tool, args, PATIENCE, never()).await
    }

    pub(crate) async fn act_until(
        &self,
        tool: &str,
        args: Value,
        within: Duration,
        stop: BoxFuture<'static, ()>,
    ) -> Result<Output, Failure> {
        let mut call = self.yard.call(self.args(args), within);
        call.tool = tool.into();
        self.yard.toolbox.perform(call, stop).await
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(path);
    let above = path.parent().expect("it has a folder");
    std::fs::create_dir_all(above).expect("it is ours");
    std::fs::write(&path, text).expect("it is ours");
    if text.starts_with("#!") {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }
}

/// The bytes of one attachment, as text.
pub(crate) fn attached(output: &Output, name: &str, media: Media) -> String {
    let found = output.attachments.iter().find(|attachment| attachment.name == name);
    let Some(Attachment { content: Content::Bytes(bytes), media: seen, .. }) = found else {
        panic!("no {name} in {:?}", output.attachments);
    };
    assert_eq!(*seen, media, "{name}");
    String::from_utf8(bytes.clone()).expect("text")
}

pub(crate) fn check_failure(failure: &Failure, class: Class, parts: &[&str]) {
    assert_eq!(failure.class, class, "{}", failure.story);
    for part in parts {
        assert!(failure.story.contains(part), "no {part:?} in {}", failure.story);
    }
}
